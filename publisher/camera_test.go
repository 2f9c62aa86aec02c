package publisher

import (
	"bytes"
	"context"
	"errors"
	"image/jpeg"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lensbus/lensbus/broker"
	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/publisher/source"
	"github.com/lensbus/lensbus/test/hitch"
)

func TestPicturesPassUntouchedAndMayChangeSize(t *testing.T) {
	b := newBench(t, broker.Config{}, CameraConfig{})
	b.run()
	small, large := jpegOf(t, 320, 240, 80), jpegOf(t, 640, 480, 80)
	if f := b.next(small, size(320, 240)); !bytes.Equal(f.Data, small) {
		t.Error("the picture was changed on its way")
	}
	padded := append(bytes.Clone(large), make([]byte, 100)...)
	f := b.next(padded, size(640, 480))
	if !bytes.Equal(f.Data, large) {
		t.Error("the padding of a camera's buffer was sent too")
	}
	s := b.status("640x480", func(s frame.Status) bool { return s.Width == 640 })
	if s.State != frame.StateLive || s.Epoch != f.Epoch || !s.Untouched || s.Format != "MJPG" || s.Kind != "v4l2" {
		t.Errorf("status %+v", s)
	}
	b.status("a stream", func(s frame.Status) bool { return s.Stream == string(bus.StorageMemory) })
}

func TestLostCameraIsOpenedAgain(t *testing.T) {
	b := newBench(t, broker.Config{}, CameraConfig{})
	cannotOpen := func(err error) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.openErr = err
	}
	cannotOpen(errors.New("/dev/scripted: no such device"))
	b.run()
	b.status("lost", func(s frame.Status) bool {
		return s.State == frame.StateLost && strings.Contains(s.Reason, "no such device")
	})
	cannotOpen(nil)
	data := jpegOf(t, 64, 48, 80)
	first := b.next(data, size(64, 48))
	unplugged := errors.New("unplugged")
	cannotOpen(unplugged) // so that it stays lost until that is seen
	b.step(nil, unplugged)
	b.status("lost", func(s frame.Status) bool { return s.State == frame.StateLost && s.Reason == "unplugged" })
	cannotOpen(nil)
	again := b.next(data, func(f frame.Frame) bool { return f.Seq > first.Seq })
	if again.Epoch != first.Epoch {
		t.Error("a camera that is opened again begins a new epoch: gaps could not be seen across it")
	}
	b.status("live", func(s frame.Status) bool { return s.State == frame.StateLive && s.Reason == "" })
}

func TestFrozenCameraSaysSo(t *testing.T) {
	b := newBench(t, broker.Config{}, CameraConfig{FreezeAfter: 100 * time.Millisecond})
	b.run()
	b.next(jpegOf(t, 64, 48, 80), size(64, 48))
	b.status("frozen", func(s frame.Status) bool {
		return s.State == frame.StateFrozen && strings.Contains(s.Reason, "no new picture")
	})
	one, other, same := jpegOf(t, 64, 64, 80), jpegOf(t, 64, 64, 70), jpegOf(t, 64, 64, 60)
	stop := b.feed(one, other)
	b.status("live", func(s frame.Status) bool { return s.State == frame.StateLive })
	stop()
	stop = b.feed(same)
	b.status("frozen", func(s frame.Status) bool {
		return s.State == frame.StateFrozen && strings.Contains(s.Reason, "same picture")
	})
	stop()
}

// A camera of which nothing is sent, because what it delivers is no picture, is not live.
func TestCameraOfNoPicturesIsFrozen(t *testing.T) {
	b := newBench(t, broker.Config{}, CameraConfig{FreezeAfter: 100 * time.Millisecond})
	b.run()
	stop := b.feed([]byte("<html>"), []byte("<head>"))
	b.status("frozen", func(s frame.Status) bool {
		return s.State == frame.StateFrozen && strings.Contains(s.Reason, "no pictures") && s.Sent == 0
	})
	stop()
	stop = b.feed(jpegOf(t, 64, 64, 80), jpegOf(t, 64, 64, 70))
	b.status("live", func(s frame.Status) bool { return s.State == frame.StateLive && s.Sent > 0 })
	stop()
}

func TestEndedSourceEndsTheCamera(t *testing.T) {
	b := newBench(t, broker.Config{}, CameraConfig{})
	done := make(chan error, 1)
	go func() { done <- b.camera.run(t.Context()) }()
	b.next(jpegOf(t, 64, 48, 80), size(64, 48))
	close(b.steps)
	select {
	case err := <-done:
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(patience):
		t.Fatal("the camera goes on after the end of its source")
	}
	b.status("ended", func(s frame.Status) bool { return s.State == frame.StateEnded })
}

