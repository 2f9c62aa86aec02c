package publisher

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image/jpeg"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/test/hitch"
)

func TestSetChangesTheNextFrames(t *testing.T) { hitch.Judge(t, setChangesTheNextFrames) }

func setChangesTheNextFrames(t *testing.T) (found hitch.Problems) {
	r := newRig(t, CameraConfig{}, Deps{})
	before := r.settled()
	var d frame.Detail
	if err := r.control(frame.VerbSet, frame.Change{Width: ptr(640), Height: ptr(480), Quality: ptr(90)}, &d); err != nil {
		t.Fatal(err)
	}
	if d.Settings.Width != 640 || d.Settings.Quality != 90 || d.Status.State != frame.StateLive || d.Status.Width != 640 {
		t.Errorf("the answer: %+v, %s, %d pixels wide", d.Settings, d.Status.State, d.Status.Width)
	}
	large := r.frames("640x480", size(640, 480))
	if large.Epoch != before.Epoch || large.Seq <= before.Seq {
		t.Errorf("epoch %s → %s, frame %d → %d: viewers notice more than the new size", before.Epoch, large.Epoch, before.Seq, large.Seq)
	}
	if err := r.control(frame.VerbSet, frame.Change{Quality: ptr(10)}, nil); err != nil {
		t.Fatal(err)
	}
	r.frames("fewer bytes", func(f frame.Frame) bool { return f.Width == 640 && len(f.Data) < len(large.Data)*2/3 })
	if err := r.control(frame.VerbSet, frame.Change{FPS: ptr(15.0)}, &d); err != nil || d.Status.FPSAsked != 15 {
		t.Errorf("the answer tells of %g frames per second asked for, %v", d.Status.FPSAsked, err)
	}
	if got := r.get().Settings; got != (frame.Settings{Width: 640, Height: 480, FPS: 15, Quality: 10}) {
		t.Errorf("settings %+v", got)
	}
	if missed := r.live.Stats().Missed - r.missed; missed != 0 {
		found.Add("%d frames missed", missed)
	}
	return found
}

func TestBadRequestsAreRefusedAndChangeNothing(t *testing.T) {
	r := newRig(t, CameraConfig{}, Deps{})
	before := r.get().Settings
	nc := r.conn.NATS()
	for _, test := range []struct {
		verb, request, code string
	}{
		{"set", `{"widht":640}`, "400"},
		{"set", `{"quality":"high"}`, "400"},
		{"set", `{"quality":101}`, "400"},
		{"set", `{"quality":0}`, "400"},
		{"set", `{"fps":NaN}`, "400"},
		{"set", `{"fps":-1}`, "400"},
		{"set", `{"fps":1e300}`, "400"},
		{"set", `{"width":-640,"height":480}`, "400"},
		{"set", `{"width":640}`, "400"},
		{"set", `{"width":1e9,"height":1e9}`, "400"},
		{"set", `[]`, "400"},
		{"set", `{"quality":50} {"quality":60}`, "400"},
		{"set", `{"controls":{"brightness":10}}`, "409"},
		{"set", `{"quality":50,"save":true}`, "409"},
		{"set", `{"quality":"` + strings.Repeat("9", 5<<20) + `"}`, "413"},
		{"watch", `{}`, "400"},
		{"watch", `{"watcher":"` + strings.Repeat("x", 65) + `","seconds":1}`, "400"},
		{"snapshot", `{"width":-1}`, "400"},
		{"release", `{"epoch":"guess"}`, "404"},
		{"get", strings.Repeat(" ", 100<<10), "413"},
	} {
		name := fmt.Sprintf("%s %.40s", test.verb, test.request)
		msg, err := nc.Request("cam.front.control."+test.verb, []byte(test.request), patience)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if code := msg.Header.Get("Nats-Service-Error-Code"); code != test.code {
			t.Errorf("%s: code %q (%s), want %s", name, code, msg.Header.Get("Nats-Service-Error"), test.code)
		}
	}
	if after := r.get().Settings; after != before {
		t.Errorf("settings %+v, before %+v", after, before)
	}
}

// An asker must not make the camera speak where only the camera may.
func TestForeignReplySubject(t *testing.T) {
	r := newRig(t, CameraConfig{}, Deps{})
	r.get()
	nc := r.conn.NATS()
	heard, err := nc.SubscribeSync("cam.yard.status")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = heard.Unsubscribe() }()
	if err := nc.PublishRequest("cam.front.control.get", "cam.yard.status", nil); err != nil {
		t.Fatal(err)
	}
	r.get() // answered after it
	if msg, err := heard.NextMsg(time.Millisecond); err == nil {
		t.Errorf("the camera answered on another's subject: %.60s", msg.Data)
	}
}

