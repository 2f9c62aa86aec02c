package recorder

import (
	"context"
	"iter"
	"slices"
	"sync"
	"time"

	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/recorder/index"
)

// shelf is what the index has of one camera, as answers to ranges tell it. What there is in all is kept
// until the index changes: every page that is open asks for that, again and again.
type shelf struct {
	index *index.Index
	id    frame.CameraID

	mu      sync.Mutex
	kept    *shelved // all there is; nil: nothing is kept
	version uint64   // of the index, for kept
	without []string // that are not in kept
}

// shelved is a stretch of a camera's closed segments: the newest spans and gaps in it, at most
// [frame.MaxRanges] each, in the order of their From. It is never changed.
type shelved struct {
	spans []frame.Span
	gaps  []frame.Gap
	more  bool // there are older ones
}

// between returns what there is between two moments; without are paths of segments that are left out.
func (s *shelf) between(ctx context.Context, from, to time.Time, without []string) (*shelved, error) {
	if !from.IsZero() || !to.IsZero() {
		return s.read(ctx, from, to, without)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	version := s.index.Version(s.id) // before it is read: what changes meanwhile is another version
	if s.kept != nil && s.version == version && slices.Equal(s.without, without) {
		return s.kept, nil
	}
	kept, err := s.read(ctx, from, to, without)
	if err == nil {
		s.kept, s.version, s.without = kept, version, without
	}
	return kept, err
}

// read holds no more than the answer and, of each gap, its end.
func (s *shelf) read(ctx context.Context, from, to time.Time, without []string) (*shelved, error) {
	all := new(shelved)
	var ends []int64
	for gap, err := range s.index.EachGap(ctx, s.id, from, to) {
		if err != nil {
			return nil, err
		}
		ends = append(ends, gap.To.UnixNano())
		all.gaps, all.more = pushed(all.gaps, gap, all.more)
	}
	slices.Sort(ends)
	spans := func(yield func(frame.Span, error) bool) {
		for stretch, err := range s.index.Stretches(ctx, s.id, from, to, without) {
			span := frame.Span{
				From: stretch.From, To: stretch.Until, Frames: stretch.Frames, Bytes: stretch.Bytes,
				Width: stretch.Width, Height: stretch.Height, Kept: frame.KeptFile,
			}
			if !yield(span, err) {
				return
			}
		}
	}
	var err error
	all.spans, all.more, err = joined(spans, ends, all.more)
	if err != nil {
		return nil, err
	}
	all.spans, all.more = newest(all.spans, all.more)
	all.gaps, all.more = newest(all.gaps, all.more)
	return all, nil
}

// extent is where the first segment in the index begins, and the last one ends; zero where there is none.
func (s *shelf) extent(ctx context.Context) (first, last time.Time, err error) {
	first, last, ok, err := s.index.Extent(ctx, s.id)
	if err != nil || !ok {
		return time.Time{}, time.Time{}, err
	}
	return first, last, nil
}

// joined makes one of spans that touch, where nothing is missing between them, and leaves the oldest out where
// they are more than an answer holds. Spans come by From; ends are those of all gaps, in order.
func joined(spans iter.Seq2[frame.Span, error], ends []int64, more bool) ([]frame.Span, bool, error) {
	var all []frame.Span
	for s, err := range spans {
		if err != nil {
			return nil, more, err
		}
		if len(all) > 0 {
			last := &all[len(all)-1]
			_, hole := slices.BinarySearch(ends, s.From.UnixNano())
			if !hole && last.Kept == s.Kept && last.Width == s.Width && last.Height == s.Height && s.From.Sub(last.To) <= apart {
				if s.To.After(last.To) {
					last.To = s.To
				}
				last.Frames += s.Frames
				last.Bytes += s.Bytes
				continue
			}
		}
		all, more = pushed(all, s, more)
	}
	return all, more, nil
}

// pushed appends to the newest, and forgets the oldest of many more than an answer holds.
func pushed[T any](all []T, one T, more bool) ([]T, bool) {
	if len(all) >= 2*frame.MaxRanges {
		all, more = append(all[:0], all[len(all)-frame.MaxRanges:]...), true
	}
	return append(all, one), more
}

// newest leaves out the oldest where there are more than an answer holds.
func newest[T any](all []T, more bool) ([]T, bool) {
	if over := len(all) - frame.MaxRanges; over > 0 {
		return all[over:], true
	}
	return all, more
}
