package opencv

import (
	"math"
	"time"
)

// How old a picture may be by its driver's time stamp, and how far in the future. OpenCV keeps four
// buffers, so at 1 picture in 2 seconds an honest one can be some seconds old; and drivers that stamp
// the end of an exposure may hand the picture out before it.
const (
	maxBufferAge   = 10 * time.Second
	maxBufferAhead = time.Second
)

// bufferTime makes wall-clock time of a driver's time stamp in milliseconds. mono and wall are
// CLOCK_MONOTONIC (0: there is none) and the wall clock now. Most drivers stamp with the first; some
// with the second, with another clock, or with 0: where the picture would be too old or from the
// future by both clocks, the result is wall and false. No picture is from the future: one that is a
// little ahead counts as taken now.
func bufferTime(ms float64, mono time.Duration, wall time.Time) (time.Time, bool) {
	if !(ms > 0 && ms < math.MaxInt64/1e6) { // written so that NaN fails
		return wall, false
	}
	stamp := time.Duration(ms * float64(time.Millisecond))
	if age := mono - stamp; mono > 0 && plausible(age) {
		return wall.Add(-max(age, 0)), true
	}
	if age := wall.Sub(time.Unix(0, int64(stamp))); plausible(age) {
		return wall.Add(-max(age, 0)), true
	}
	return wall, false
}

func plausible(age time.Duration) bool { return age >= -maxBufferAhead && age <= maxBufferAge }
