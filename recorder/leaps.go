package recorder

import (
	"time"

	"github.com/lensbus/lensbus/bus"
)

// leaps finds numbers that no camera can have come to: one forged frame with a number near the highest
// there is would make every frame after it one that is recorded already. It is for one goroutine.
type leaps struct {
	epoch string
	since time.Time // when the first after the leap was stored
	last  numbered  // of those after the leap; no number: none
}

// What a camera's numbers may do between two frames that are stored.
const (
	mostRate = 1000   // frames a second
	mostLeap = 10_000 // frames, whatever the clocks say
	// believed is after how long numbers that go on after a leap are the camera's after all: the
	// broker's clock was wrong.
	believed = 10 * time.Second
)

// doubts says whether a frame is to be put aside. Times are the broker's: the frame's own may be forged too.
func (l *leaps) doubts(k *known, s bus.Stored) bool {
	next := numbered{s.Frame.Seq, s.At}
	newest, ok := k.newest(s.Frame.Epoch)
	if !ok || newest.reaches(next) {
		*l = leaps{}
		return false
	}
	if l.epoch != s.Frame.Epoch || next.seq <= l.last.seq || !l.last.reaches(next) {
		*l = leaps{epoch: s.Frame.Epoch, since: s.At}
	}
	l.last = next
	return s.At.Sub(l.since) < believed
}

// reaches says whether a camera that was at n can be at next by now.
func (n numbered) reaches(next numbered) bool {
	passed := max(0, next.at.Sub(n.at)).Seconds()
	return next.seq <= n.seq || next.seq-n.seq <= mostLeap+uint64(mostRate*passed)
}
