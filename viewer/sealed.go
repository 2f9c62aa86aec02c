package viewer

import (
	"time"

	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
)

// What people are told of a camera whose pictures come and cannot be shown.
const (
	NoKey   = "its pictures are sealed, and there is no key here that opens them"
	BadSeal = "what comes is not sealed by whom it must be, or was altered on its way"
)

// Sealed notices that frames come which cannot be opened. It is for one goroutine; the zero value is ready.
type Sealed struct {
	noKey, badSeal     uint64
	noKeyAt, badSealAt time.Time
}

// Why says which of the two it is, of a camera of which nothing else comes; "" where neither has
// happened within the last [StaleAfter].
func (s *Sealed) Why(stats bus.LiveStats, now time.Time) string {
	if n := stats.Rejected[frame.ReasonSealed]; n != s.noKey {
		s.noKey, s.noKeyAt = n, now
	}
	if n := stats.Rejected[frame.ReasonSeal]; n != s.badSeal {
		s.badSeal, s.badSealAt = n, now
	}
	recent := func(at time.Time) bool { return !at.IsZero() && now.Sub(at) < StaleAfter }
	switch {
	case recent(s.noKeyAt):
		return NoKey
	case recent(s.badSealAt):
		return BadSeal
	}
	return ""
}
