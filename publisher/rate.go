package publisher

import "time"

// rate averages over the last seconds, in whole ones, so that it costs the same at any frame rate. The
// times it is given are this machine's own, with which nobody can set back how much has gone by.
type rate struct {
	seconds [rateSeconds + 1]struct {
		number int64 // since began
		frames int
		bytes  int
	}
	began time.Time
}

const rateSeconds = 4

func (r *rate) second(now time.Time) int64 { return int64(now.Sub(r.began) / time.Second) }

func (r *rate) add(now time.Time, bytes int) {
	if r.began.IsZero() || now.Before(r.began) {
		*r = rate{began: now}
	}
	number := r.second(now)
	s := &r.seconds[number%int64(len(r.seconds))]
	if s.number != number {
		s.number, s.frames, s.bytes = number, 0, 0
	}
	s.frames++
	s.bytes += bytes
}

// over returns frames and bits per second over the last whole seconds.
func (r *rate) over(now time.Time) (fps, bits float64) {
	current := r.second(now)
	if r.began.IsZero() || current < 1 {
		return 0, 0
	}
	frames, bytes := 0, 0
	for _, s := range r.seconds {
		if age := current - s.number; age >= 1 && age <= rateSeconds {
			frames += s.frames
			bytes += s.bytes
		}
	}
	over := float64(min(rateSeconds, current))
	return float64(frames) / over, float64(bytes) * 8 / over
}
