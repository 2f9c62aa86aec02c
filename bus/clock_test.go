package bus

import (
	"math/rand/v2"
	"testing"
	"time"
)

// machine is one whose wall clock can be set; up is what has really gone by.
type machine struct {
	up  time.Duration
	set time.Duration
}

func (m *machine) now() instant {
	return instant{wall: time.Unix(1_800_000_000, 0).Add(m.up + m.set), up: m.up}
}

// exchanged makes an exchange that takes a millisecond each way, with another machine's clock that is
// ahead; between is called on the way.
func (m *machine) exchanged(c *clock, ahead *time.Duration, between func()) bool {
	theirs := func() time.Time { return time.Unix(1_800_000_000, 0).Add(m.up + *ahead) }
	asked := m.now()
	m.up += time.Millisecond
	received := theirs()
	between()
	sent := theirs()
	m.up += time.Millisecond
	return c.exchange(asked, received, sent, m.now())
}

// Either clock is set by hours, forth and back, between exchanges and while one is under way: what is
// known is right at once where it was this machine's, after one exchange where it was the other's.
func TestOffsetWhenAClockIsSet(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var c clock
	var here machine
	var ahead time.Duration // of the other machine
	check := func(what string) {
		t.Helper()
		got, known := c.best(here.now())
		if wrong := got.Offset - (ahead - here.set); !known || wrong.Abs() > got.Uncertainty {
			t.Fatalf("%s: offset %v ±%v, truly %v", what, got.Offset, got.Uncertainty, ahead-here.set)
		}
	}
	nothing := func() {}
	jump := func() time.Duration { return time.Duration(random.Int64N(int64(4*time.Hour))) - 2*time.Hour }
	here.exchanged(&c, &ahead, nothing)
	for range 200 {
		check("undisturbed")
		here.up += 5 * time.Second
		here.exchanged(&c, &ahead, nothing)
		check("the next")

		here.set += jump()
		check("this clock was set")
		here.exchanged(&c, &ahead, func() { here.set -= time.Hour })
		check("this clock was set during an exchange")

		ahead += jump()
		here.exchanged(&c, &ahead, nothing)
		check("the other clock was set, and asked since")
		if !here.exchanged(&c, &ahead, func() { ahead -= time.Hour }) {
			here.exchanged(&c, &ahead, nothing)
		}
		check("the other clock was set while it answered, and asked since")
	}
}

func TestExchangeThatCannotBe(t *testing.T) {
	var c clock
	now := time.Now()
	for what, x := range map[string][4]time.Time{
		"answered before it was asked": {now, now, now, now.Add(-time.Second)},
		"sent before it was received":  {now, now.Add(time.Second), now, now.Add(2 * time.Second)},
		"took longer there than here":  {now, now, now.Add(time.Minute), now.Add(time.Second)},
	} {
		if c.observe(x[0], x[1], x[2], x[3]) {
			t.Errorf("%s: taken", what)
		}
	}
	if _, known := c.estimate(now); known {
		t.Error("something is known")
	}
}
