package web

import (
	"context"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/lensbus/lensbus/test/hitch"
)

// How long slow viewers are watched; LENSBUS_TEST_SLOW=10m makes it longer.
func slowFor(t *testing.T) time.Duration {
	t.Helper()
	if text := os.Getenv("LENSBUS_TEST_SLOW"); text != "" {
		d, err := time.ParseDuration(text)
		if err != nil {
			t.Fatalf("LENSBUS_TEST_SLOW: %v", err)
		}
		return d
	}
	return 20 * time.Second
}

// ages collects what one viewer saw.
type ages struct {
	hitches *hitch.Watch
	mu      sync.Mutex
	all     []time.Duration
}

func (a *ages) add(at time.Time, age time.Duration) {
	age -= a.hitches.Within(at.Add(-age), at)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.all = append(a.all, age)
}

func (a *ages) take() []time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	all := a.all
	a.all = nil
	return all
}

const (
	slowRate    = 300_000
	slowFrame   = 100_000
	socketBound = 800 * time.Millisecond
	streamBound = 1300 * time.Millisecond
)

func TestSlowViewersStayCurrent(t *testing.T) {
	t.Parallel()
	b := testBed(t, Config{})
	newCamera(t, b.broker.URL(), "front", slowFrame).run(30)

	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	socket := func(into *ages, d dial, ack bool) {
		c, err := dialSocket(ctx, t, b.addr, "/cameras/front/live", d, ack)
		if err != nil {
			t.Error(err)
			return
		}
		running.Go(func() {
			for {
				m, err := c.next(ctx)
				if err != nil {
					if ctx.Err() == nil {
						t.Error("socket: ", err)
					}
					return
				}
				if m.Type == "frame" {
					into.add(m.at, m.age())
				}
			}
		})
	}
	stream := func(into *ages, d dial) {
		running.Go(func() {
			err := mjpeg(ctx, httpClient(t, d), "http://"+b.addr+"/cameras/front/stream.mjpeg", func(p part) {
				into.add(p.at, p.at.Sub(p.captured))
			})
			if ctx.Err() == nil {
				t.Error("stream: ", err)
			}
		})
	}

	stalls := hitch.New(t)
	fastSocket, fastStream := &ages{hitches: stalls}, &ages{hitches: stalls}
	slowAck, slowPing, slowStream := &ages{hitches: stalls}, &ages{hitches: stalls}, &ages{hitches: stalls}
	socket(fastSocket, nil, true)
	stream(fastStream, nil)
	settled := func(a *ages, n int) func() bool {
		return func() bool { a.mu.Lock(); defer a.mu.Unlock(); return len(a.all) >= n }
	}
	waitFor(t, "fast viewers have 150 frames", 20*time.Second, func() bool {
		return settled(fastSocket, 150)() && settled(fastStream, 150)()
	})
	socketBefore, streamBefore := percentile(fastSocket.take(), 0.99), percentile(fastStream.take(), 0.99)

	socket(slowAck, slowDial(slowRate), true)
	socket(slowPing, slowDial(slowRate), false)
	stream(slowStream, slowDial(slowRate))
	<-time.After(slowFor(t))
	socketAfter, streamAfter := fastSocket.take(), fastStream.take()
	cancel()
	running.Wait()

	check := func(what string, got []time.Duration, bound time.Duration) {
		t.Helper()
		t.Logf("%-24s %4d frames, age p50 %4d ms, p99 %4d ms, max %4d ms", what, len(got),
			percentile(got, 0.5).Milliseconds(), percentile(got, 0.99).Milliseconds(), percentile(got, 1).Milliseconds())
		if len(got) < 20 {
			t.Errorf("%s: only %d frames", what, len(got))
		}
		if worst := percentile(got, 1); worst > bound {
			t.Errorf("%s: age %s, bound %s", what, worst, bound)
		}
	}
	check("slow socket, acknowledges", slowAck.take(), socketBound)
	check("slow socket, pongs", slowPing.take(), socketBound)
	check("slow stream", slowStream.take(), streamBound)
	for _, fast := range []struct {
		what   string
		before time.Duration
		after  []time.Duration
	}{{"fast socket", socketBefore, socketAfter}, {"fast stream", streamBefore, streamAfter}} {
		p99 := percentile(fast.after, 0.99)
		t.Logf("%-24s %4d frames, age p50 %.1f ms, p99 %.1f ms, before the slow ones came %.1f ms", fast.what, len(fast.after),
			float64(percentile(fast.after, 0.5).Microseconds())/1e3, float64(p99.Microseconds())/1e3, float64(fast.before.Microseconds())/1e3)
		// "does not move", on a machine that does other things too.
		if p99 > fast.before+30*time.Millisecond {
			t.Errorf("%s: p99 moved from %s to %s", fast.what, fast.before, p99)
		}
	}
}