func TestSnapshot(t *testing.T) {
	r := newRig(t, CameraConfig{}, Deps{})
	r.frames("any", func(frame.Frame) bool { return true })
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	f, err := r.conn.Snapshot(ctx, "front", 0)
	if err != nil || f.Width != 320 {
		t.Fatalf("%dx%d, %v", f.Width, f.Height, err)
	}
	if f, err = r.conn.Snapshot(ctx, "front", 160); err != nil || f.Width != 160 || f.Height != 120 {
		t.Fatalf("%dx%d, %v", f.Width, f.Height, err)
	}
	if _, err := jpeg.Decode(bytes.NewReader(f.Data)); err != nil {
		t.Fatal(err)
	}
}

func TestOnDemand(t *testing.T) {
	r := newRig(t, CameraConfig{OnDemand: true, Grace: 200 * time.Millisecond}, Deps{})
	eventually(t, func() bool { return r.get().Status.State == frame.StateIdle }) // it answers a moment before that
	if s := r.get().Status; s.State != frame.StateIdle || s.Sent != 0 {
		t.Fatalf("with nobody watching: %s, %d sent", s.State, s.Sent)
	}
	var d frame.Detail
	if err := r.control(frame.VerbSet, frame.Change{Width: ptr(160), Height: ptr(120)}, &d); err != nil || d.Settings.Width != 160 {
		t.Errorf("set while it is closed: %+v, %v", d.Settings, err)
	}
	f := r.frames("160x120", size(160, 120))
	if err := r.live.Close(); err != nil {
		t.Fatal(err)
	}
	r.live = nil
	eventually(t, func() bool { return r.get().Status.State == frame.StateIdle })
	again := r.frames("a newer one", func(g frame.Frame) bool { return g.Seq > f.Seq })
	if again.Epoch != f.Epoch {
		t.Error("a new epoch: gaps could not be seen across it")
	}
}

func TestSameCameraTwice(t *testing.T) {
	r := newRig(t, CameraConfig{}, Deps{})
	first := r.get().Status.Epoch
	cfg := CameraConfig{Source: "test:?width=64&height=48&fps=10"}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	err := Run(ctx, Config{Cameras: map[frame.CameraID]CameraConfig{"front": cfg}}, Deps{Bus: r.conn})
	if !errors.Is(err, ErrTaken) || !strings.Contains(err.Error(), "--replace") {
		t.Fatalf("the second: %v", err)
	}
	if got := r.get().Status.Epoch; got != first {
		t.Fatal("the first was disturbed")
	}
	r.publish(cfg, Deps{Bus: r.conn, Replace: true})
	r.frames("64x48", size(64, 48))
	eventually(t, func() bool { return r.get().Status.Epoch != first })
	if err := r.end(); !errors.Is(err, errReleased) {
		t.Errorf("the first ends with %v", err)
	}
}

func TestSavedSettingsSurvive(t *testing.T) {
	dir := t.TempDir()
	r := newRig(t, CameraConfig{}, Deps{StateDir: dir})
	var d frame.Detail
	if err := r.control(frame.VerbSet, frame.Change{Width: ptr(160), Height: ptr(120), Save: true}, &d); err != nil {
		t.Fatal(err)
	}
	if !d.Saved {
		t.Error("the answer does not say that it is saved")
	}
	if err := r.control(frame.VerbSet, frame.Change{Quality: ptr(33)}, &d); err != nil || d.Saved {
		t.Fatalf("unsaved change: saved %v, %v", d.Saved, err)
	}
	if err := r.end(); err != nil {
		t.Fatal(err)
	}
	r.publish(CameraConfig{Source: "test:?width=320&height=240&fps=20"}, Deps{Bus: r.conn, StateDir: dir})
	if s := r.get(); s.Settings.Width != 160 || s.Settings.Quality == 33 || !s.Saved {
		t.Errorf("after the restart: %+v, saved %v", s.Settings, s.Saved)
	}
}

func TestConcurrentSettersEachGetTheTruth(t *testing.T) {
	r := newRig(t, CameraConfig{}, Deps{})
	r.get()
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			var d frame.Detail
			quality := 20 + i
			if err := r.control(frame.VerbSet, frame.Change{Quality: &quality}, &d); err != nil {
				t.Error(err)
			} else if d.Settings.Quality != quality {
				t.Errorf("asked for quality %d, told %d", quality, d.Settings.Quality)
			}
		})
	}
	wg.Wait()
}

// `nats req cam.front.control.get ”` and `nats micro ls` need nobody's client but NATS's own.
func TestPlainNATSTools(t *testing.T) {
	r := newRig(t, CameraConfig{}, Deps{Version: "1.2.3"})
	r.get()
	nc := r.conn.NATS()
	msg, err := nc.Request("cam.front.control.get", nil, patience)
	if err != nil {
		t.Fatal(err)
	}
	var d map[string]any
	if err := json.Unmarshal(msg.Data, &d); err != nil || d["status"] == nil || d["settings"] == nil {
		t.Fatalf("%s, %v", msg.Data, err)
	}
	msg, err = nc.Request("$SRV.INFO.camera", nil, patience)
	if err != nil || !bytes.Contains(msg.Data, []byte(`"camera":"front"`)) || !bytes.Contains(msg.Data, []byte("1.2.3")) {
		t.Fatalf("%v, %v", msg, err)
	}
}
