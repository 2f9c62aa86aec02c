package viewer

import (
	"testing"
	"time"

	"github.com/lensbus/lensbus/frame"
)

func TestFreshness(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	const interval = 33 * time.Millisecond
	for name, test := range map[string]struct {
		ages []time.Duration // on arrival, one frame every interval
		want []bool
	}{
		"same clock":                     {[]time.Duration{time.Millisecond, time.Millisecond}, []bool{true, true}},
		"kept for an hour":               {[]time.Duration{time.Hour}, []bool{false}},
		"kept for 3 s, then live":        {[]time.Duration{3 * time.Second, time.Millisecond}, []bool{false, true}},
		"clock an hour behind":           {[]time.Duration{time.Hour, time.Hour, time.Hour, time.Hour}, []bool{false, false, true, true}},
		"clock an hour ahead":            {[]time.Duration{-time.Hour, -time.Hour, -time.Hour, -time.Hour}, []bool{false, false, true, true}},
		"known clock, kept picture":      {[]time.Duration{time.Hour, time.Hour, time.Hour, time.Hour + time.Minute}, []bool{false, false, true, true}},
		"clock set while pictures flow":  {[]time.Duration{0, 0, 0, time.Minute, time.Minute}, []bool{true, true, true, true, true}},
		"live, then kept, far too late ": {[]time.Duration{0}, []bool{true}},
	} {
		var s Freshness
		for i, age := range test.ages {
			at := now.Add(time.Duration(i) * interval)
			f := frame.Frame{Epoch: "e", Captured: at.Add(-age)}
			if got := s.Observe(&f, at, 0); got != test.want[i] {
				t.Errorf("%s: frame %d live %v, want %v", name, i+1, got, test.want[i])
			}
		}
	}
}

// Once the clocks have been compared, the first frame tells, however far they are apart.
func TestFreshnessWithKnownClock(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	for _, offset := range []time.Duration{time.Hour, -time.Hour} {
		for age, want := range map[time.Duration]bool{time.Millisecond: true, time.Hour: false} {
			var m Meter
			m.Frame(frame.Frame{Epoch: "e", Captured: now.Add(offset - age)}, now, offset)
			if m.Live(now) != want {
				t.Errorf("clock ahead by %v, picture %v old: live %v, want %v", offset, age, !want, want)
			}
			if got := m.Age(now, offset); got != age {
				t.Errorf("clock ahead by %v, picture %v old: age %v", offset, age, got)
			}
			if m.Live(now.Add(StaleAfter)) {
				t.Errorf("live for %v after its last picture", StaleAfter)
			}
		}
	}
}

// After an interruption a kept picture of the epoch comes first: older than any that came live.
func TestFreshnessAfterInterruption(t *testing.T) {
	const offset = time.Hour // the publisher's clock is behind
	now := time.Unix(1_800_000_000, 0)
	var s Freshness
	see := func(age time.Duration) bool {
		return s.Observe(&frame.Frame{Epoch: "e", Captured: now.Add(-age - offset)}, now, 0)
	}
	for range 5 {
		see(5 * time.Millisecond)
		now = now.Add(33 * time.Millisecond)
	}
	now = now.Add(time.Minute)
	if see(50 * time.Second) {
		t.Error("a picture that waited for 50 s counts as live")
	}
	now = now.Add(33 * time.Millisecond)
	if !see(5 * time.Millisecond) {
		t.Error("the next live one does not count")
	}
}
