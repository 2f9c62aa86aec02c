package recorder

import (
	"context"
	"time"
)

// longestPause is how long a replay waits for the next frame at most: stretches without pictures are
// not sat through.
const longestPause = 2 * time.Second

// pacer keeps the speed of a replay: frames are sent as far apart as they were captured, divided by
// speed. Where the asker does not take them in time, what follows is not hurried: the clock of the
// replay stands still meanwhile. The zero value does not wait.
type pacer struct {
	speed float64
	// A frame captured at anchor was due at since.
	anchor, since time.Time
}

// wait waits until a frame is due. Its error is ctx's cause.
func (p *pacer) wait(ctx context.Context, captured time.Time) error {
	if p.speed <= 0 {
		return nil
	}
	now := time.Now()
	due := now
	if step := captured.Sub(p.anchor); !p.since.IsZero() && step > 0 {
		due = p.since.Add(time.Duration(float64(step) / p.speed))
		if latest := now.Add(longestPause); due.After(latest) && step > longestPause {
			due = latest
		}
		if due.Before(now) {
			due = now
		}
	}
	p.anchor, p.since = captured, due
	if !due.After(now) {
		return nil
	}
	timer := time.NewTimer(due.Sub(now))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
