package publisher

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/test/hitch"
	"github.com/lensbus/lensbus/test/logbook"
)

// A changed configuration: cameras come, go and change, and the one that is the same keeps every
// frame.
func TestReload(t *testing.T) { hitch.Judge(t, reloads) }

func reloads(t *testing.T) (found hitch.Problems) {
	r := newRig(t, CameraConfig{}, Deps{}) // gives a bus; its own camera is not of this test
	reload := make(chan Config)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	same := CameraConfig{Source: "test:?width=64&height=48&fps=20"}
	go func() {
		done <- Run(ctx, Config{Cameras: map[frame.CameraID]CameraConfig{
			"same": same, "altered": same, "removed": same,
		}}, Deps{Bus: r.conn, Reload: reload})
	}()
	statuses := make(chan frame.Status, 1000)
	stop, err := r.conn.Statuses(func(s frame.Status) { statuses <- s })
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	await := func(what string, wanted func(frame.Status) bool) frame.Status {
		t.Helper()
		deadline := time.After(patience)
		for {
			select {
			case s := <-statuses:
				if wanted(s) {
					return s
				}
			case <-deadline:
				t.Fatalf("no status with %s", what)
			}
		}
	}
	isLive := func(id frame.CameraID) func(frame.Status) bool {
		return func(s frame.Status) bool { return s.ID == id && s.State == frame.StateLive }
	}
	live, err := r.conn.Live("same")
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { // the first frames are fetched one by one
		was := live.Stats()
		eventually(t, func() bool { return live.Stats().Received >= was.Received+20 })
		return live.Stats().Missed == was.Missed
	})
	missed := live.Stats().Missed
	before := await("altered live", isLive("altered"))

	reload <- Config{Cameras: map[frame.CameraID]CameraConfig{"same": {Source: "nonsense"}}} // refused
	reload <- Config{Cameras: map[frame.CameraID]CameraConfig{
		"same": same, "altered": {Source: "test:?width=128&height=96&fps=20"}, "added": same,
	}}
	await("added live", isLive("added"))
	after := await("altered, 128 wide", func(s frame.Status) bool { return s.ID == "altered" && s.Width == 128 })
	if after.Epoch == before.Epoch {
		t.Error("an altered camera is a new run and has a new epoch")
	}
	epoch := ""
	for range 20 {
		f, err := live.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if epoch != "" && f.Epoch != epoch {
			t.Error("the camera that is the same began anew")
		}
		epoch = f.Epoch
	}
	if now := live.Stats().Missed; now != missed {
		found.Add("the camera that is the same lost %d frames", now-missed)
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	return found
}

// A camera that another publisher had is begun again when the configuration is read again, though it is
// the same as before; and one that has ended by itself is not.
func TestReloadBeginsWhatHadEnded(t *testing.T) {
	r := newRig(t, CameraConfig{}, Deps{})
	taken := r.get().Status.Epoch
	cfg := Config{Cameras: map[frame.CameraID]CameraConfig{
		"front": {Source: "test:?width=64&height=48&fps=20"}, // the rig's publisher has it
		"over":  {Source: "images:" + pictures(t, 2) + "?fps=20"},
		"other": {Source: "test:?width=64&height=48&fps=20"},
	}}
	reload := make(chan Config)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	var log logbook.Book
	go func() {
		done <- Run(ctx, cfg, Deps{Bus: r.conn, Reload: reload, Log: slog.New(slog.NewTextHandler(&log, nil))})
	}()
	live := make(chan frame.Status, 1000)
	stop, err := r.conn.Statuses(func(s frame.Status) { live <- s }, "over")
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	eventually(t, func() bool {
		return strings.Contains(log.String(), "already published") && strings.Contains(log.String(), "has come to its end")
	})
	reload <- cfg // in vain, while the other has it
	eventually(t, func() bool { return strings.Count(log.String(), "already published") >= 2 })
	if got := r.get().Status.Epoch; got != taken {
		t.Fatal("the one who has it was disturbed")
	}
	if err := r.end(); err != nil {
		t.Fatal(err)
	}
	reload <- cfg
	if f := r.frames("the other publisher", func(f frame.Frame) bool { return f.Epoch != taken }); f.Width != 64 {
		t.Errorf("%d wide", f.Width)
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("nothing was wrong in the end: %v", err)
	}
	epochs := make(map[string]bool)
	for len(live) > 0 {
		epochs[(<-live).Epoch] = true
	}
	if len(epochs) > 1 {
		t.Errorf("what had come to its end began %d times", len(epochs))
	}
}

// A camera that stays taken is what Run ends with.
func TestTakenCameraIsTheEnd(t *testing.T) {
	r := newRig(t, CameraConfig{}, Deps{})
	r.get()
	err := Run(t.Context(), Config{Cameras: map[frame.CameraID]CameraConfig{
		"front": {Source: "test:"}, "over": {Source: "images:" + pictures(t, 2) + "?fps=20"},
	}}, Deps{Bus: r.conn})
	if !errors.Is(err, ErrTaken) {
		t.Errorf("ends with %v", err)
	}
}
