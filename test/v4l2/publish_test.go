//go:build v4l2 && opencv

package v4l2

import (
	"context"
	"log/slog"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/lensbus/lensbus/broker"
	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/publisher"
)

// watched is all that a camera published.
type watched struct {
	mu     sync.Mutex
	frames []arrival
	faults []error
}

type arrival struct {
	frame.Frame
	at time.Time
}

// since tells how many frames have arrived since then.
func (w *watched) since(then time.Time) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for n < len(w.frames) && w.frames[len(w.frames)-1-n].at.After(then) {
		n++
	}
	return n
}

// all are the frames that have arrived so far.
func (w *watched) all() []arrival {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.frames[:len(w.frames):len(w.frames)]
}

// publish runs a broker, a publisher of the cameras, and a viewer of each.
func publish(t *testing.T, isolate bool, cameras map[frame.CameraID]string) map[frame.CameraID]*watched {
	t.Helper()
	views, _ := publishAt(t, isolate, cameras)
	return views
}

// publishAt is publish, with the broker's URL.
func publishAt(t *testing.T, isolate bool, cameras map[frame.CameraID]string) (views map[frame.CameraID]*watched, url string) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	server, err := broker.Start(ctx, broker.Config{Listen: "127.0.0.1:0"}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	connect := func() *bus.Conn {
		conn, err := bus.Connect(ctx, bus.Options{Server: server.URL()})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		if err := conn.WaitConnected(ctx); err != nil {
			t.Fatal(err)
		}
		return conn
	}
	config := publisher.Config{Cameras: map[frame.CameraID]publisher.CameraConfig{}}
	views = map[frame.CameraID]*watched{}
	viewer := connect()
	for id, text := range cameras {
		config.Cameras[id] = publisher.CameraConfig{Source: text, OpenTimeout: patience, ReadTimeout: patience, Isolate: &isolate}
		w := &watched{}
		views[id] = w
		// Not a bus.Live, which may leave frames out to stay current.
		if _, err := viewer.NATS().Subscribe(id.FrameSubject(), w.receive); err != nil {
			t.Fatal(err)
		}
	}
	if err := viewer.NATS().Flush(); err != nil {
		t.Fatal(err)
	}
	deps := publisher.Deps{Bus: connect(), Worker: workerCommand(t), Log: slog.New(slog.NewTextHandler(t.Output(), nil))}
	running.Go(func() {
		if err := publisher.Run(ctx, config, deps); err != nil {
			t.Errorf("publisher: %v", err)
		}
	})
	t.Cleanup(func() {
		cancel()
		running.Wait()
	})
	return views, server.URL()
}

func (w *watched) receive(m *nats.Msg) {
	f, err := frame.Decode(m.Subject, m.Header, m.Data, frame.Limits{})
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil {
		w.faults = append(w.faults, err)
		return
	}
	w.frames = append(w.frames, arrival{f, time.Now()})
}

// comesBack waits for the camera's pictures after it was plugged in, and returns how long it took.
func comesBack(t *testing.T, camera *watched, since time.Time) time.Duration {
	t.Helper()
	var first arrival
	eventually(t, "the picture is back", func() bool {
		n := camera.since(since)
		if n == 0 {
			return false
		}
		all := camera.all()
		first = all[len(all)-n]
		return true
	})
	took := first.at.Sub(since)
	t.Logf("picture %v after plugging in", took.Round(time.Millisecond))
	if first.Captured.Before(since) {
		t.Errorf("the first picture was captured %v before the camera was back", since.Sub(first.Captured))
	}
	return took
}

func TestUnplugAndReplugWhilePublishing(t *testing.T) {
	for name, isolate := range map[string]bool{"in this process": false, "in processes of their own": true} {
		t.Run(name, func(t *testing.T) { unplugAndReplug(t, isolate) })
	}
}

