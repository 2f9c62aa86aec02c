package publisher

import (
	"bytes"
	"encoding/json"
	"errors"
	"image"
	"image/png"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/lensbus/lensbus/broker"
	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/publisher/source"
)

// pictures is a folder of pictures of which each is wider than the one before.
func pictures(t *testing.T, n int) (folder string) {
	t.Helper()
	folder = t.TempDir()
	for i := range n {
		img := image.NewNRGBA(image.Rect(0, 0, 64+i, 64))
		for p := range img.Pix {
			img.Pix[p] = byte(p*p>>4) | 0x80
		}
		var out bytes.Buffer
		if err := png.Encode(&out, img); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, strconv.Itoa(i)+".png"), out.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

// A folder that is shown at another rate and quality goes on with the next picture: viewers notice
// nothing else.
func TestImagesKeepTheirPlaceWhenTheyAreSet(t *testing.T) {
	r := newRig(t, CameraConfig{OnDemand: true, Source: "images:" + pictures(t, 400) + "?fps=20", Quality: 95}, Deps{})
	next := r.every()
	defer r.conn.Watch("front", false)()
	first := next()
	last := first
	until := func(what string, like func(frame.Frame) bool) {
		t.Helper()
		for deadline := time.Now().Add(patience); ; {
			f := next()
			if f.Epoch != last.Epoch || f.Seq != last.Seq+1 || f.Width <= last.Width {
				t.Fatalf("frame %d, %d wide, follows %d, %d wide (same epoch: %v)", f.Seq, f.Width, last.Seq, last.Width, f.Epoch == last.Epoch)
			}
			took := f.Captured.Sub(last.Captured)
			last = f
			if like(f) && took > 0 {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("no frame with %s", what)
			}
		}
	}
	size := len(first.Data)
	for _, change := range []struct {
		what string
		set  frame.Change
		like func(frame.Frame) bool
	}{
		{"fewer bytes", frame.Change{Quality: ptr(5)}, func(f frame.Frame) bool { return len(f.Data) < size/2 }},
		{"as many bytes again", frame.Change{Quality: ptr(95), FPS: ptr(40.0)}, func(f frame.Frame) bool { return len(f.Data) > size*3/4 }},
		{"fps 30", frame.Change{FPS: ptr(30.0)}, func(frame.Frame) bool { return true }},
	} {
		var d frame.Detail
		if err := r.control(frame.VerbSet, change.set, &d); err != nil {
			t.Fatal(err)
		}
		if d.Status.State != frame.StateLive {
			t.Errorf("%s: the camera is %s", change.what, d.Status.State)
		}
		until(change.what, change.like)
	}
	if got := r.get().Settings; got.FPS != 30 || got.Quality != 95 {
		t.Errorf("settings %+v", got)
	}
}

// Where the source has a rate of its own and is asked for less, pictures are left out, and again all
// where nothing is asked: it is not opened anew.
func TestStreamIsThinnedWhileItIsOpen(t *testing.T) {
	b := newBench(t, broker.Config{}, CameraConfig{Source: "rtsp://camera/stream"})
	b.run()
	stop := b.feed(jpegOf(t, 64, 48, 80), jpegOf(t, 64, 48, 70))
	defer stop()
	b.status("live", func(s frame.Status) bool { return s.State == frame.StateLive })
	set := func(fps float64) {
		t.Helper()
		var d frame.Detail
		if err := b.conn.Control(t.Context(), "front", frame.VerbSet, frame.Change{FPS: &fps}, &d); err != nil || d.Settings.FPS != fps {
			t.Fatalf("%+v, %v", d.Settings, err)
		}
	}
	set(5)
	thinned := b.camera.state.status().Dropped[source.DropRate]
	eventually(t, func() bool { return b.camera.state.status().Dropped[source.DropRate] > thinned+100 })
	set(0)
	all := b.camera.state.status()
	eventually(t, func() bool {
		now := b.camera.state.status()
		return now.Sent > all.Sent+50 && now.Dropped[source.DropRate] <= all.Dropped[source.DropRate]+1
	})
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.opened != 1 {
		t.Errorf("opened %d times", b.opened)
	}
}

// What a camera that is closed cannot do is refused as if it were open.
func TestClosedCameraRefusesASizeThatItDoesNotHave(t *testing.T) {
	b := newBench(t, broker.Config{}, CameraConfig{OnDemand: true})
	b.camera.device = &knobs{values: map[string]int64{}, sizes: []frame.Size{{Width: 640, Height: 480}, {Width: 1280, Height: 720}}}
	if err := b.live.Close(); err != nil { // who watches has the camera opened
		t.Fatal(err)
	}
	b.run()
	b.status("idle", func(s frame.Status) bool { return s.State == frame.StateIdle })
	set := func(width, height int) (d frame.Detail, err error) {
		err = b.conn.Control(t.Context(), "front", frame.VerbSet, frame.Change{Width: &width, Height: &height}, &d)
		return d, err
	}
	refused := new(bus.ControlError)
	if _, err := set(800, 600); !errors.As(err, &refused) || refused.Code != 409 || !strings.Contains(refused.Text, "640x480 1280x720") {
		t.Errorf("a size that it does not have: %v", err)
	}
	if got := b.camera.tuning.current(); got != (frame.Settings{}) {
		t.Errorf("and yet %+v is asked", got)
	}
	if d, err := set(1280, 720); err != nil || d.Settings.Width != 1280 {
		t.Errorf("a size that it has: %+v, %v", d.Settings, err)
	}
	if _, err := set(16384, 16384); !errors.As(err, &refused) || refused.Code != 400 {
		t.Errorf("a size that no frame may have: %v", err)
	}
}

// Saved settings are forgotten on request, now and for the next start; until then, a start says that
// they are not those of the configuration.
func TestForget(t *testing.T) {
	dir := t.TempDir()
	cfg := CameraConfig{Source: "test:?width=64&height=48&fps=20", Quality: 60}
	r := newRig(t, cfg, Deps{StateDir: dir})
	set := func(change frame.Change) (d frame.Detail) {
		t.Helper()
		if err := r.control(frame.VerbSet, change, &d); err != nil {
			t.Fatal(err)
		}
		return d
	}
	configured := frame.Settings{Width: 64, Height: 48, FPS: 20, Quality: 60}
	if d := set(frame.Change{Width: ptr(128), Height: ptr(96), FPS: ptr(10.0), Quality: ptr(33), Save: true}); d.Settings.Quality != 33 || !d.Saved {
		t.Fatalf("%+v, saved %v", d.Settings, d.Saved)
	}
	err := r.control(frame.VerbSet, frame.Change{Save: true, Forget: true}, nil)
	if refused := new(bus.ControlError); !errors.As(err, &refused) || refused.Code != 400 {
		t.Errorf("save and forget: %v", err)
	}
	d := set(frame.Change{Forget: true})
	if d.Settings != configured || d.Saved || d.Status.Width != 64 {
		t.Errorf("forgotten: %+v, %d wide, saved %v; configured is %+v", d.Settings, d.Status.Width, d.Saved, configured)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("files left: %v, %v", left, err)
	}
	if d := set(frame.Change{Forget: true, Quality: ptr(50)}); d.Settings.Quality != 50 || d.Settings.Width != 64 {
		t.Errorf("forget and another quality: %+v", d.Settings)
	}
	set(frame.Change{FPS: ptr(5.0), Save: true})
	if err := r.end(); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	if _, err := newCamera("front", cfg.orDefaults(), Deps{Bus: r.conn, StateDir: dir, Log: slog.New(slog.NewTextHandler(&log, nil))}, "host"); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"not those of the configuration", "lensbus set front --forget", filepath.Join(dir, "front.json")} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log does not say %q: %s", want, &log)
		}
	}
}

