package bus

import (
	"cmp"
	"slices"
	"time"

	"github.com/lensbus/lensbus/frame"
)

// sliver is what is not worth a span of its own, or a gap: until when a last frame stands is an estimate.
const sliver = time.Second

// stretch is from a moment up to another.
type stretch struct{ from, to time.Time }

// joinRanges is what several recorders have together: the spans of the first, and of each other one what is not in
// them; what all of them miss is missing.
func joinRanges(answers []frame.Ranges) frame.Ranges {
	if len(answers) == 1 {
		return answers[0]
	}
	all := frame.Ranges{Camera: answers[0].Camera, Time: answers[0].Time, Spans: []frame.Span{}, Gaps: []frame.Gap{}}
	var since time.Time // before it, one of them has not told everything
	var covered []stretch
	for i, r := range answers {
		if !r.First.IsZero() && (all.First.IsZero() || r.First.Before(all.First)) {
			all.First = r.First
		}
		if r.Last.After(all.Last) {
			all.Last = r.Last
		}
		if r.Truncated {
			all.Truncated = true
			since = later(since, toldSince(r))
		}
		known := slices.Clone(covered) // and what it has nothing of itself
		for _, g := range r.Gaps {
			known = append(known, stretch{g.From, g.To})
		}
		known = union(known)
		for _, s := range r.Spans {
			whole := stretch{s.From, s.To}
			if !shares(whole, covered) {
				all.Spans = append(all.Spans, s)
				continue
			}
			for _, rest := range cut(whole, known) {
				if rest.to.Sub(rest.from) > sliver {
					all.Spans = append(all.Spans, partOf(s, rest))
				}
			}
		}
		covered = union(append(covered, coverage(r)...))
		var have []stretch // that the others have
		for k, other := range answers {
			if k != i {
				have = append(have, coverage(other)...)
			}
		}
		have = union(have)
		for _, g := range r.Gaps {
			all.Gaps = append(all.Gaps, missingOf(g, have)...)
		}
	}
	all.Spans = slices.DeleteFunc(all.Spans, func(s frame.Span) bool { return s.To.Before(since) })
	all.Gaps = slices.DeleteFunc(all.Gaps, func(g frame.Gap) bool { return g.To.Before(since) })
	slices.SortStableFunc(all.Spans, func(a, b frame.Span) int { return a.From.Compare(b.From) })
	slices.SortStableFunc(all.Gaps, func(a, b frame.Gap) int { return cmp.Or(a.From.Compare(b.From), a.To.Compare(b.To)) })
	// Two that tell of the same hole may name other reasons: the first one's is told.
	all.Gaps = slices.CompactFunc(all.Gaps, func(a, b frame.Gap) bool { return a.From.Equal(b.From) && a.To.Equal(b.To) })
	if over := len(all.Spans) - frame.MaxRanges; over > 0 {
		all.Spans, all.Truncated = all.Spans[over:], true
	}
	if over := len(all.Gaps) - frame.MaxRanges; over > 0 {
		all.Gaps, all.Truncated = all.Gaps[over:], true
	}
	return all
}

// toldSince is from when on a truncated answer has everything.
func toldSince(r frame.Ranges) (since time.Time) {
	if len(r.Spans) >= frame.MaxRanges {
		since = r.Spans[0].From
	}
	if len(r.Gaps) >= frame.MaxRanges {
		since = later(since, r.Gaps[0].From)
	}
	return since
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// coverage is of which time a recorder has pictures: a span may have gaps in it.
func coverage(r frame.Ranges) (all []stretch) {
	gaps := make([]stretch, len(r.Gaps))
	for i, g := range r.Gaps {
		gaps[i] = stretch{g.From, g.To}
	}
	gaps = union(gaps)
	for _, s := range r.Spans {
		for len(gaps) > 0 && !gaps[0].to.After(s.From) {
			gaps = gaps[1:]
		}
		all = append(all, cut(stretch{s.From, s.To}, gaps)...)
	}
	return union(all)
}

// union is the same time as stretches in order, none of which touch.
func union(all []stretch) []stretch {
	all = slices.Clone(all)
	slices.SortFunc(all, func(a, b stretch) int { return a.from.Compare(b.from) })
	var merged []stretch
	for _, s := range all {
		if n := len(merged); n > 0 && !s.from.After(merged[n-1].to) {
			merged[n-1].to = later(merged[n-1].to, s.to)
			continue
		}
		merged = append(merged, s)
	}
	return merged
}

// cut is what is left of a stretch without others, which are a union.
func cut(s stretch, others []stretch) (rest []stretch) {
	i, _ := slices.BinarySearchFunc(others, s.from, func(o stretch, at time.Time) int { return o.to.Compare(at) })
	for ; i < len(others) && others[i].from.Before(s.to); i++ {
		if s.from.Before(others[i].from) {
			rest = append(rest, stretch{s.from, others[i].from})
		}
		s.from = later(s.from, others[i].to)
	}
	if s.from.Before(s.to) {
		rest = append(rest, s)
	}
	return rest
}

// shares says whether something of a stretch is in others, which are a union; of one frame, that frame.
func shares(s stretch, others []stretch) bool {
	return slices.ContainsFunc(others, func(o stretch) bool {
		return s.from.Before(o.to) && o.from.Before(s.to) || s.from.Equal(s.to) && !s.from.Before(o.from) && !s.from.After(o.to)
	})
}

// partOf is a part of a span.
func partOf(s frame.Span, part stretch) frame.Span {
	if whole := s.To.Sub(s.From); whole > 0 {
		share := float64(part.to.Sub(part.from)) / float64(whole)
		s.Frames, s.Bytes = uint64(share*float64(s.Frames)), int64(share*float64(s.Bytes))
	}
	s.From, s.To = part.from, part.to
	return s
}

// missingOf is what is missing of a gap where others have something of it. How many frames that are is not known.
func missingOf(g frame.Gap, have []stretch) []frame.Gap {
	whole := stretch{g.From, g.To}
	rest := cut(whole, have)
	if len(rest) == 1 && rest[0] == whole {
		return []frame.Gap{g}
	}
	if !g.From.Before(g.To) { // of no length: it is as it was told
		return []frame.Gap{g}
	}
	var all []frame.Gap
	for _, r := range rest {
		if r.to.Sub(r.from) > sliver {
			all = append(all, frame.Gap{From: r.from, To: r.to, Reason: g.Reason})
		}
	}
	return all
}
