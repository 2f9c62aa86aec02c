package recorder

import (
	"context"
	"iter"
	"time"

	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/recorder/index"
	"github.com/lensbus/lensbus/recorder/segment"
)

// estimate is how much there is between two moments, about. It holds nothing of it: of no bounds it may be very many
// segments.
func (a *archive) estimate(ctx context.Context, from, to time.Time) (frames uint64, bytes int64, err error) {
	// In this order: what is after newest is looked for in the stream. What is written meanwhile may count twice.
	now, newest, err := a.newestWritten(ctx)
	if err != nil {
		return 0, 0, err
	}
	var perFrame int64
	for s, err := range a.stretches(ctx, now, from, to) {
		if err != nil {
			return 0, 0, err
		}
		share := 1.0
		if whole := s.Until.Sub(s.From); whole > 0 {
			begin, end := s.From, s.Until
			if from.After(begin) {
				begin = from
			}
			if !to.IsZero() && to.Before(end) {
				end = to
			}
			share = max(0, min(1, float64(end.Sub(begin))/float64(whole)))
		}
		frames += uint64(share * float64(s.Frames))
		bytes += int64(share * float64(s.Bytes))
		if s.Frames > 0 {
			perFrame = s.Bytes / int64(s.Frames)
		}
	}
	tail, _, err := a.streamSpan(ctx, newest)
	if err == nil && tail.Frames > 0 && within(tail.From, tail.To, frame.RangesRequest{From: from, To: to}) {
		frames += tail.Frames
		bytes += int64(min(tail.Frames, 1<<32)) * perFrame
	}
	return frames, bytes, nil
}

// stretches yields what files would return, in no order; now is what writing has returned before.
func (a *archive) stretches(ctx context.Context, now segment.Info, from, to time.Time) iter.Seq2[index.Stretch, error] {
	of := func(i segment.Info) index.Stretch {
		return index.Stretch{From: i.Start, Until: until(i), Frames: i.Frames, Bytes: i.Bytes, Width: i.Width, Height: i.Height}
	}
	return func(yield func(index.Stretch, error) bool) {
		if a.shelf == nil {
			infos, err := a.files(ctx, from, to)
			if err != nil {
				yield(index.Stretch{}, err)
				return
			}
			for _, i := range infos {
				if !yield(of(i), nil) {
					return
				}
			}
			return
		}
		fresh := a.fresh(now)
		without := make([]string, 0, len(fresh))
		for _, i := range fresh {
			without = append(without, closedPath(i.Path))
		}
		for s, err := range a.shelf.index.Stretches(ctx, a.id, from, to, without) {
			if !yield(s, err) || err != nil {
				return
			}
		}
		for _, i := range fresh {
			if overlaps(i, from, to) && !yield(of(i), nil) {
				return
			}
		}
	}
}