// Settings that a camera can no longer be opened with are forgotten while it is lost.
func TestForgetOfALostCamera(t *testing.T) {
	b := newBench(t, broker.Config{}, CameraConfig{})
	b.openErr = errors.New("not with this size")
	b.camera.tuning.adopt(frame.Settings{Width: 640, Height: 480})
	b.run()
	b.status("lost", func(s frame.Status) bool { return s.State == frame.StateLost })
	var d frame.Detail
	if err := b.conn.Control(t.Context(), "front", frame.VerbSet, frame.Change{Forget: true}, &d); err != nil || d.Settings.Width != 0 {
		t.Errorf("%+v, %v", d.Settings, err)
	}
}

// Writing to a slow disk holds up nobody who only wants to know.
func TestSavingHoldsUpNobody(t *testing.T) {
	dir := t.TempDir()
	fifo := savedPath(dir, "front") + ".new"
	unblock := blockingFile(t, fifo)
	tuning := newTuning(source.Spec{Kind: source.KindTest}, 80, saved{})
	done := make(chan error, 1)
	go func() { done <- tuning.save(dir, "front") }()
	asked := make(chan struct{})
	go func() {
		defer close(asked)
		for began := time.Now(); time.Since(began) < 200*time.Millisecond; { // it is at the disk by then
			tuning.settings()
		}
	}()
	select {
	case <-asked:
	case <-time.After(patience):
		t.Error("the settings cannot be read while they are written")
	}
	select {
	case err := <-done:
		t.Fatalf("nothing was slow: %v", err)
	default:
	}
	unblock()
	if err := <-done; err == nil {
		t.Error("a pipe was synced")
	}
}

