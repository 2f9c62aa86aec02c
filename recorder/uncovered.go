package recorder

import (
	"slices"
	"time"

	"github.com/lensbus/lensbus/frame"
)

// wide is how long a gap must be to be looked at for what is recorded in it. Between two frames of one segment no
// gap is longer ([segment.Options.Jump]), and until when the last frame before it stands is an estimate.
const wide = 10 * time.Second

// uncovered are the gaps without what is recorded in them. In order of time a gap may lie over other recordings where the
// publisher's clock was set and nobody could know it: by recorders that were started meanwhile. What is missing stays
// said, with the last piece, or for the moment at its end. Damage stays as it is: it lies within its file. Spans are in
// order.
func uncovered(gaps []frame.Gap, spans []frame.Span) []frame.Gap {
	var all []frame.Gap
	for _, g := range gaps {
		if g.Reason == frame.GapDamage || g.To.Sub(g.From) <= wide {
			all = append(all, g)
			continue
		}
		all = append(all, pieces(g, spans)...)
	}
	slices.SortStableFunc(all, func(a, b frame.Gap) int { return a.From.Compare(b.From) })
	return all
}

func pieces(g frame.Gap, spans []frame.Span) []frame.Gap {
	var all []frame.Gap
	free := g.From
	piece := func(to time.Time) {
		if to.Sub(free) > silence {
			all = append(all, frame.Gap{From: free, To: to, Reason: g.Reason})
		}
	}
	covered := false
	for _, s := range spans {
		switch {
		case !s.From.Before(g.To):
		case s.To.Sub(g.From) > wide || s.From.After(g.From) && s.To.After(free):
			covered = true
			piece(s.From)
			if s.To.After(free) {
				free = s.To
			}
		}
	}
	if !covered {
		return []frame.Gap{g}
	}
	piece(g.To)
	switch {
	case g.Missing == 0:
	case len(all) == 0:
		all = append(all, frame.Gap{From: g.To, To: g.To, Missing: g.Missing, Reason: g.Reason})
	default:
		all[len(all)-1].Missing = g.Missing
	}
	return all
}
