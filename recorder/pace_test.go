package recorder

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestPacerKeepsTheSpeed(t *testing.T) {
	for _, c := range []struct {
		speed float64
		want  time.Duration // for ten seconds of frames
	}{{0, 0}, {0.1, 100 * time.Second}, {0.5, 20 * time.Second}, {1, 10 * time.Second}, {4, 2500 * time.Millisecond}, {64, 156250 * time.Microsecond}} {
		synctest.Test(t, func(t *testing.T) {
			p, start := pacer{speed: c.speed}, time.Now()
			for n := range 101 {
				if err := p.wait(t.Context(), began().Add(time.Duration(n)*100*time.Millisecond)); err != nil {
					t.Fatal(err)
				}
			}
			if took := time.Since(start); took != c.want {
				t.Errorf("speed %g: ten seconds take %v, want %v", c.speed, took, c.want)
			}
		})
	}
}

func TestPacerIsPatient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, start := pacer{speed: 2}, time.Now()
		at := func(d time.Duration) {
			t.Helper()
			if err := p.wait(t.Context(), began().Add(d)); err != nil {
				t.Fatal(err)
			}
		}
		since := func(want time.Duration) {
			t.Helper()
			if took := time.Since(start); took != want {
				t.Errorf("at %v, want %v", took, want)
			}
			start = time.Now()
		}
		at(0)
		since(0)
		at(time.Second)
		since(500 * time.Millisecond)
		at(time.Hour) // nobody sits through that
		since(longestPause)
		at(time.Hour + time.Second)
		since(500 * time.Millisecond)
		at(time.Minute) // the publisher's clock was put back
		since(0)
		at(time.Minute + time.Second)
		since(500 * time.Millisecond)
		time.Sleep(time.Minute) // the asker pauses: what follows is not hurried
		start = time.Now()
		at(time.Minute + 2*time.Second)
		since(0)
		at(time.Minute + 3*time.Second)
		since(500 * time.Millisecond)
	})
}

func TestPacerEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := pacer{speed: 1}
		ctx, cancel := context.WithCancelCause(t.Context())
		gone := errors.New("gone")
		time.AfterFunc(300*time.Millisecond, func() { cancel(gone) })
		if err := p.wait(ctx, began()); err != nil {
			t.Fatal(err)
		}
		if err := p.wait(ctx, began().Add(time.Second)); !errors.Is(err, gone) {
			t.Errorf("%v, want the cause", err)
		}
	})
}
