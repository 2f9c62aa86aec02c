package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/test/free"
	"github.com/lensbus/lensbus/test/hitch"
)

// backBound is how long after the start of a broker publishers and viewers may take to be back.
const backBound = 3 * time.Second

// TestBrokerIsKilledAndStartedAgain: publisher, viewer and page find back by themselves, and what
// they show then is the present.
func TestBrokerIsKilledAndStartedAgain(t *testing.T) {
	hitch.Judge(t, func(t *testing.T) hitch.Problems {
		var found hitch.Problems
		address := free.Address(t)
		url := "nats://" + address
		const fps = 20
		source := newCamera(t, fps, noise(t, 8, 400, 300, 75))
		broker := start(t, "broker", "--listen", address)
		broker.brokerURL()
		start(t, "publish", "--server", url, "--camera", "front="+source.url)
		page := start(t, "web", "--server", url, "--listen", "127.0.0.1:0").pageURL()
		watcher := startViewer(t, url, "front")
		watcher.steady()
		browser := follow(openStream(t, page, "front"))
		browser.after(t, time.Time{})

		for range 3 {
			broker.kill()
			away := source.shown.Load() + 2*fps
			eventually(t, "two seconds of pictures are lost", func() bool { return source.shown.Load() >= away })
			had := len(watcher.views())
			began := time.Now()
			broker = start(t, "broker", "--listen", address)
			broker.brokerURL()
			ready := time.Since(began)
			back := watcher.until("a picture after the restart", func(v view) bool { return v.arrived.After(began) })
			web := browser.after(t, began)
			t.Logf("the broker was ready after %v, the viewer had a picture after %v, a browser after %v", ready.Round(time.Millisecond), back.arrived.Sub(began).Round(time.Millisecond), web.arrived.Sub(began).Round(time.Millisecond))
			if back.arrived.Sub(began) > backBound {
				found.Add("the viewer was back %v after the start of the broker", back.arrived.Sub(began))
			}
			if web.arrived.Sub(began) > backBound {
				found.Add("the browser was back %v after the start of the broker", web.arrived.Sub(began))
			}
			// At most the frame that was just being taken is older than the start.
			least := began.Add(-time.Second / fps)
			watcher.until("a second of pictures", func(v view) bool { return v.arrived.After(back.arrived.Add(time.Second)) })
			for _, v := range watcher.views()[had:] {
				if v.captured.Before(least) {
					found.Add("a stale picture: captured %v before the broker's start, arrived %v after it", began.Sub(v.captured), v.arrived.Sub(began))
				}
			}
			if web.captured.Before(least) {
				found.Add("a browser had a stale picture: captured %v before the broker's start", began.Sub(web.captured))
			}
		}
		// What the broker keeps for those who come later is back too.
		code, stdout, stderr := answer(t, "snapshot", "front", "-o", "-", "--server", url)
		if code != 0 || !strings.HasPrefix(stdout, "\xff\xd8") {
			t.Errorf("snapshot after the restarts: exit code %d, %s", code, stderr)
		}
		if n := source.opened.Load(); n != 1 {
			t.Errorf("the camera was opened %d times: it has nothing to do with the broker", n)
		}
		return found
	})
}

// TestPublisherWithItsBrokerIsKilledAndStartedAgain: both go at once, and the camera begins anew.
func TestPublisherWithItsBrokerIsKilledAndStartedAgain(t *testing.T) {
	hitch.Judge(t, func(t *testing.T) hitch.Problems {
		var found hitch.Problems
		address := free.Address(t)
		args := []string{"publish", "--embed-broker", "--listen", address, "--camera", "front=test:?width=320&height=240&fps=20"}
		p := start(t, args...)
		p.brokerURL()
		watcher := startViewer(t, "nats://"+address, "front")
		before := watcher.until("a picture", func(view) bool { return true })
		watcher.steady()
		p.kill()
		began := time.Now()
		start(t, args...)
		back := watcher.until("a picture after the restart", func(v view) bool { return v.arrived.After(began) && v.epoch != before.epoch })
		t.Logf("back after %v", back.arrived.Sub(began).Round(time.Millisecond))
		if took := back.arrived.Sub(began); took > backBound {
			found.Add("the viewer was back %v after the start", took)
		}
		if back.captured.Before(began) {
			t.Errorf("a picture of the new epoch was captured %v before its start", began.Sub(back.captured))
		}
		return found
	})
}

