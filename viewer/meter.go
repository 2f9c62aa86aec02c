package viewer

import (
	"time"

	"github.com/lensbus/lensbus/frame"
)

// Meter measures what a picture on a screen must say about itself: how old it is, how many come a
// second, how many did not come, and whether it may still be called live. It is for one goroutine;
// the zero value is ready.
type Meter struct {
	prev    frame.Frame // Data dropped
	arrived time.Time
	recent  [64]time.Time // arrivals, a ring
	n       int
	missed  uint64
	fresh   Freshness
	proven  bool // the newest was the present when it arrived
}

// fpsWindow is what the frame rate is averaged over.
const fpsWindow = 3 * time.Second

// Frame takes a frame that arrived at now. offset is the publisher's clock minus this one, 0 where
// that is not known.
func (m *Meter) Frame(f frame.Frame, now time.Time, offset time.Duration) {
	m.proven = m.fresh.Observe(&f, now, offset)
	m.missed += f.MissedSince(&m.prev)
	m.prev = f
	m.prev.Data = nil
	m.arrived = now
	m.recent[m.n%len(m.recent)] = now
	m.n++
}

// FPS is how many frames a second arrived over the last three seconds.
func (m *Meter) FPS(now time.Time) float64 {
	count, oldest := 0, now
	for i := range min(m.n, len(m.recent)) {
		if t := m.recent[i]; now.Sub(t) <= fpsWindow {
			count++
			if t.Before(oldest) {
				oldest = t
			}
		}
	}
	newest := m.arrived
	if count < 2 || !newest.After(oldest) {
		return 0
	}
	return float64(count-1) / newest.Sub(oldest).Seconds()
}

// Age is how old the newest picture is by now: since it was captured, as far as the publisher's
// clock and this one agree (offset is the publisher's clock minus this one), and never less than
// since it arrived. It grows while no frame comes.
func (m *Meter) Age(now time.Time, offset time.Duration) time.Duration {
	if m.n == 0 {
		return 0
	}
	return max(now.Sub(m.prev.Captured)+offset, now.Sub(m.arrived))
}

// Live says whether the newest frame arrived within [StaleAfter] and was the present then, not a
// picture that the server had kept (see [Freshness]).
func (m *Meter) Live(now time.Time) bool { return m.proven && now.Sub(m.arrived) < StaleAfter }

// Missed is how many frames were sent and did not arrive here.
func (m *Meter) Missed() uint64 { return m.missed }
