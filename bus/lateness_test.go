package bus

import (
	"testing"
	"time"
)

func TestLateness(t *testing.T) {
	const skew = -7 * time.Minute // the publisher's clock is ahead: only differences count
	for _, test := range []struct {
		name string
		ages []time.Duration // one frame every 33 ms
		late int             // index of the first that is late; -1: none
	}{
		{"steady", []time.Duration{5, 6, 4, 5, 40, 5}, -1},
		{"one slow picture", []time.Duration{5, 5, 300, 5, 5, 400, 5}, -1},
		{"piling up", []time.Duration{5, 150, 300, 450, 600}, 3},
		{"far behind at once", []time.Duration{5, 1500}, 1},
		{"better than at first", []time.Duration{600, 500, 5, 6, 300, 310}, 5},
	} {
		t.Run(test.name, func(t *testing.T) {
			var l lateness
			now, late := time.Now(), -1
			for i, age := range test.ages {
				now = now.Add(33 * time.Millisecond)
				if l.observe(now, skew+age*time.Millisecond) && late < 0 {
					late = i
				}
			}
			if late != test.late {
				t.Errorf("late at frame %d, want %d", late, test.late)
			}
		})
	}
}

// Clocks drift: an age that creeps up over minutes is no queue.
func TestLatenessForgets(t *testing.T) {
	var l lateness
	now := time.Now()
	for i := range 40_000 { // 20 minutes in which the age grows by 2 s
		now = now.Add(30 * time.Millisecond)
		if l.observe(now, time.Duration(i)*50*time.Microsecond) {
			t.Fatalf("late after %d frames", i)
		}
	}
}

func TestPaceDoesNotFetchTwice(t *testing.T) {
	var p pace
	captured := time.Now()
	if wait := p.fetched("e", 10, captured, 1000); wait < assumedInterval {
		t.Errorf("first wait %v: nothing is known, 30 fps are assumed", wait)
	}
	// 10 fps, every third one fetched.
	wait := p.fetched("e", 13, captured.Add(300*time.Millisecond), 1000)
	if wait < 100*time.Millisecond || wait > 120*time.Millisecond {
		t.Errorf("wait %v for a camera of 10 fps", wait)
	}
	if rate := p.rate(); rate < 9_900 || rate > 10_100 {
		t.Errorf("rate %.0f bytes/s, want 10000", rate)
	}
	// The same again: the camera stalls; it is asked less and less often, but at least once a second.
	prev := time.Duration(0)
	for range 10 {
		wait = p.fetched("e", 13, captured, 1000)
		if wait < prev || wait > mostWait {
			t.Errorf("wait %v after %v for a camera that stalls", wait, prev)
		}
		prev = wait
	}
	if prev != mostWait {
		t.Errorf("wait %v for a camera that has stalled for long", prev)
	}
	// A clock that jumps back must not make a negative wait, nor a busy loop.
	if wait := p.fetched("e", 14, captured.Add(-time.Hour), 1000); wait < leastInterval {
		t.Errorf("wait %v after a jump of the clock", wait)
	}
	if wait := p.fetched("other", 1, captured.Add(24*time.Hour), 1000); wait < leastInterval || wait > 2*mostInterval {
		t.Errorf("wait %v after a new epoch", wait)
	}
}

func TestCapacityIsTheBestOfTheLastFew(t *testing.T) {
	var c capacity
	if c.bytesPerSecond() != 0 {
		t.Error("something is known of nothing")
	}
	c.observe(100_000, 340*time.Millisecond, 7*time.Millisecond)
	if got := c.bytesPerSecond(); got < 290_000 || got > 310_000 {
		t.Errorf("%.0f bytes/s", got)
	}
	c.observe(100_000, 11*time.Millisecond, time.Millisecond)
	if got := c.bytesPerSecond(); got < 9e6 || got > 11e6 {
		t.Errorf("%.0f bytes/s", got)
	}
	for range len(c.samples) {
		c.observe(100_000, time.Second, time.Millisecond)
	}
	if got := c.bytesPerSecond(); got > 110_000 {
		t.Errorf("%.0f bytes/s: the link was fast long ago", got)
	}
	c.observe(100_000, time.Microsecond, time.Second) // faster than a round trip: no division by nothing
	if got := c.bytesPerSecond(); got != 100_000/leastTransfer.Seconds() {
		t.Errorf("%.0f bytes/s", got)
	}
}
