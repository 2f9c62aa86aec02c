package opencv

import (
	"math"
	"time"
)

// maxBufferAge is how old a picture may be by its driver's time stamp. OpenCV keeps four buffers, so
// at 1 picture in 2 seconds an honest one can be some seconds old.
const maxBufferAge = 10 * time.Second

// bufferTime makes wall-clock time of a driver's time stamp in milliseconds. mono and wall are
// CLOCK_MONOTONIC and the wall clock now. Most drivers stamp with the first; some with the second,
// with another clock, or with 0: where the picture would be from the future or too old by both
// clocks, the result is wall and false.
func bufferTime(ms float64, mono time.Duration, wall time.Time) (time.Time, bool) {
	if !(ms > 0 && ms < math.MaxInt64/1e6) { // written so that NaN fails
		return wall, false
	}
	stamp := time.Duration(ms * float64(time.Millisecond))
	if age := mono - stamp; plausible(age) {
		return wall.Add(-max(age, 0)), true
	}
	if age := wall.Sub(time.Unix(0, int64(stamp))); plausible(age) {
		return wall.Add(-max(age, 0)), true
	}
	return wall, false
}

// plausible allows for a millisecond of rounding on the side of the future.
func plausible(age time.Duration) bool { return age >= -time.Millisecond && age <= maxBufferAge }