func TestWhatIsNoPictureIsCounted(t *testing.T) {
	b := newBench(t, broker.Config{}, CameraConfig{})
	b.run()
	good := jpegOf(t, 64, 48, 80)
	b.next(good, size(64, 48))
	bomb := bytes.Clone(good)
	at := bytes.Index(bomb, []byte{0xFF, 0xC0})
	copy(bomb[at+5:], []byte{0xFF, 0xDC, 0xFF, 0xDC}) // claims 65500x65500
	for i, bad := range [][]byte{nil, []byte("<html>"), good[:len(good)/2], bomb} {
		b.step(bad, nil)
		eventually(t, func() bool { return b.camera.state.status().Dropped[source.DropInvalid] == uint64(i+1) })
	}
	b.next(good, size(64, 48))
	if s := b.status("4 invalid", func(s frame.Status) bool { return s.Dropped[source.DropInvalid] == 4 }); s.State != frame.StateLive {
		t.Errorf("status %+v", s)
	}
}

func TestTooLargePicturesAreMadeSmaller(t *testing.T) {
	const limit = 100_000
	b := newBench(t, broker.Config{MaxPayload: limit}, CameraConfig{})
	b.run()
	large := jpegOf(t, 640, 480, 95)
	if len(large) < 2*limit {
		t.Fatalf("the picture has only %d bytes", len(large))
	}
	f := b.next(large, size(640, 480))
	img, err := jpeg.Decode(bytes.NewReader(f.Data))
	if err != nil || img.Bounds().Dx() != 640 {
		t.Errorf("the smaller picture: %v", err)
	}
	b.status("a warning", func(s frame.Status) bool {
		return len(s.Warnings) == 1 && strings.Contains(s.Warnings[0], "max_payload")
	})
	huge := jpegOf(t, 2000, 1500, 80)
	b.step(huge, nil)
	b.status("too large", func(s frame.Status) bool { return s.Dropped[source.DropTooLarge] >= 1 })
	b.next(jpegOf(t, 320, 240, 50), size(320, 240))
}

// Capture never waits for the network, nor does ending: a broker that has stopped reading holds
// nobody up.
func TestStuckBroker(t *testing.T) { hitch.Judge(t, endsWithAStuckBroker) }

func endsWithAStuckBroker(t *testing.T) (found hitch.Problems) {
	b := newBench(t, broker.Config{}, CameraConfig{})
	end := b.run()
	large := jpegOf(t, 1280, 960, 90)
	b.next(large, size(1280, 960))
	b.relay.stop()
	// What the network still takes is several MB. The write hangs when no frame has left for a while,
	// though the camera delivers all the time.
	sent, since := uint64(0), time.Now()
	for time.Since(since) < 500*time.Millisecond {
		b.step(large, nil)
		if now := b.camera.state.status().Sent; now != sent {
			sent, since = now, time.Now()
		}
	}
	began := time.Now()
	end()
	t.Logf("ended in %v", time.Since(began).Round(time.Millisecond))
	if took := time.Since(began); took > 2*time.Second { // the bound of any role
		found.Add("the camera took %v to end", took)
	}
	return found
}

func TestCamerasDoNotDisturbEachOther(t *testing.T) {
	b := newBench(t, broker.Config{}, CameraConfig{})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- Run(ctx, Config{Cameras: map[frame.CameraID]CameraConfig{
			"good":    {Source: "test:?width=160&height=120&fps=20"},
			"missing": {Source: "images:/no/such/folder"},
		}}, Deps{Bus: b.conn})
	}()
	live, err := b.conn.Live("good")
	if err != nil {
		t.Fatal(err)
	}
	wait, stop := context.WithTimeout(ctx, patience)
	defer stop()
	for range 10 {
		if _, err := live.Next(wait); err != nil {
			t.Fatal(err)
		}
	}
	b.status("missing lost", func(s frame.Status) bool { return s.ID == "missing" && s.State == frame.StateLost })
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func TestConfigFaultsAreAllNamed(t *testing.T) {
	err := Config{Cameras: map[frame.CameraID]CameraConfig{
		"../x":  {Source: "test:"},
		"front": {Source: "carrier-pigeon:coo", Quality: 101},
		"yard":  {OpenTimeout: -1},
	}}.Validate()
	for _, want := range []string{`"../x"`, "carrier-pigeon", "101", "no source", "open_timeout"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not name %s: %v", want, err)
		}
	}
	if err := Run(t.Context(), Config{}, Deps{}); err == nil {
		t.Error("no cameras: no error")
	}
}

func TestBackoff(t *testing.T) {
	pause := backoff{most: 2 * time.Second}
	for i := range 20 {
		wait := pause.next()
		if wait <= 0 || wait > 2*time.Second {
			t.Fatalf("pause %d: %v", i, wait)
		}
		if i > 6 && wait < time.Second {
			t.Fatalf("pause %d: %v, half of the longest at least", i, wait)
		}
	}
}

func TestRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r rate
		for range 300 { // 10 s at 30 fps
			r.add(time.Now(), 1000)
			time.Sleep(time.Second / 30) // the bubble's clock
		}
		fps, bits := r.over(time.Now())
		if fps < 29 || fps > 31 || bits < 29*8000 || bits > 31*8000 {
			t.Errorf("%.1f fps, %.0f bit/s", fps, bits)
		}
		time.Sleep(10 * time.Second)
		if fps, bits := r.over(time.Now()); fps != 0 || bits != 0 {
			t.Errorf("10 s after the last frame: %.1f fps, %.0f bit/s", fps, bits)
		}
	})
}
