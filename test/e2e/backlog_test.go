package e2e

import (
	"syscall"
	"testing"
	"time"

	"github.com/lensbus/lensbus/test/hitch"
)

// TestAStoppedViewerCostsNobodyAFrame: four viewers of one capture get every frame; while one of
// them is stopped for longer than anything on the way can hold, the other three still do; and when
// it goes on it has the present within a second.
func TestAStoppedViewerCostsNobodyAFrame(t *testing.T) {
	t.Parallel()
	hitch.Judge(t, stopAViewer)
}

func stopAViewer(t *testing.T) hitch.Problems {
	var found hitch.Problems
	stopped := 30 * time.Second
	if testing.Short() {
		stopped = 5 * time.Second
		t.Logf("NOTE: -short: the viewer is stopped for %v, not for 30s", stopped)
	}
	const fps = 25
	source := newCamera(t, fps, noise(t, 8, 400, 300, 75))
	broker := start(t, "broker", "--listen", "127.0.0.1:0")
	url := broker.brokerURL()
	start(t, "publish", "--server", url, "--camera", "front="+source.url)

	var viewers []*viewer
	for range 4 {
		viewers = append(viewers, startViewer(t, url, "front"))
	}
	var from []int
	for _, v := range viewers {
		from = append(from, v.steady())
	}
	// Three seconds of all four.
	due := source.shown.Load() + 3*fps
	eventually(t, "the camera shows 3 s of pictures", func() bool { return source.shown.Load() >= due })
	for i, v := range viewers {
		if missed := v.gaps(from[i]); missed > 0 {
			found.Add("viewer %d missed %d frames with four viewers", i, missed)
		}
	}
	if n := source.opened.Load(); n != 1 {
		t.Errorf("the camera was opened %d times for four viewers, want once", n)
	}

	slow, others := viewers[0], viewers[1:]
	slow.signal(syscall.SIGSTOP)
	wait := time.NewTimer(stopped) // the time is the test
	defer wait.Stop()
	<-wait.C
	before := len(slow.views())
	resumed := time.Now()
	slow.signal(syscall.SIGCONT)
	current := slow.until("a picture that was taken after it was let go on", func(v view) bool { return v.captured.After(resumed) })
	took := current.arrived.Sub(resumed)
	t.Logf("stopped for %v, had the present after %v and %d older pictures", stopped, took, oldOnes(slow.views()[before:], resumed))
	if took > time.Second {
		found.Add("the stopped viewer had the present only %v after it went on, want within 1s", took)
	}

	// And it stays in the present: two more seconds.
	stay := slow.until("frames for two more seconds", func(v view) bool { return v.arrived.After(current.arrived.Add(2 * time.Second)) })
	if stay.age() > time.Second {
		found.Add("two seconds later its pictures are %v old", stay.age())
	}
	for i, v := range others {
		if missed := v.gaps(from[i+1]); missed > 0 {
			found.Add("viewer %d missed %d frames while another was stopped", i+1, missed)
		}
		oldest, skipped := time.Duration(0), uint64(0)
		for _, had := range v.views()[from[i+1]:] {
			oldest = max(oldest, had.age())
			skipped += had.skipped
		}
		t.Logf("viewer %d: %d frames, the oldest %v on arrival, %d passed over for a newer one", i+1, len(v.views()), oldest.Round(time.Millisecond), skipped)
	}
	return found
}

func oldOnes(views []view, since time.Time) (n int) {
	for _, v := range views {
		if v.captured.Before(since) {
			n++
		}
	}
	return n
}
