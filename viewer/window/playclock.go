package window

import (
	"context"
	"sync"
	"time"

	"github.com/lensbus/lensbus/frame"
)

// playClock is the one clock that all cameras of a replay keep: which moment of the recording is shown
// now. It stands still while it is paused, while a camera's next frame is still on its way, so that
// all stay in step, and when there are no further frames. Moments are capture times.
type playClock struct {
	mu       sync.Mutex
	position time.Time // at since
	since    time.Time
	speed    float64
	paused   bool
	tapes    map[*feed]*tapeState
	moved    chan struct{} // closed and replaced when those who wait for a moment must look again
	sought   chan struct{} // closed and replaced by a seek
}

// tapeState is how far a camera is, since the last seek.
type tapeState struct {
	busy    bool      // its next frame is on its way
	arrived uint64    // counts frames
	next    time.Time // when its next frame was captured; zero: not known
	last    time.Time // when the newest that came was captured; zero: none
	ended   bool      // there is no next one
}

func newPlayClock(from time.Time, speed float64, now time.Time) *playClock {
	return &playClock{
		position: from, since: now, speed: speed, tapes: make(map[*feed]*tapeState),
		moved: make(chan struct{}), sought: make(chan struct{}),
	}
}

// at is the position, with mu held.
func (c *playClock) at(now time.Time) time.Time {
	if !c.runs() {
		return c.position
	}
	return c.position.Add(time.Duration(float64(now.Sub(c.since)) * c.speed))
}

func (c *playClock) runs() bool {
	if c.paused {
		return false
	}
	going := false
	for _, tape := range c.tapes {
		if tape.busy {
			return false
		}
		going = going || !tape.ended
	}
	return going
}

// change makes a change that those who wait must hear of.
func (c *playClock) change(now time.Time, how func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.position, c.since = c.at(now), now
	how()
	close(c.moved)
	c.moved = make(chan struct{})
}

// playState is what is said about a clock.
type playState struct {
	position time.Time
	speed    float64
	paused   bool
}

func (c *playClock) state(now time.Time) playState {
	c.mu.Lock()
	defer c.mu.Unlock()
	return playState{c.at(now), c.speed, c.paused}
}

func (c *playClock) togglePause(now time.Time) { c.change(now, func() { c.paused = !c.paused }) }

// The speeds that + and - lead through.
func speeds() []float64 {
	return []float64{frame.MinSpeed, 0.25, 0.5, 1, 2, 4, 8, 16, 32, frame.MaxSpeed}
}

// changeSpeed makes it faster or slower by one. Frames that the new speed has no use for are not sent
// for, so it is a seek to where it is.
func (c *playClock) changeSpeed(faster bool, now time.Time) {
	c.seek(now, func(at time.Time) time.Time {
		all := speeds()
		if faster {
			for _, speed := range all {
				if speed > c.speed {
					c.speed = speed
					return at
				}
			}
			return at
		}
		for i := len(all) - 1; i >= 0; i-- {
			if all[i] < c.speed {
				c.speed = all[i]
				return at
			}
		}
		return at
	})
}

func (c *playClock) skip(by time.Duration, now time.Time) {
	c.seek(now, func(at time.Time) time.Time { return at.Add(by) })
}

// seek moves to where the given function says, and all cameras with it.
func (c *playClock) seek(now time.Time, to func(time.Time) time.Time) {
	c.change(now, func() {
		c.position = to(c.position)
		for _, tape := range c.tapes {
			*tape = tapeState{busy: true}
		}
		close(c.sought)
		c.sought = make(chan struct{})
	})
}

// step pauses, and goes on to the next frame that any camera has.
func (c *playClock) step(now time.Time) {
	c.change(now, func() {
		c.paused = true
		if next, ok := c.nextOfAll(); ok && next.After(c.position) {
			c.position = next
		}
	})
}

// nextOfAll is when the next frame of any camera was captured; false where one's is not known.
func (c *playClock) nextOfAll() (next time.Time, ok bool) {
	for _, tape := range c.tapes {
		switch {
		case tape.ended:
		case tape.busy || tape.next.IsZero():
			return time.Time{}, false
		case !ok || tape.next.Before(next):
			next, ok = tape.next, true
		}
	}
	return next, ok
}

// longestHole is how long one waits for the next frame of any camera at most.
const longestHole = 2 * time.Second

// skipHole goes on to the next frame where that is far. It returns where it went from and to.
func (c *playClock) skipHole(now time.Time) (from, to time.Time, skipped bool) {
	c.mu.Lock()
	at, runs := c.at(now), c.runs()
	next, ok := c.nextOfAll()
	far := time.Duration(float64(longestHole) * max(c.speed, 1))
	c.mu.Unlock()
	if !runs || !ok || next.Sub(at) <= far {
		return at, at, false
	}
	c.change(now, func() { c.position = next })
	return at, next, true
}

// begin is where a camera begins to play, at which speed, and what is closed by the next seek.
func (c *playClock) begin(f *feed, now time.Time) (from time.Time, speed float64, sought <-chan struct{}) {
	c.change(now, func() { c.tapes[f] = &tapeState{busy: true} })
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.position, c.speed, c.sought
}

// forget takes a camera off the clock.
func (c *playClock) forget(f *feed, now time.Time) { c.change(now, func() { delete(c.tapes, f) }) }

// awaiting stops the clock where a camera's next frame takes longer than usual; arrived is its count then.
func (c *playClock) awaiting(f *feed, arrived uint64, now time.Time) {
	c.change(now, func() {
		if tape := c.tapes[f]; tape != nil && tape.arrived == arrived && !tape.ended {
			tape.busy = true
		}
	})
}

// arrived notes a camera's next frame, or with a zero time that there is none, and returns the count.
// It counts for nothing after the seek that closes sought.
func (c *playClock) arrived(f *feed, sought <-chan struct{}, captured, now time.Time) (count uint64) {
	c.mu.Lock()
	tape := c.tapes[f]
	if tape == nil || sought != (<-chan struct{})(c.sought) {
		c.mu.Unlock()
		return 0
	}
	tape.arrived++
	count = tape.arrived
	if !captured.IsZero() {
		tape.last = captured
	}
	waited := tape.busy || captured.IsZero()
	if !waited { // nobody waits for it
		tape.next = captured
	}
	c.mu.Unlock()
	if waited {
		c.change(now, func() {
			if tape.arrived == count && c.tapes[f] == tape {
				tape.busy, tape.next, tape.ended = false, captured, captured.IsZero()
				c.stopAtEnd()
			}
		})
	}
	return count
}

// stopAtEnd puts the clock back to the very last frame where there are no more: that there are none may
// have been heard late.
func (c *playClock) stopAtEnd() {
	var last time.Time
	for _, tape := range c.tapes {
		if !tape.ended {
			return
		}
		if tape.last.After(last) {
			last = tape.last
		}
	}
	if !last.IsZero() && c.position.After(last) {
		c.position = last
	}
}

// until waits for a moment. Its error is ctx's.
func (c *playClock) until(ctx context.Context, captured time.Time) error {
	for {
		now := time.Now()
		c.mu.Lock()
		left := captured.Sub(c.at(now))
		runs, speed, moved := c.runs(), c.speed, c.moved
		c.mu.Unlock()
		if left <= 0 {
			return ctx.Err()
		}
		var due <-chan time.Time
		var timer *time.Timer
		if runs {
			timer = time.NewTimer(time.Duration(float64(left)/speed) + time.Microsecond)
			due = timer.C
		}
		select {
		case <-moved:
		case <-due:
		case <-ctx.Done():
		}
		if timer != nil {
			timer.Stop()
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}
