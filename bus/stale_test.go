package bus

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/lensbus/lensbus/frame"
)

// counting opens everything, and counts.
type counting struct {
	asked int
	as    frame.Kind
}

func (c *counting) Open(f frame.Frame) (frame.Frame, error) { return c.OpenLive(f, frame.KindFrame) }
func (c *counting) OpenAs(f frame.Frame, as frame.Kind) (frame.Frame, error) {
	return c.OpenLive(f, as)
}

func (c *counting) OpenLive(f frame.Frame, as frame.Kind) (frame.Frame, error) {
	c.asked++
	c.as = as
	f.Codec = frame.JPEG
	return f, nil
}

// Of sealed frames only those are opened that can become the newest; a number that was a lie is still
// got over.
func TestStaleFramesAreNotOpened(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		opener := new(counting)
		l := &Live{id: "front", opener: opener, metrics: newMetrics(), clock: new(clock), began: time.Now()}
		accept := func(epoch string, seq uint64, accepted, opened bool) {
			t.Helper()
			before := opener.asked
			f := frame.Frame{Camera: "front", Epoch: epoch, Seq: seq, Captured: time.Now(), Codec: frame.SealedJPEG, Width: 1, Height: 1, Data: []byte{1}}
			if got := l.accept(f); got != accepted {
				t.Errorf("frame %d of %s: accepted %t", seq, epoch, got)
			}
			if got := opener.asked > before; got != opened {
				t.Errorf("frame %d of %s: opened %t", seq, epoch, got)
			}
		}
		accept("a", 10, true, true)
		accept("a", 10, false, false)
		accept("a", 9, false, false)
		accept("a", 11, true, true)
		accept("b", 1, true, true) // it began anew
		accept("b", 1<<40, true, true)
		accept("b", 2, false, false)
		time.Sleep(2 * strayAfter)
		accept("b", 1<<40, false, false)
		accept("b", 3, false, true)
		accept("b", 4, false, true)
		accept("b", 5, true, true)
		if opener.as != frame.KindFrame {
			t.Errorf("opened as %s", opener.as)
		}
		l.preview = true
		if accept("b", 6, true, true); opener.as != frame.KindPreview {
			t.Errorf("opened as %s", opener.as)
		}
	})
}
