package opencv

import (
	"math"
	"testing"
	"time"
)

func TestPacerKeepsTheFilesDistances(t *testing.T) {
	start := time.Unix(1000, 0)
	p := newPacer(25, 5*time.Second)
	for i, ms := range []float64{0, 40, 80, 200, 240} {
		// A reader that is a little late each time must not slow the file down.
		due := p.next(ms, start.Add(time.Duration(ms)*time.Millisecond+3*time.Millisecond))
		want := start.Add(3 * time.Millisecond).Add(time.Duration(ms) * time.Millisecond)
		if !due.Equal(want) {
			t.Errorf("picture %d at %v ms: due %v after the first, want %v", i, ms, due.Sub(start), want.Sub(start))
		}
	}
}

func TestPacerNeverBursts(t *testing.T) {
	now := time.Unix(1000, 0)
	p := newPacer(25, 5*time.Second)
	p.next(0, now)
	now = now.Add(3 * time.Second) // the reader was held up
	last := p.next(40, now)
	if !last.Equal(now) {
		t.Fatalf("late picture due %v from now, want at once", last.Sub(now))
	}
	for i := 2; i < 20; i++ {
		due := p.next(float64(i)*40, now)
		if gap := due.Sub(last); gap != 40*time.Millisecond {
			t.Fatalf("picture %d follows after %v, want 40ms", i, gap)
		}
		last, now = due, due
	}
}

func TestPacerSurvivesAnyTimeStamp(t *testing.T) {
	const longest = 5 * time.Second
	for _, test := range []struct {
		name    string
		fps, ms float64
		want    time.Duration
	}{
		{"the file begins again", 20, 0, 50 * time.Millisecond},
		{"the same again", 20, 1000, 50 * time.Millisecond},
		{"not a number", 20, math.NaN(), 50 * time.Millisecond},
		{"infinite", 20, math.Inf(1), 50 * time.Millisecond},
		{"minus infinite", 20, math.Inf(-1), 50 * time.Millisecond},
		{"years ahead", 20, 1e15, longest},
		{"no rate", 0, 0, 40 * time.Millisecond},
		{"rate not a number", math.NaN(), 0, 40 * time.Millisecond},
		{"rate infinite", math.Inf(1), 0, 40 * time.Millisecond},
		{"rate negative", -3, 0, 40 * time.Millisecond},
		{"one in ten seconds", 0.1, 0, longest},
	} {
		t.Run(test.name, func(t *testing.T) {
			now := time.Unix(1000, 0)
			p := newPacer(test.fps, longest)
			first := p.next(1000, now)
			if got := p.next(test.ms, now).Sub(first); got != test.want {
				t.Errorf("next picture after %v, want %v", got, test.want)
			}
		})
	}
}