// A snapshot is encoded again with the quality that is asked for now.
func TestSmallSnapshotHasTheQualityOfNow(t *testing.T) {
	r := newRig(t, CameraConfig{Source: "images:" + pictures(t, 200) + "?fps=20&loop=1", Quality: 95}, Deps{})
	r.frames("any", func(frame.Frame) bool { return true })
	take := func() int {
		t.Helper()
		f, err := r.conn.Snapshot(t.Context(), "front", 60)
		if err != nil || f.Width != 60 {
			t.Fatalf("%d wide, %v", f.Width, err)
		}
		return len(f.Data)
	}
	large := take()
	if err := r.control(frame.VerbSet, frame.Change{Quality: ptr(5)}, nil); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { return take() < large/2 })
}

// The newest frame of a camera that is late is not the present: the next one is.
func TestSnapshotIsNoOlderThanAFrame(t *testing.T) {
	b := newBench(t, broker.Config{}, CameraConfig{Source: "v4l2:/dev/scripted?fps=10", FreezeAfter: time.Hour})
	b.run()
	b.next(jpegOf(t, 64, 48, 80), size(64, 48))
	newest := func() time.Time { f, _ := b.camera.sender.newest.Newest(); return f.Captured }
	late := func() { eventually(t, func() bool { return time.Since(newest()) > 400*time.Millisecond }) }
	type answer struct {
		frame.Frame
		err error
	}
	ask := func() <-chan answer {
		answers := make(chan answer, 1)
		go func() {
			f, err := b.conn.Snapshot(t.Context(), "front", 0)
			answers <- answer{f, err}
		}()
		return answers
	}
	late()
	old := newest()
	var a answer
	waiting := ask()
	for answered := false; !answered; {
		b.step(jpegOf(t, 128, 96, 80), nil)
		select {
		case a = <-waiting:
			answered = true
		case <-time.After(300 * time.Millisecond): // it came, and became old, before anybody asked
		}
	}
	if a.err != nil || a.Width != 128 || !a.Captured.After(old) {
		t.Errorf("%d wide, captured %v after the old one, %v", a.Width, a.Captured.Sub(old), a.err)
	}
	late()
	if s := b.camera.state.status(); s.State != frame.StateLive {
		t.Fatalf("the camera is %s", s.State)
	}
	eventually(t, func() bool { // one of those before may still have been on its way
		late()
		a = <-ask()
		return a.err != nil
	})
	refused := new(bus.ControlError)
	if !errors.As(a.err, &refused) || refused.Code != 503 || !strings.Contains(refused.Text, "no new one has come") {
		t.Errorf("with no further frame: %d wide, %v", a.Width, a.err)
	}
}

// A request of 10 MB is refused by the camera where the broker lets it through, by the broker where
// not; either way the asker hears it, and nothing changes.
func TestHugeRequest(t *testing.T) {
	request := []byte(`{"quality":50,"controls":{"` + strings.Repeat("x", 10<<20) + `":1}}`)
	if !json.Valid(request) {
		t.Fatal("not JSON")
	}
	for name, limit := range map[string]broker.Bytes{"over max_payload": 8 << 20, "under max_payload": 32 << 20} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, broker.Config{MaxPayload: limit, MaxPending: 2 * limit}, CameraConfig{Source: "test:?width=64&height=48&fps=20"})
			b.camera.open = source.OpenTest
			b.run()
			b.status("live", func(s frame.Status) bool { return s.State == frame.StateLive })
			msg, err := b.conn.NATS().Request("cam.front.control.set", request, patience)
			if int(limit) < len(request) {
				if !errors.Is(err, nats.ErrMaxPayload) {
					t.Errorf("%v, %v", msg, err)
				}
			} else if err != nil || msg.Header.Get("Nats-Service-Error-Code") != "413" {
				t.Errorf("%v, %v", msg, err)
			}
			var d frame.Detail
			if err := b.conn.Control(t.Context(), "front", frame.VerbGet, nil, &d); err != nil || d.Settings.Quality != DefaultQuality || d.Status.State != frame.StateLive {
				t.Errorf("after it: %+v, %s, %v", d.Settings, d.Status.State, err)
			}
		})
	}
}

func TestRateOfZeroIsTheConfigured(t *testing.T) {
	for want, asked := range map[float64]string{7: "test:?fps=7", 0: "rtsp://camera/stream"} {
		spec, err := source.Parse(asked)
		if err != nil {
			t.Fatal(err)
		}
		tuning := newTuning(spec, 80, saved{Settings: frame.Settings{FPS: 3}})
		to, err := changed(tuning.current(), frame.Change{FPS: ptr(0.0)}, spec.Kind)
		tuning.adopt(to)
		if got := tuning.settings().FPS; err != nil || got != want || tuning.rate() != want {
			t.Errorf("%s: %g fps, %v", asked, got, err)
		}
	}
	for _, fps := range []float64{-1, 0.001, 1001} {
		if _, err := changed(frame.Settings{}, frame.Change{FPS: &fps}, source.KindTest); err == nil {
			t.Errorf("fps %g is taken", fps)
		}
	}
}
