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

// instant is a time by two clocks of this machine: the one that people see and set, and one that only
// ever goes on.
type instant struct {
	wall time.Time
	up   time.Duration
}

// setSince is by how much the clock that people see was set since then.
func (i instant) setSince(then instant) time.Duration {
	return i.wall.Sub(then.wall) - (i.up - then.up)
}

// mostSteering is by how much a clock that is steered, and not set, may differ from one that is not,
// within one exchange.
const mostSteering = time.Millisecond

// clock estimates the offset to another machine's clock from request/reply exchanges of four
// timestamps, as NTP does (RFC 5905, section 8). The exchange with the smallest round trip wins: half of
// what it took is how wrong it can be. Either clock may be set at any time: this one's being set is
// seen at once, the other's with the next exchange. The zero value is ready.
type clock struct {
	mu        sync.Mutex
	began     time.Time // at the first exchange
	exchanges [exchangesKept]timing
	n         int
}

type timing struct {
	at        instant // when the answer came
	offset    time.Duration
	roundTrip time.Duration // without what the other side took to answer
}

// instant is what a time.Time says, which comes of time.Now. It is called with mu held.
func (c *clock) instant(t time.Time) instant {
	if c.began.IsZero() {
		c.began = t
	}
	return instant{wall: t.Round(0), up: t.Sub(c.began)} // Round leaves what people see of it
}

// observe takes one exchange: asked and answered by this clock, received and sent by the other.
// It is false for one that cannot be true.
func (c *clock) observe(asked, received, sent, answered time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.exchange(c.instant(asked), received.Round(0), sent.Round(0), c.instant(answered))
}

// exchange is observe, with mu held.
func (c *clock) exchange(asked instant, received, sent time.Time, answered instant) bool {
	total, there := answered.up-asked.up, sent.Sub(received)
	roundTrip := total - there
	if total < 0 || there < 0 || roundTrip < 0 {
		return false
	}
	if answered.setSince(asked).Abs() > mostSteering { // half of it would be taken for the other's
		return false
	}
	x := timing{at: answered, offset: received.Sub(asked.wall)/2 + sent.Sub(answered.wall)/2, roundTrip: roundTrip}
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
	return c.best(c.instant(now))
}

// best is called with mu held.
func (c *clock) best(now instant) (Offset, bool) {
	var best Offset
	found := false
	for _, x := range c.exchanges[:min(c.n, exchangesKept)] {
		age := now.up - x.at.up
		if age > exchangeAge {
			continue
		}
		uncertainty := x.roundTrip/2 + time.Duration(float64(age)*worstDrift)
		if !found || uncertainty < best.Uncertainty {
			best, found = Offset{Offset: x.offset - now.setSince(x.at), Uncertainty: uncertainty}, true
		}
	}
	return best, found
}
