package bus

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/lensbus/lensbus/frame"
)

// chooseWithin is how much of a replay is looked at to choose who gives it: what comes first decides, and all of a
// year is much to tell.
const chooseWithin = time.Hour

// choose returns which of several recorders is asked for a replay or an export; empty where any is, because
// there is only one, or nothing is known of them. It waits no longer than for their answers.
func (c *Conn) choose(ctx context.Context, id frame.CameraID, verb string, from, to time.Time) string {
	known, others := c.recorders.due(id, time.Now())
	if len(known) == 1 && !others || c.recorders.onlyOne(id, time.Now()) {
		return ""
	}
	window := frame.RangesRequest{From: from, To: to}
	switch {
	case from.IsZero() && verb == frame.VerbReplay: // First tells, which is in every answer
		window = frame.RangesRequest{From: time.Now()}
	case verb == frame.VerbReplay && (to.IsZero() || to.Sub(from) > chooseWithin):
		window.To = from.Add(chooseWithin)
	}
	answers, err := c.askEach(ctx, id, window)
	if err == nil && len(answers) > 1 && !slices.ContainsFunc(answers, func(r frame.Ranges) bool { return len(r.Spans) > 0 }) {
		answers, err = c.askEach(ctx, id, frame.RangesRequest{From: from, To: to}) // it begins later
	}
	if err != nil || len(answers) < 2 {
		return ""
	}
	if verb == frame.VerbReplay {
		return earliest(answers, from)
	}
	return fullest(answers, from, to)
}

// earliest is who has the first picture at or after a moment; of several, who has most of what was told.
func earliest(answers []frame.Ranges, from time.Time) string {
	begins := func(r frame.Ranges) time.Time {
		if from.IsZero() {
			return r.First
		}
		for _, s := range coverage(r) {
			if s.to.After(from) {
				return later(s.from, from)
			}
		}
		return time.Time{}
	}
	return slices.MinFunc(answers, func(a, b frame.Ranges) int {
		x, y := begins(a), begins(b)
		switch {
		case x.IsZero() != y.IsZero(): // one has nothing
			if x.IsZero() {
				return 1
			}
			return -1
		case x.Sub(y).Abs() > sliver:
			return x.Compare(y)
		}
		return byLength(a, b, from, time.Time{})
	}).Instance
}

// fullest is who has most of what is between two moments.
func fullest(answers []frame.Ranges, from, to time.Time) string {
	return slices.MinFunc(answers, func(a, b frame.Ranges) int { return byLength(a, b, from, to) }).Instance
}

// byLength puts who has more first. Who has as much as another, about, comes by its name, so that it is the
// same one each time.
func byLength(a, b frame.Ranges, from, to time.Time) int {
	x, y := length(a, from, to).Round(2*sliver), length(b, from, to).Round(2*sliver)
	return cmp.Or(cmp.Compare(y, x), cmp.Compare(a.Instance, b.Instance))
}

// length is for how long a recorder has pictures between two moments.
func length(r frame.Ranges, from, to time.Time) (sum time.Duration) {
	for _, s := range coverage(r) {
		if s.from = later(s.from, from); !to.IsZero() && to.Before(s.to) {
			s.to = to
		}
		sum += max(s.to.Sub(s.from), 0)
	}
	return sum
}
