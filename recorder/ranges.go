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
	infos, err := a.files(ctx, r.From, r.To)
	if err != nil {
		return answer, err
	}
	gaps, err := a.noted(ctx, r.From, r.To)
	if err != nil {
		return answer, err
	}
	if now, ok := a.writing(); ok { // its gaps come into the index when it is closed
		gaps = append(gaps, now.Gaps...)
	}
	spans := make([]frame.Span, 0, len(infos)+1)
	for _, info := range infos {
		spans = append(spans, spanOf(info))
	}
	tail, gap, err := a.streamSpan(ctx)
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

// newestFile is the newest segment, the one that is being written included; false where there is none.
func (a *archive) newestFile(ctx context.Context) (segment.Info, bool, error) {
	if now, ok := a.writing(); ok && now.Frames > 0 {
		return now, true, nil
	}
	return a.last(ctx)
}

// streamSpan is what is in the stream and not yet in a file, and the gap before it if there is one. A
// broker that cannot be asked makes it empty.
func (a *archive) streamSpan(ctx context.Context) (frame.Span, frame.Gap, error) {
	none := func(err error) (frame.Span, frame.Gap, error) {
		if errors.Is(err, bus.ErrNoPicture) || errors.Is(err, bus.ErrDisconnected) {
			err = nil
		}
		return frame.Span{}, frame.Gap{}, err
	}
	if a.history == nil {
		return none(nil)
	}
	file, ok, err := a.newestFile(ctx)
	if err != nil {
		return none(err)
	}
	from := uint64(1)
	if ok {
		from = file.LastStored + 1
	}
	first, err := a.history.Read(ctx, from, 1, 1)
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
	if ok {
		gap, _ = gapBetween(lastEdge(file), edge{f.Frame.Epoch, f.Frame.Seq, f.Number, f.Frame.Captured}, usualInterval(file))
	}
	return span, gap, nil
}

// estimate is how much there is between two moments, about.
func (a *archive) estimate(ctx context.Context, from, to time.Time) (frames uint64, bytes int64, err error) {
	infos, err := a.files(ctx, from, to)
	if err != nil {
		return 0, 0, err
	}
	var perFrame int64
	for _, i := range infos {
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
	tail, _, err := a.streamSpan(ctx)
	if err == nil && tail.Frames > 0 && within(tail.From, tail.To, frame.RangesRequest{From: from, To: to}) {
		frames += tail.Frames
		bytes += int64(min(tail.Frames, 1<<32)) * perFrame
	}
	return frames, bytes, nil
}