func unplugAndReplug(t *testing.T, isolate bool) {
	const bound = 3 * time.Second
	webcam := plugIn(t)
	views := publish(t, isolate, map[frame.CameraID]string{
		"raw":    "v4l2:" + rawDevice() + "?width=320&height=180&fps=5",
		"webcam": "v4l2:" + loopback(),
	})
	bothLive := func() {
		t.Helper()
		start := time.Now()
		eventually(t, "both cameras are live", func() bool { return views["raw"].since(start) >= 3 && views["webcam"].since(start) >= 3 })
	}
	bothLive()
	for range 2 {
		if isolate {
			awaitSpare(t)
		}
		unplug(t)
		out := time.Now()
		eventually(t, "the other camera goes on", func() bool { return views["webcam"].since(out) >= webcamPictures })
		replug(t)
		if took := comesBack(t, views["raw"], time.Now()); took > bound {
			t.Errorf("picture back after %v, want within %v", took, bound)
		}
		bothLive()
	}
	noGap(t, "webcam", views["webcam"])
	noGap(t, "raw", views["raw"])
	for _, f := range views["webcam"].all() {
		if webcam.number(f.Data) < 0 {
			t.Fatalf("picture %d is none that the camera sent", f.Seq)
		}
	}
}

// awaitSpare waits until the capture process that waits for the camera has loaded its libraries, which
// takes an emulated machine many times longer than a real one: one that is started now, after it, has
// done that too when it ends. Without a request it does nothing else.
func awaitSpare(t *testing.T) {
	t.Helper()
	command := workerCommand(t)
	began := time.Now()
	_ = exec.CommandContext(t.Context(), command[0], command[1:]...).Run() // fails, for want of a request
	t.Logf("a capture process takes %v to start", time.Since(began).Round(time.Millisecond))
}

// noGap checks that a viewer was sent every frame of one run of the camera.
func noGap(t *testing.T, name string, camera *watched) {
	t.Helper()
	frames := camera.all()
	for i := 1; i < len(frames); i++ {
		if frames[i].Epoch != frames[0].Epoch || frames[i].Seq != frames[i-1].Seq+1 {
			t.Errorf("%s: frame %d of epoch %s follows %d of %s", name, frames[i].Seq, frames[i].Epoch, frames[i-1].Seq, frames[i-1].Epoch)
		}
	}
	camera.mu.Lock()
	defer camera.mu.Unlock()
	for _, fault := range camera.faults {
		t.Errorf("%s: %v", name, fault)
	}
}

func TestStartBeforeTheCameraIsThere(t *testing.T) {
	for name, isolate := range map[string]bool{"in this process": false, "in a process of its own": true} {
		t.Run(name, func(t *testing.T) {
			unplug(t)
			views := publish(t, isolate, map[frame.CameraID]string{
				"raw":   "v4l2:" + rawDevice() + "?width=320&height=180&fps=5",
				"other": "test:?width=160&height=120&fps=5",
			})
			start := time.Now()
			eventually(t, "the other camera is live", func() bool { return views["other"].since(start) >= 10 })
			if n := len(views["raw"].all()); n != 0 {
				t.Fatalf("%d pictures of a camera that is not there", n)
			}
			replug(t)
			comesBack(t, views["raw"], time.Now())
			noGap(t, "other", views["other"])
		})
	}
}

func TestBusyCameraComesWhenItIsFree(t *testing.T) {
	holder := open(t, "v4l2:"+rawDevice()+"?width=320&height=180&fps=5")
	next(t, holder)
	views := publish(t, false, map[frame.CameraID]string{"raw": "v4l2:" + rawDevice() + "?width=320&height=180&fps=5"})
	start := time.Now()
	for time.Since(start) < time.Second { // it has tried by then
		next(t, holder)
	}
	if n := len(views["raw"].all()); n != 0 {
		t.Fatalf("%d pictures of a camera that another has", n)
	}
	if err := holder.Close(); err != nil {
		t.Fatal(err)
	}
	comesBack(t, views["raw"], time.Now())
}
