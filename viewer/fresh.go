package viewer

import (
	"time"

	"github.com/lensbus/lensbus/frame"
)

// Freshness says which of a camera's frames prove that it is live. What arrives first may be a
// picture that the server has kept for a year, and the publisher's clock need not agree with this
// one. So a frame counts where it is not older than the clocks say, where it is not much older
// than others of its epoch were on arrival, or where frames keep coming.
//
// The zero value is ready; it is for one goroutine.
type Freshness struct {
	epoch  string
	least  time.Duration // least age on arrival in this epoch, once known
	known  bool
	recent [2]time.Time // the arrivals before, newest first
}

// Observe takes a frame that arrived at now, with what is known of the publisher's clock minus this
// one, 0 where nothing is. It returns whether the frame is the present.
func (s *Freshness) Observe(f *frame.Frame, now time.Time, offset time.Duration) (live bool) {
	age := now.Sub(f.Captured) + offset
	if f.Epoch != s.epoch {
		*s = Freshness{epoch: f.Epoch}
	}
	switch {
	case age > -StaleAfter && age < StaleAfter:
		live = true
	case s.known && age-s.least < StaleAfter:
		live = true
	case !s.recent[1].IsZero() && now.Sub(s.recent[1]) < StaleAfter:
		// The third within two seconds: the clocks do not agree, or one was set.
		live = true
		s.known = false
	}
	if live && (!s.known || age < s.least) {
		s.least, s.known = age, true
	}
	s.recent[0], s.recent[1] = now, s.recent[0]
	return live
}
