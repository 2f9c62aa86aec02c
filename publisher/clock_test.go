package publisher

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/lensbus/lensbus/broker"
	"github.com/lensbus/lensbus/frame"
)

// setClock is a publisher's clock that can be set.
type setClock struct{ ahead atomic.Int64 }

func (c *setClock) now() time.Time      { return time.Now().Round(0).Add(time.Duration(c.ahead.Load())) }
func (c *setClock) set(d time.Duration) { c.ahead.Store(int64(d)) }

// A publisher's clock that jumps: the camera stays live, has run for as long as before, and after the
// next exchange its ages are true again.
func TestClockThatIsSet(t *testing.T) {
	for name, jump := range map[string]time.Duration{"back an hour": -time.Hour, "on an hour": time.Hour} {
		t.Run(name, func(t *testing.T) {
			began := time.Now()
			clock := new(setClock)
			r := newRig(t, CameraConfig{}, Deps{Now: clock.now})
			statuses := make(chan frame.Status, 10_000)
			r.frames("any", func(frame.Frame) bool { return true })
			eventually(t, func() bool { return r.get().Status.State == frame.StateLive })
			stop, err := r.conn.Statuses(func(s frame.Status) { statuses <- s }, "front")
			if err != nil {
				t.Fatal(err)
			}
			defer stop()
			truly := func(what string, s frame.Status) {
				t.Helper()
				if s.State != frame.StateLive || s.Reason != "" {
					t.Errorf("%s: %s %s", what, s.State, s.Reason)
				}
				up, age := s.Time.Sub(s.Started), s.Time.Sub(s.LastFrame)
				if most := time.Since(began) + time.Second; up < 0 || up > most || s.Time.Sub(s.Since) < 0 || s.Time.Sub(s.Since) > most {
					t.Errorf("%s: up for %v and live for %v, the test runs for %v", what, up, s.Time.Sub(s.Since), time.Since(began))
				}
				if age < 0 || age > patience {
					t.Errorf("%s: the newest frame is %v old", what, age)
				}
			}
			before := r.get().Status
			truly("before", before)

			clock.set(jump)
			if f, err := r.conn.Snapshot(t.Context(), "front", 0); err != nil || clock.now().Sub(f.Captured).Abs() > patience {
				t.Errorf("a snapshot, captured %v ago: %v", clock.now().Sub(f.Captured), err)
			}
			var after frame.Status
			eventually(t, func() bool { // a frame may have been on its way
				after = r.get().Status
				return after.Time.Sub(after.LastFrame) < patience
			})
			truly("after", after)
			if set := after.Time.Sub(before.Time) - jump; set < 0 || set > patience {
				t.Errorf("the status's time went on by %v", after.Time.Sub(before.Time))
			}
			offset, known := r.conn.Offset("front") // get was an exchange
			if wrong := offset.Offset - jump; !known || wrong.Abs() > offset.Uncertainty+time.Millisecond {
				t.Errorf("the clock's offset is told as %v ±%v, known %v", offset.Offset, offset.Uncertainty, known)
			}
			first := r.frames("the new clock", func(f frame.Frame) bool { return clock.now().Sub(f.Captured).Abs() < patience })
			r.frames("twenty more", func(f frame.Frame) bool {
				offset, _ := r.conn.Offset("front")
				if age := offset.Age(f.Captured, time.Now()); age < -offset.Uncertainty-time.Millisecond || age > patience {
					t.Errorf("frame %d is %v old", f.Seq, age)
				}
				return f.Seq >= first.Seq+20
			})
			for n := 0; n < 2; { // such as are sent every two seconds
				select {
				case s := <-statuses:
					if s.Time.Sub(after.Time) > 0 && s.Time.Sub(before.Time).Abs() > 30*time.Minute {
						n++
						truly("a status", s)
						if s.FPS <= 0 {
							t.Errorf("%g frames a second", s.FPS)
						}
					}
				case <-time.After(patience):
					t.Fatal("no status")
				}
			}
		})
	}
}

// The newest frame of a camera that delivers nothing any more keeps its age.
func TestClockThatIsSetWhileTheCameraIsLost(t *testing.T) {
	clock := new(setClock)
	b := newBench(t, broker.Config{}, CameraConfig{})
	b.camera.state = newState(clock.now, b.camera.state.status())
	b.camera.sender.state = b.camera.state
	s := b.camera.state
	captured := clock.now().Add(-time.Minute)
	s.sent(&frame.Frame{Captured: captured, Width: 64, Height: 48}, time.Now())
	for _, to := range []time.Duration{-time.Hour, 24 * time.Hour, 0} {
		clock.set(to)
		if now := s.status(); now.Time.Sub(now.LastFrame)-time.Minute > patience || now.Time.Sub(now.LastFrame) < time.Minute {
			t.Errorf("clock set by %v: the frame of a minute ago is %v old", to, now.Time.Sub(now.LastFrame))
		}
	}
	// One that was captured before the clock was set back is not from the future.
	clock.set(-time.Hour)
	s.sent(&frame.Frame{Captured: clock.now().Add(time.Hour), Width: 64, Height: 48}, time.Now())
	if now := s.status(); now.LastFrame.After(now.Time) {
		t.Errorf("the newest frame is from %v ahead", now.LastFrame.Sub(now.Time))
	}
}
