package source

import (
	"context"
	"time"
)

// pacer gives turns at a steady rate: turn n is due n intervals after the first one. It is late
// rather than early, and turns that have gone by are skipped, never made up for in a burst.
type pacer struct {
	interval time.Duration
	start    time.Time // of turn 0; zero before the first wait
	turn     int64     // that is due next
}

// newPacer returns a pacer of fps turns per second. Its first turn is due when first waited for.
func newPacer(fps float64) pacer {
	return pacer{interval: max(time.Duration(float64(time.Second)/fps), time.Millisecond)}
}

// wait returns when the next turn is due, with how many turns were skipped since the last one
// because nobody waited. It returns ctx's error when ctx is done and ErrClosed when closed is.
func (p *pacer) wait(ctx context.Context, closed <-chan struct{}) (skipped int64, err error) {
	select { // a turn that is already due must not win over the end
	case <-closed:
		return 0, ErrClosed
	case <-ctx.Done():
		return 0, ctx.Err()
	default:
	}
	now := time.Now()
	if p.start.IsZero() {
		p.start = now
	}
	// The newest turn that is due by now, if it is after the one that is due next.
	if newest := int64(now.Sub(p.start) / p.interval); newest > p.turn {
		skipped = newest - p.turn
		p.turn = newest
	}
	due := p.start.Add(time.Duration(p.turn) * p.interval)
	p.turn++
	if wait := due.Sub(now); wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-closed:
			return 0, ErrClosed
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
	return skipped, nil
}
