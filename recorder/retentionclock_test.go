package recorder

import (
	"strings"
	"testing"
	"time"
)

func TestClockOfTheRecorderJumpsAhead(t *testing.T) {
	for name, jump := range map[string]time.Duration{"an hour": time.Hour, "40 days": 40 * 24 * time.Hour, "a century": 100 * 365 * 24 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			r := retain(t)
			r.keeps["front"] = Keep{Age: 50 * time.Minute}
			all := []string{r.record("front", 20*time.Minute), r.record("front", 10*time.Minute), r.record("front", 0)}
			r.sweep()
			r.wall = r.wall.Add(jump)
			for range 10 {
				r.passes(10 * time.Second)
				s := r.sweep()
				if jump > time.Hour && s.ClockAhead < jump-time.Hour {
					t.Fatalf("the clock is not said to be ahead: %+v", s)
				}
			}
			r.expect(all...)
			if n := strings.Count(r.logged.String(), "the clock is far ahead"); jump > time.Hour && n != 1 {
				t.Errorf("logged %d times", n)
			}
			// Ages go on without jumps.
			r.passes(22 * time.Minute)
			r.sweep()
			r.expect(all[0], all[1], all[2])
			r.passes(10 * time.Minute)
			r.sweep()
			r.expect(all[1], all[2])
			// It is put right, and all is as before.
			r.wall = r.wall.Add(-jump)
			if s := r.sweep(); s.ClockAhead != 0 {
				t.Errorf("%+v", s)
			}
			r.expect(all[1], all[2])
		})
	}
}

func TestClockOfRecorderAndCamerasJumpsAhead(t *testing.T) {
	r := retain(t)
	r.keeps["front"] = Keep{Age: 7 * 24 * time.Hour}
	var all []string
	for ago := 6 * 24 * time.Hour; ago > 0; ago -= time.Hour {
		all = append(all, r.record("front", ago))
	}
	r.sweep()
	r.wall = r.wall.Add(365 * 24 * time.Hour)
	jumped := r.record("front", 0) // what is captured has the wrong time too
	for range 60 {                 // and NTP puts it right after ten minutes
		r.passes(10 * time.Second)
		r.sweep()
	}
	r.wall = r.wall.Add(-365 * 24 * time.Hour)
	r.sweep()
	left := strings.Fields(r.left())
	if gone := len(all) + 1 - len(left); gone > 4 { // of 144
		t.Errorf("%d of %d segments are gone", gone, len(all)+1)
	}
	if left[len(left)-1] != jumped {
		t.Error("the newest is gone")
	}
	// Where it stays so, everything goes, but no faster than in a day.
	r.wall = r.wall.Add(365 * 24 * time.Hour)
	hours := 0
	for ; len(strings.Fields(r.left())) > 1 && hours < 100; hours++ {
		for range 12 {
			r.passes(5 * time.Minute)
			r.sweep()
		}
	}
	if hours < 10 || hours > 48 {
		t.Errorf("everything went within %d hours", hours)
	}
}

func TestClockGoesBack(t *testing.T) {
	r := retain(t)
	r.keeps["front"] = Keep{Age: 24 * time.Hour}
	old, young := r.record("front", 25*time.Hour), r.record("front", 0)
	r.wall = r.wall.Add(-2 * time.Hour)
	r.sweep()
	r.expect(old, young)
	r.wall = r.wall.Add(2 * time.Hour)
	r.sweep()
	r.expect(young)
}

func TestCameraWhoseClockIsBehindKeepsWhatItRecords(t *testing.T) {
	r := retain(t)
	r.keeps["front"] = Keep{Age: 24 * time.Hour}
	r.keeps["clockless"] = Keep{Age: 24 * time.Hour}
	other := r.record("front", 0)
	behind := r.record("clockless", 20_000*24*time.Hour) // 1972
	r.wrote(behind, r.wall)
	gone := r.record("clockless", 19_000*24*time.Hour)
	r.wrote(gone, r.wall.Add(-25*time.Hour))
	r.sweep()
	r.expect(behind, other)
	r.passes(12 * time.Hour)
	r.sweep()
	r.expect(behind, other)
	r.passes(13 * time.Hour)
	r.sweep()
	if left := r.left(); strings.Contains(left, behind) {
		t.Error("it is never old:", left)
	}
}

func TestRecorderWasOffForLong(t *testing.T) {
	r := retain(t)
	r.keeps["front"] = Keep{Age: 72 * time.Hour}
	var all []string
	for i := range 12 {
		all = append(all, r.record("front", 60*24*time.Hour-time.Duration(i)*10*time.Minute))
	}
	r.sweep()
	r.expect(all...) // it cannot tell this from a clock that jumped
	fresh := r.record("front", 0)
	for range 2 * 60 {
		r.passes(time.Minute)
		r.sweep()
	}
	r.expect(fresh) // now it can
}
