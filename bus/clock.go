package bus

import (
	"sync"
	"time"
)

// Offset is how far another machine's clock is from this one's.
type Offset struct {
	// Offset is the other clock minus this one.
	Offset time.Duration
	// Uncertainty: the true offset is within plus or minus this.
	Uncertainty time.Duration
}

// Age is how old a picture is that the other machine captured, at this machine's now.
func (o Offset) Age(captured, now time.Time) time.Duration {
	// Round strips the monotonic reading: captured has none, and a clock that was set must count.
	return now.Round(0).Sub(captured) + o.Offset
}

// exchangesKept are how many exchanges one estimate is made of, exchangeAge how old they may be:
// clocks drift apart by some 50 ms in ten minutes at worst.
const (
	exchangesKept = 8
	exchangeAge   = 10 * time.Minute
	worstDrift    = 100e-6 // of two cheap quartz clocks against each other, in seconds per second
)

// clock estimates the offset to another machine's clock from request/reply exchanges of four
// timestamps, as NTP does (RFC 5905, section 8). The exchange with the smallest round trip wins: half of
// what it took is how wrong it can be. The zero value is ready.
type clock struct {
	mu        sync.Mutex
	exchanges [exchangesKept]timing
	n         int
}

type timing struct {
	at        time.Time // local, when the answer came
	offset    time.Duration
	roundTrip time.Duration // without what the other side took to answer
}

// observe takes one exchange: asked and answered by this clock, received and sent by the other.
// It is false for one that cannot be true.
func (c *clock) observe(asked, received, sent, answered time.Time) bool {
	total, there := answered.Sub(asked), sent.Round(0).Sub(received.Round(0))
	roundTrip := total - there
	if total < 0 || there < 0 || roundTrip < 0 {
		return false
	}
	// Wall clocks now: the offset is between those.
	a, b := asked.Round(0), answered.Round(0)
	x := timing{at: answered, offset: received.Sub(a)/2 + sent.Sub(b)/2, roundTrip: roundTrip}
	c.mu.Lock()
	defer c.mu.Unlock()
	// A clock that was set makes all that was measured before worthless.
	if best, ok := c.best(answered); ok && (x.offset-best.Offset).Abs() > best.Uncertainty+roundTrip/2+time.Millisecond {
		c.n = 0
	}
	c.exchanges[c.n%exchangesKept] = x
	c.n++
	return true
}

// estimate returns the offset as far as it is known.
func (c *clock) estimate(now time.Time) (Offset, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.best(now)
}

// best is called with mu held.
func (c *clock) best(now time.Time) (Offset, bool) {
	var best Offset
	found := false
	for _, x := range c.exchanges[:min(c.n, exchangesKept)] {
		age := now.Sub(x.at)
		if age > exchangeAge {
			continue
		}
		uncertainty := x.roundTrip/2 + time.Duration(float64(age)*worstDrift)
		if !found || uncertainty < best.Uncertainty {
			best, found = Offset{Offset: x.offset, Uncertainty: uncertainty}, true
		}
	}
	return best, found
}
