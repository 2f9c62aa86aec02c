package opencv

import (
	"math"
	"time"
)

// pacer turns a file's own time stamps into the moments at which its pictures are due.
type pacer struct {
	step    time.Duration // between two pictures where the time stamps say nothing
	longest time.Duration // between two pictures, whatever the time stamps say

	started bool
	last    float64 // milliseconds, the time stamp before
	due     time.Time
}

// newPacer makes a pacer for a file that says it has fps pictures a second; 25 where that is no
// sensible number.
func newPacer(fps float64, longest time.Duration) *pacer {
	if !(fps >= 0.1 && fps <= 1000) { // written so that NaN fails
		fps = 25
	}
	return &pacer{step: min(time.Duration(float64(time.Second)/fps), longest), longest: longest}
}

// next says when the picture with the time stamp ms is due; now is the time. The first one is due
// at once. A time stamp that does not go up (the file begins again, or has none) counts as one step.
//
// A reader that comes late by more than a step has its whole plan put back: pictures are never sent
// in a burst to catch up. Being late by less is made good by the next picture, so that the pace
// stays the file's in the long run.
func (p *pacer) next(ms float64, now time.Time) time.Time {
	if !p.started {
		p.started, p.last, p.due = true, ms, now
		return now
	}
	gap := p.step
	if d := ms - p.last; d > 0 && !math.IsInf(d, 0) {
		gap = p.longest
		if d < float64(p.longest)/float64(time.Millisecond) {
			gap = time.Duration(d * float64(time.Millisecond))
		}
	}
	p.last = ms
	p.due = p.due.Add(gap)
	if now.Sub(p.due) > gap {
		p.due = now
	}
	return p.due
}
