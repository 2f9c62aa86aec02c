package recorder

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/recorder/segment"
)

// apart is how far apart two segments may be to be one span, where no gap is noted between: the time
// for which the last frame of a segment stands is an estimate.
const apart = time.Second

// ranges says what there is between two moments. Spans and gaps are those that reach into the stretch,
// whole.
func (a *archive) ranges(ctx context.Context, r frame.RangesRequest) (frame.Ranges, error) {
	answer := frame.Ranges{Camera: a.id, Time: time.Now()}
	// In this order: what is after newest is looked for in the stream, so that the files must be looked at later
	// than it, and all by one look at what is written. What is closed meanwhile is in fresh, and left out of the shelf.
	now, last, err := a.newestWritten(ctx)
	if err != nil {
		return answer, err
	}
	fresh := a.fresh(now)
	first, until, err := a.shelf.extent(ctx)
	if err != nil {
		return answer, err
	}
	tail, tailGap, err := a.streamSpan(ctx, last)
	if err != nil {
		return answer, err
	}
	var spans []frame.Span
	var gaps []frame.Gap
	var without []string
	for _, info := range fresh { // whose gaps come into the index with them
		spans, gaps = append(spans, spanOf(info)), append(gaps, info.Gaps...)
		without = append(without, closedPath(info.Path))
	}
	if tail.Frames > 0 {
		if spans = append(spans, tail); tailGap.Reason != "" {
			gaps = append(gaps, tailGap)
		}
	}
	answer.First, answer.Last = extended(first, until, spans)
	from := r.From
	if !from.After(answer.First) { // all there is, where to is no bound either
		from = time.Time{}
	}
	files, err := a.shelf.between(ctx, from, r.To, without)
	if err != nil {
		return answer, err
	}
	answer.Truncated = files.more
	spans, gaps = append(spans, files.spans...), append(gaps, files.gaps...)
	spans = slices.DeleteFunc(spans, func(s frame.Span) bool { return !within(s.From, s.To, r) })
	gaps = slices.DeleteFunc(gaps, func(g frame.Gap) bool { return !within(g.From, g.To, r) })
	return a.arranged(answer, spans, gaps)
}

// arranged puts spans and gaps into an answer, in order and as few as they are.
func (a *archive) arranged(answer frame.Ranges, spans []frame.Span, gaps []frame.Gap) (frame.Ranges, error) {
	slices.SortStableFunc(spans, func(a, b frame.Span) int { return a.From.Compare(b.From) })
	slices.SortFunc(gaps, func(a, b frame.Gap) int {
		return cmp.Or(a.From.Compare(b.From), a.To.Compare(b.To), cmp.Compare(a.Reason, b.Reason), cmp.Compare(a.Missing, b.Missing))
	})
	gaps = slices.Compact(gaps)
	ends := make([]int64, len(gaps))
	for i, g := range gaps {
		ends[i] = g.To.UnixNano()
	}
	slices.Sort(ends)
	spans, answer.Truncated, _ = joined(func(yield func(frame.Span, error) bool) {
		for _, s := range spans {
			if !yield(s, nil) {
				return
			}
		}
	}, ends, answer.Truncated) // what is in memory has no errors
	gaps = uncovered(gaps, spans)
	answer.Spans, answer.Truncated = newest(spans, answer.Truncated)
	answer.Gaps, answer.Truncated = newest(gaps, answer.Truncated)
	if answer.Spans == nil { // in JSON an empty list, not null
		answer.Spans = []frame.Span{}
	}
	if answer.Gaps == nil {
		answer.Gaps = []frame.Gap{}
	}
	return answer, nil
}

// extended is from when until when there is anything: in the index, where first is not zero, and in spans.
func extended(first, last time.Time, spans []frame.Span) (time.Time, time.Time) {
	for _, s := range spans {
		if first.IsZero() || s.From.Before(first) {
			first = s.From
		}
		if s.To.After(last) {
			last = s.To
		}
	}
	return first, last
}

// fresh are the segments that the index may not have: those that it has not got yet, and now.
func (a *archive) fresh(now segment.Info) []segment.Info {
	infos := slices.Clone(a.pending())
	closed := func(i segment.Info) bool { return closedPath(i.Path) == closedPath(now.Path) }
	if now.Frames > 0 && !slices.ContainsFunc(infos, closed) {
		infos = append(infos, now)
	}
	return infos
}

// within says whether there is something of it in the stretch, as the index says it.
func within(from, to time.Time, r frame.RangesRequest) bool {
	return (r.From.IsZero() || to.After(r.From) || !from.Before(r.From)) && (r.To.IsZero() || from.Before(r.To))
}

func spanOf(i segment.Info) frame.Span {
	return frame.Span{From: i.Start, To: until(i), Frames: i.Frames, Bytes: i.Bytes, Width: i.Width, Height: i.Height, Kept: frame.KeptFile}
}

// newestWritten is the segment that is being written, and the one that was written last, be it that; without frames
// where there is none.
func (a *archive) newestWritten(ctx context.Context) (now, newest segment.Info, err error) {
	now, _ = a.writing()
	if newest = now; newest.Frames == 0 && a.history != nil {
		newest, _, err = a.last(ctx)
	}
	return now, newest, err
}

// streamSpan is what is in the stream after the newest segment, and the gap before it if there is one.
// A broker that cannot be asked makes it empty.
func (a *archive) streamSpan(ctx context.Context, file segment.Info) (frame.Span, frame.Gap, error) {
	none := func(err error) (frame.Span, frame.Gap, error) {
		if errors.Is(err, bus.ErrNoPicture) || errors.Is(err, bus.ErrDisconnected) {
			err = nil
		}
		return frame.Span{}, frame.Gap{}, err
	}
	if a.history == nil {
		return none(nil)
	}
	first, err := a.history.Read(ctx, file.LastStored+1, 1, 1)
	if err != nil {
		return none(err)
	}
	newest, err := a.history.Newest(ctx)
	if err != nil || len(first.Messages) == 0 || len(newest.Messages) == 0 {
		return none(err)
	}
	f, l := first.Messages[0], newest.Messages[0]
	if f.Rejected != nil || l.Rejected != nil || l.Number < f.Number {
		return none(nil) // it will be told once it is recorded
	}
	span := frame.Span{
		From: f.Frame.Captured, To: l.Frame.Captured, Frames: first.Pending + 1,
		Width: f.Frame.Width, Height: f.Frame.Height, Kept: frame.KeptStream,
	}
	if span.To.Before(span.From) {
		span.To = span.From
	}
	var gap frame.Gap
	if file.Frames > 0 {
		gap, _ = gapBetween(lastEdge(file), edgeOf(f), usualInterval(file))
	}
	return span, gap, nil
}
