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
	h, err := a.hold(ctx, r.From, r.To)
	if err != nil {
		return answer, err
	}
	fresh := append(a.pending(), h.now) // whose gaps come into the index with them
	gaps, err := a.noted(ctx, r.From, r.To)
	if err != nil {
		return answer, err
	}
	for _, info := range fresh {
		gaps = append(gaps, info.Gaps...)
	}
	spans := make([]frame.Span, 0, len(h.files)+1)
	for _, info := range h.files {
		spans = append(spans, spanOf(info))
	}
	tail, gap, err := a.streamSpan(ctx, h.newest)
	if err != nil {
		return answer, err
	}
	if tail.Frames > 0 {
		spans = append(spans, tail)
		if gap.Reason != "" {
			gaps = append(gaps, gap)
		}
	}
	spans = slices.DeleteFunc(spans, func(s frame.Span) bool { return !within(s.From, s.To, r) })
	gaps = slices.DeleteFunc(gaps, func(g frame.Gap) bool { return !within(g.From, g.To, r) })
	slices.SortStableFunc(spans, func(a, b frame.Span) int { return a.From.Compare(b.From) })
	slices.SortFunc(gaps, func(a, b frame.Gap) int {
		return cmp.Or(a.From.Compare(b.From), a.To.Compare(b.To), cmp.Compare(a.Reason, b.Reason), cmp.Compare(a.Missing, b.Missing))
	})
	gaps = slices.Compact(gaps)
	spans = joined(spans, gaps)
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

func newest[T any](all []T, truncated bool) ([]T, bool) {
	if over := len(all) - frame.MaxRanges; over > 0 {
		return all[over:], true
	}
	return all, truncated
}

func within(from, to time.Time, r frame.RangesRequest) bool {
	return (r.From.IsZero() || !to.Before(r.From)) && (r.To.IsZero() || from.Before(r.To))
}

func spanOf(i segment.Info) frame.Span {
	return frame.Span{From: i.Start, To: until(i), Frames: i.Frames, Bytes: i.Bytes, Width: i.Width, Height: i.Height, Kept: frame.KeptFile}
}

// joined makes one of spans that touch, where nothing is missing between them. Both are in order.
func joined(spans []frame.Span, gaps []frame.Gap) []frame.Span {
	var all []frame.Span
	for _, s := range spans {
		for len(gaps) > 0 && gaps[0].To.Before(s.From) {
			gaps = gaps[1:]
		}
		if len(all) > 0 {
			last := &all[len(all)-1]
			hole := len(gaps) > 0 && gaps[0].To.Equal(s.From)
			if !hole && last.Kept == s.Kept && last.Width == s.Width && last.Height == s.Height && s.From.Sub(last.To) <= apart {
				if s.To.After(last.To) {
					last.To = s.To
				}
				last.Frames += s.Frames
				last.Bytes += s.Bytes
				continue
			}
		}
		all = append(all, s)
	}
	return all
}

// holdings are what is in files. The recorder goes on while they are looked at: what it writes
// meanwhile may be in files and after newest both, and is never in neither.
type holdings struct {
	now    segment.Info   // that is being written; no frames: none is
	newest segment.Info   // that, or what last returns; no frames: there is none
	files  []segment.Info // that have something in the stretch, now included, by Start
}

// hold looks at what is in files in a stretch of time. Its order matters: what is after newest is looked
// for in the stream, so that the files must be looked at later than it, and all by one look at now.
func (a *archive) hold(ctx context.Context, from, to time.Time) (h holdings, err error) {
	h.now, _ = a.writing()
	if h.newest = h.now; h.newest.Frames == 0 && a.history != nil {
		if h.newest, _, err = a.last(ctx); err != nil {
			return h, err
		}
	}
	h.files, err = a.filesWith(ctx, h.now, from, to)
	return h, err
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
		gap, _ = gapBetween(lastEdge(file), edge{f.Frame.Epoch, f.Frame.Seq, f.Number, f.Frame.Captured}, usualInterval(file))
	}
	return span, gap, nil
}

// estimate is how much there is between two moments, about.
func (a *archive) estimate(ctx context.Context, from, to time.Time) (frames uint64, bytes int64, err error) {
	h, err := a.hold(ctx, from, to)
	if err != nil {
		return 0, 0, err
	}
	var perFrame int64
	for _, i := range h.files {
		share := 1.0
		if whole := until(i).Sub(i.Start); whole > 0 {
			begin, end := i.Start, until(i)
			if from.After(begin) {
				begin = from
			}
			if !to.IsZero() && to.Before(end) {
				end = to
			}
			share = max(0, min(1, float64(end.Sub(begin))/float64(whole)))
		}
		frames += uint64(share * float64(i.Frames))
		bytes += int64(share * float64(i.Bytes))
		if i.Frames > 0 {
			perFrame = i.Bytes / int64(i.Frames)
		}
	}
	tail, _, err := a.streamSpan(ctx, h.newest)
	if err == nil && tail.Frames > 0 && within(tail.From, tail.To, frame.RangesRequest{From: from, To: to}) {
		frames += tail.Frames
		bytes += int64(min(tail.Frames, 1<<32)) * perFrame
	}
	return frames, bytes, nil
}
