package publisher

import (
	"sync/atomic"
	"time"
)

// missing counts the pictures that could not be sent since the frame that was sent last: they have no
// number, so that the next frame has to say it ([frame.Frame.Unsent]). It is for the sender's goroutine,
// but for late.
type missing struct {
	lost uint64        // no connection, too large, no pictures
	late atomic.Uint64 // a newer one came before they could leave

	captured time.Time     // of that frame; zero: there was none
	interval time.Duration // the usual one between frames that are sent
}

// outage is how long nothing leaves before pictures that newer ones have replaced are missing. Below that,
// and where frames usually leave no faster, it is the way to the broker that sets the rate.
const outage = 500 * time.Millisecond

// before is how many are missing before a frame that was captured then, and how many of late have been
// looked at for it.
func (m *missing) before(captured time.Time) (unsent, late uint64) {
	unsent, late = m.lost, m.late.Load()
	if m.captured.IsZero() || captured.Sub(m.captured) > max(outage, 3*m.interval) {
		unsent += late
	}
	return unsent, late
}

// sent says that the frame has left, with what before returned.
func (m *missing) sent(captured time.Time, late uint64) {
	if !m.captured.IsZero() {
		m.interval = (7*m.interval + min(max(0, captured.Sub(m.captured)), time.Minute)) / 8
	}
	m.captured, m.lost = captured, 0
	m.late.Add(-late)
}