// TestResolutionChangesWhileViewersWatch: it is just the next frame.
func TestResolutionChangesWhileViewersWatch(t *testing.T) {
	t.Parallel()
	sizes := [][2]int{{320, 240}, {640, 360}, {176, 144}}
	var sets [][][]byte
	for _, size := range sizes {
		sets = append(sets, noise(t, 4, size[0], size[1], 75))
	}
	source := newCamera(t, 20, sets[0])
	p := start(t, "up", "--broker-listen", "127.0.0.1:0", "--web-listen", "127.0.0.1:0", "--camera", "front="+source.url)
	page, url := p.pageURL(), p.brokerURL()
	nc := connect(t, url)
	statuses := subscribe(t, nc, "cam.front.status")
	frames := subscribe(t, nc, "cam.front.frame")
	browser, ws, watcher := openStream(t, page, "front"), openSocket(t, page, "front"), startViewer(t, url, "front")
	from := watcher.steady()

	prev := frames.frame()
	changes := 0
	for _, next := range []int{1, 2, 0, 1} {
		width, height := sizes[next][0], sizes[next][1]
		source.pictures.Store(&sets[next])
		for reached := false; !reached; {
			f := frames.frame()
			if f.Epoch != prev.Epoch || f.Seq != prev.Seq+1 {
				t.Fatalf("frame %d of epoch %s after frame %d of %s", f.Seq, f.Epoch, prev.Seq, prev.Epoch)
			}
			if img := pixels(t, f.Data); !sameSize(img, f.Width, f.Height) {
				t.Fatalf("the headers say %dx%d, the picture is %v", f.Width, f.Height, img.Bounds())
			}
			reached = f.Width == width && f.Height == height
			if !reached && (f.Width != prev.Width || f.Height != prev.Height) {
				t.Fatalf("a picture of %dx%d on the way to %dx%d", f.Width, f.Height, width, height)
			}
			prev = f
		}
		changes++
		for !sameSize(pixels(t, browser.next().data), width, height) { // patience ends it
		}
		for said, data := ws.next(); said.Width != width; said, data = ws.next() {
			if img := pixels(t, data); !sameSize(img, said.Width, said.Height) {
				t.Fatalf("the WebSocket says %dx%d, the picture is %v", said.Width, said.Height, img.Bounds())
			}
		}
		statuses.status("the new size", func(s frame.Status) bool {
			if s.State != frame.StateLive && s.State != frame.StateOpening {
				t.Errorf("the camera is %s: %s", s.State, s.Reason)
			}
			return s.Width == width && s.Height == height
		})
		watcher.until("the new size", func(v view) bool { return v.width == width && v.height == height })
	}
	if n := source.opened.Load(); n != 1 {
		t.Errorf("the camera was opened %d times for %d changes of its size, want once", n, changes)
	}
	if missed := watcher.gaps(from); missed > 0 {
		t.Errorf("the viewer missed %d frames", missed)
	}
}

// follower reads a stream for as long as it lasts and keeps when pictures came.
type follower struct {
	had chan picture
}

func follow(s *stream) *follower {
	f := &follower{had: make(chan picture, 4096)}
	go func() {
		defer close(f.had)
		for {
			p, err := s.try()
			if err != nil {
				return
			}
			p.data = nil
			f.had <- p
		}
	}()
	return f
}

// after returns the first picture that arrived after a time.
func (f *follower) after(t *testing.T, when time.Time) picture {
	t.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		select {
		case p, ok := <-f.had:
			if !ok {
				t.Fatal("the stream has ended")
			}
			if p.arrived.After(when) {
				return p
			}
		case <-timer.C:
			t.Fatalf("no picture after %v", when)
		}
	}
}
