package viewer

import (
	"time"

	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
)

// NoKey is what people are told of a camera whose pictures come and cannot be opened.
const NoKey = "its pictures are sealed, and there is no key here that opens them"

// Sealed notices that frames come which no key here opens. It is for one goroutine; the zero value is
// ready.
type Sealed struct {
	count uint64
	at    time.Time
}

// Now says whether one has come within the last [StaleAfter].
func (s *Sealed) Now(stats bus.LiveStats, now time.Time) bool {
	if n := stats.Rejected[frame.ReasonSealed]; n != s.count {
		s.count, s.at = n, now
	}
	return !s.at.IsZero() && now.Sub(s.at) < StaleAfter
}
