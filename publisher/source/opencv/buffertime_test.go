package opencv

import (
	"math"
	"testing"
	"time"
)

func TestBufferTime(t *testing.T) {
	const mono = 5000 * time.Second
	wall := time.Unix(1_800_000_000, 123_000_000)
	ms := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
	for _, test := range []struct {
		name  string
		stamp float64
		age   time.Duration
		ok    bool
	}{
		{"monotonic", ms(mono - 40*time.Millisecond), 40 * time.Millisecond, true},
		{"monotonic, this moment", ms(mono), 0, true},
		{"monotonic, rounded up", ms(mono + 500*time.Microsecond), 0, true},
		{"monotonic, old", ms(mono - 9*time.Second), 9 * time.Second, true},
		{"monotonic, too old", ms(mono - 11*time.Second), 0, false},
		{"end of an exposure still to come", ms(mono + 180*time.Millisecond), 0, true},
		{"from the future", ms(mono + 2*time.Second), 0, false},
		{"wall clock", ms(time.Duration(wall.UnixNano()) - 25*time.Millisecond), 25 * time.Millisecond, true},
		{"wall clock, yesterday", ms(time.Duration(wall.UnixNano()) - 24*time.Hour), 0, false},
		{"none", 0, 0, false},
		{"negative", -1, 0, false},
		{"not a number", math.NaN(), 0, false},
		{"infinite", math.Inf(1), 0, false},
		{"huge", 1e300, 0, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			at, ok := bufferTime(test.stamp, mono, wall)
			age := wall.Sub(at)
			if off := (age - test.age).Abs(); ok != test.ok || off > time.Microsecond {
				t.Errorf("bufferTime(%v) = %v before now, %v; want %v, %v", test.stamp, age, ok, test.age, test.ok)
			}
		})
	}
	if at, ok := bufferTime(40, 0, wall); ok || !at.Equal(wall) {
		t.Errorf("without a monotonic clock: %v, %v; want now, false", at, ok)
	}
}
