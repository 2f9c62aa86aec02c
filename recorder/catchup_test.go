package recorder

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lensbus/lensbus/bus"
)

// behind is a camera that has sent frames at a rate, and of which the last so many seconds wait.
type behind struct {
	fps, size int
	lag       time.Duration
	fetch     time.Duration // what a frame takes to come and to be written
}

// catchUp takes everything that waits, and what comes meanwhile, and returns how long that took.
func (c behind) catchUp(l *lane, limits func() *bus.KeptLimits, perSecond int64) time.Duration {
	held := throttle{lane: l}
	start, data := time.Now(), make([]byte, c.size)
	at := start.Add(-c.lag)
	for {
		if now := time.Now(); at.After(now) {
			return now.Sub(start)
		}
		time.Sleep(c.fetch)
		pending := uint64(time.Since(at) * time.Duration(c.fps) / time.Second)
		s := bus.Stored{At: at, Data: data, Pending: pending}
		if held.took(s) {
			time.Sleep(held.wait(s, limits(), perSecond))
		}
		at = at.Add(time.Second / time.Duration(c.fps))
	}
}

func roomy() *bus.KeptLimits { return &bus.KeptLimits{Age: 24 * time.Hour, Bytes: 1 << 40} }

func TestCatchingUp(t *testing.T) {
	const mib = 1 << 20
	small := behind{fps: 15, size: 64 << 10, lag: time.Minute, fetch: 100 * time.Microsecond} // just below 1 MiB/s
	for name, c := range map[string]struct {
		camera    behind
		cameras   int
		limits    *bus.KeptLimits
		perSecond int64
		least     time.Duration // that it takes
		most      time.Duration
	}{
		"at the rate that is given": {camera: small, cameras: 1, limits: roomy(), perSecond: 4 * mib, least: 17 * time.Second, most: 21 * time.Second},
		"all cameras together":      {camera: small, cameras: 4, limits: roomy(), perSecond: 16 * mib, least: 17 * time.Second, most: 21 * time.Second},
		"it ends, however much comes": {
			camera: behind{fps: 15, size: 512 << 10, lag: time.Minute, fetch: time.Millisecond}, cameras: 2, limits: roomy(), perSecond: mib,
			least: 55 * time.Second, most: 65 * time.Second, // two seconds a second
		},
		"a slow disk is not waited for twice": {
			camera: behind{fps: 15, size: 512 << 10, lag: time.Minute, fetch: 40 * time.Millisecond}, cameras: 1, limits: roomy(), perSecond: mib,
			least: 85 * time.Second, most: 95 * time.Second, // 0.6 of the time is the disk's: 1.67 seconds a second
		},
		"not before the stream drops it: age":   {camera: small, cameras: 1, limits: &bus.KeptLimits{Age: time.Second}, perSecond: mib, most: 2 * time.Second},
		"not before the stream drops it: bytes": {camera: small, cameras: 1, limits: &bus.KeptLimits{Bytes: mib / 4}, perSecond: mib, most: 2 * time.Second},
		"not before larger frames push it out":  {camera: small, cameras: 1, limits: &bus.KeptLimits{Bytes: 200 * mib, Mean: mib}, perSecond: 4 * mib, most: 16 * time.Second},
		"not where nobody knows the limits":     {camera: small, cameras: 1, perSecond: mib, most: 2 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := new(lane)
				var all sync.WaitGroup
				for range c.cameras {
					all.Go(func() {
						took := c.camera.catchUp(l, func() *bus.KeptLimits { return c.limits }, c.perSecond)
						if took < c.least || took > c.most {
							t.Errorf("%v behind: recorded in %v, want %v to %v", c.camera.lag, took, c.least, c.most)
						}
					})
				}
				all.Wait()
			})
		})
	}
}

// TestCatchingUpHurriesAtTheLimits: what is old comes at once, and what can wait is waited for.
func TestCatchingUpHurriesAtTheLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		camera := behind{fps: 15, size: 64 << 10, lag: time.Minute, fetch: 100 * time.Microsecond}
		took := camera.catchUp(new(lane), func() *bus.KeptLimits { return &bus.KeptLimits{Age: time.Minute} }, 2<<20)
		// Half of the minute at once; the rest, of 28 MiB, at twice its own rate.
		if took < 20*time.Second || took > 32*time.Second {
			t.Errorf("a minute, half of which the stream soon drops, was recorded in %v", took)
		}
	})
}

func TestWhatComesLiveIsNotHeldBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		held := throttle{lane: new(lane)}
		for n := range 1000 {
			at := time.Now()
			if n > 500 {
				at = at.Add(-time.Hour) // the broker's clock was put back
			}
			s := bus.Stored{At: at, Data: make([]byte, 400<<10)}
			if held.took(s) {
				if wait := held.wait(s, roomy(), 1<<20); wait > 0 {
					t.Fatalf("after message %d it waits for %v", n, wait)
				}
			}
			time.Sleep(time.Second / 15)
		}
	})
}
