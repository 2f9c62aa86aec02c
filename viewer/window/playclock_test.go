package window

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lensbus/lensbus/frame"
)

func TestPlayClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
		c := newPlayClock(start, 2, time.Now())
		at := func(want time.Duration) {
			t.Helper()
			if got := c.state(time.Now()).position.Sub(start); got != want {
				t.Errorf("the clock is at %v, want %v", got, want)
			}
		}
		time.Sleep(time.Second)
		at(0) // nobody plays

		one, two := new(feed), new(feed)
		_, _, sought := c.begin(one, time.Now())
		c.begin(two, time.Now())
		c.arrived(one, sought, start, time.Now())
		time.Sleep(time.Second)
		at(0) // the other one's first frame is still on its way
		count := c.arrived(two, sought, start.Add(time.Second), time.Now())
		time.Sleep(time.Second)
		at(2 * time.Second)
		c.awaiting(two, count, time.Now()) // two's next is late: both wait
		time.Sleep(time.Minute)
		at(2 * time.Second)
		c.arrived(two, sought, start.Add(3*time.Second), time.Now())
		c.awaiting(two, count, time.Now()) // of the frame before: nothing any more
		time.Sleep(500 * time.Millisecond)
		at(3 * time.Second)

		c.togglePause(time.Now())
		time.Sleep(time.Hour)
		at(3 * time.Second)
		c.arrived(one, sought, start.Add(3200*time.Millisecond), time.Now())
		c.arrived(two, sought, start.Add(4*time.Second), time.Now())
		c.step(time.Now())
		at(3200 * time.Millisecond)
		c.step(time.Now()) // one's next is not known: it stays
		at(3200 * time.Millisecond)
		c.arrived(one, sought, time.Time{}, time.Now())
		c.step(time.Now())
		at(4 * time.Second)
		c.togglePause(time.Now())

		// Both have nothing for an hour.
		c.arrived(two, sought, start.Add(time.Hour), time.Now())
		if _, to, skipped := c.skipHole(time.Now()); !skipped || !to.Equal(start.Add(time.Hour)) {
			t.Errorf("skipped %v to %v", skipped, to)
		}
		at(time.Hour)
		if _, _, skipped := c.skipHole(time.Now()); skipped {
			t.Error("skipped where there is no hole")
		}

		c.skip(-10*time.Second, time.Now())
		time.Sleep(time.Second)
		at(time.Hour - 10*time.Second)
		if c.arrived(one, sought, start, time.Now()) != 0 { // of before the seek
			t.Error("a frame of before counts")
		}
		select {
		case <-sought:
		default:
			t.Error("nobody was told of the seek")
		}
		_, speed, again := c.begin(one, time.Now())
		c.arrived(one, again, time.Time{}, time.Now())
		c.begin(two, time.Now())
		c.arrived(two, again, time.Time{}, time.Now())
		time.Sleep(time.Hour)
		at(time.Hour - 10*time.Second) // the end for both
		again = restart(c, one)
		c.arrived(one, again, start.Add(time.Hour-5*time.Second), time.Now())
		delete(c.tapes, two)
		time.Sleep(time.Minute)
		c.arrived(one, again, time.Time{}, time.Now())
		at(time.Hour - 5*time.Second) // the last frame, not a minute later
		if speed != 2 {
			t.Errorf("speed %g", speed)
		}
		for _, want := range []float64{4, 8, 16, 32, 64, 64} {
			c.changeSpeed(true, time.Now())
			if got := c.state(time.Now()).speed; got != want {
				t.Errorf("faster: %g, want %g", got, want)
			}
		}
		c.speed = 0.3
		for _, want := range []float64{0.25, 0.1, 0.1} {
			c.changeSpeed(false, time.Now())
			if got := c.state(time.Now()).speed; got != want {
				t.Errorf("slower: %g, want %g", got, want)
			}
		}
	})
}

func restart(c *playClock, f *feed) <-chan struct{} {
	_, _, sought := c.begin(f, time.Now())
	return sought
}

func TestPlayClockWakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
		c := newPlayClock(start, 4, time.Now())
		f := new(feed)
		_, _, sought := c.begin(f, time.Now())
		woken := make(chan error, 1)
		wait := func(ctx context.Context, after time.Duration) {
			go func() { woken <- c.until(ctx, start.Add(after)) }()
			synctest.Wait()
		}
		wait(t.Context(), 8*time.Second)
		time.Sleep(time.Minute)
		c.arrived(f, sought, start.Add(8*time.Second), time.Now()) // now it runs
		began := time.Now()
		if err := <-woken; err != nil || time.Since(began).Round(time.Millisecond) != 2*time.Second {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
		wait(t.Context(), 9*time.Second)
		c.togglePause(time.Now())
		time.Sleep(time.Hour)
		synctest.Wait()
		select {
		case err := <-woken:
			t.Errorf("woken in a pause: %v", err)
		default:
		}
		c.skip(time.Minute, time.Now())
		if err := <-woken; err != nil {
			t.Error(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		wait(ctx, time.Hour)
		cancel()
		if err := <-woken; !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %v", err)
		}
	})
}

func TestPlayKeys(t *testing.T) {
	for key, want := range map[int]playAction{
		' ': playPause, '.': playStep, '+': playFaster, '=': playFaster, '-': playSlower,
		0xFF51: playBack, 0x250000: playBack, 0xFF53: playAhead, 0x270000: playAhead, 0xFF57: playLive, 0x230000: playLive,
		-1: playNothing, 'q': playNothing, 's': playNothing, '1': playNothing, 0xFF52: playNothing, keyEscape: playNothing,
	} {
		if got := playKey(key); got != want {
			t.Errorf("key %#x: %d, want %d", key, got, want)
		}
	}
}

func TestPlaybackIsChecked(t *testing.T) {
	now := time.Now()
	cfg := Config{Cameras: []frame.CameraID{"front"}}
	for _, p := range []*Playback{nil, {From: now, Speed: 1}, {From: now, To: now.Add(1), Speed: 64}, {From: now, Speed: 0.1}} {
		if err := p.validate(cfg); err != nil {
			t.Errorf("%+v: %v", p, err)
		}
	}
	for _, p := range []*Playback{{}, {Speed: 1}, {From: now}, {From: now, Speed: -1}, {From: now, Speed: 65}, {From: now, To: now, Speed: 1}} {
		if p.validate(cfg) == nil {
			t.Errorf("%+v is taken", p)
		}
	}
	if (&Playback{From: now, Speed: 1}).validate(Config{}) == nil {
		t.Error("no cameras")
	}
}
