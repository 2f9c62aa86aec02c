package source

import (
	"context"
	"time"
)

// pacer gives turns at a steady rate: turn n is due n intervals after the first one. It is late
// rather than early, and turns that have gone by are skipped, never made up for in a burst.
type pacer struct {
	tuned    *tuned // says the rate
	interval time.Duration
	start    time.Time // of turn 0; zero before the first wait
	turn     int64     // that is due next
}

// newPacer returns a pacer of as many turns per second as is asked for now. Its first turn is due
// when first waited for.
func newPacer(rate *tuned) pacer { return pacer{tuned: rate, interval: intervalOf(rate.rate())} }

func intervalOf(fps float64) time.Duration {
	return max(time.Duration(float64(time.Second)/fps), time.Millisecond)
}

// retune goes over to another rate: the next turn is due one new interval after the last.
func (p *pacer) retune(to time.Duration) {
	if to == p.interval {
		return
	}
	if p.turn > 0 {
		p.start = p.start.Add(time.Duration(p.turn-1) * p.interval)
		p.turn = 1
	}
	p.interval = to
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
	began := time.Now()
	if p.start.IsZero() {
		p.start = began
	}
	p.retune(intervalOf(p.tuned.rate()))
	// The newest turn that is due by now, if it is after the one that is due next.
	if newest := int64(began.Sub(p.start) / p.interval); newest > p.turn {
		skipped = newest - p.turn
		p.turn = newest
	}
	for {
		wait := time.Until(p.start.Add(time.Duration(p.turn) * p.interval))
		if wait <= 0 {
			p.turn++
			return skipped, nil
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-p.tuned.changed: // a new rate holds at once, not after a long interval of the old
			p.retune(intervalOf(p.tuned.rate()))
		case <-closed:
			timer.Stop()
			return 0, ErrClosed
		case <-ctx.Done():
			timer.Stop()
			return 0, ctx.Err()
		}
		timer.Stop()
	}
}
