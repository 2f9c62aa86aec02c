package e2e

import (
	"strings"
	"syscall"
	"testing"

	"github.com/lensbus/lensbus/frame"
)

// TestANativeCrashTakesOneCamera: the capture process of one camera dies as native code does; the
// other camera has no gap, and the first is back by itself.
func TestANativeCrashTakesOneCamera(t *testing.T) {
	needOpenCV(t)
	film := shippedFootage(t)
	url := start(t, "broker", "--listen", "127.0.0.1:0").brokerURL()
	nc := connect(t, url)
	statuses := subscribe(t, nc, "cam.*.status")
	frames := map[frame.CameraID]*subscription{"a": subscribe(t, nc, "cam.a.frame"), "b": subscribe(t, nc, "cam.b.frame")}
	p := start(t, "publish", "--server", url, "--camera", "a=file:"+film+"?loop=1", "--camera", "b=file:"+film+"?loop=1")
	began := map[frame.CameraID]frame.Frame{"a": frames["a"].frame(), "b": frames["b"].frame()}
	eventually(t, "a capture process for each camera", func() bool { return len(p.children()) == 2 })

	for round, sign := range []syscall.Signal{syscall.SIGSEGV, syscall.SIGABRT} {
		statuses.drain()
		if err := syscall.Kill(p.children()[0], sign); err != nil {
			t.Fatal(err)
		}
		lost := statuses.status("a lost camera", func(s frame.Status) bool { return s.State == frame.StateLost })
		if !strings.Contains(lost.Reason, "the capture process died") {
			t.Errorf("the crashed camera's reason: %q", lost.Reason)
		}
		statuses.status("the camera live again", func(s frame.Status) bool { return s.ID == lost.ID && s.State == frame.StateLive })
		other := frame.CameraID("a")
		if lost.ID == "a" {
			other = "b"
		}
		// Everything that the other has sent until now, and a second more of both.
		for id, sub := range frames {
			prev := began[id]
			for last := len(sub.messages) + 30; last > 0; last-- {
				f := sub.frame()
				if f.Epoch != prev.Epoch {
					t.Errorf("camera %s has a new epoch", id)
				}
				if missed := f.MissedSince(&prev); missed > 0 && id == other {
					t.Errorf("round %d: the camera that did not crash has a gap of %d frames", round+1, missed)
				}
				prev = f
			}
			began[id] = prev
		}
		eventually(t, "a capture process for each camera", func() bool { return len(p.children()) == 2 })
	}
	p.end(syscall.SIGTERM)
}
