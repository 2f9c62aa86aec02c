package recorder

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/recorder/segment"
)

// The recorder goes on while somebody asks what there is: whenever it writes, nothing that is recorded
// is left out of the answer.
func TestRangesWhileTheRecorderGoesOn(t *testing.T) {
	g := newFootage(t, 0)
	g.publish(30, plainScene(), time.Time{})
	after := g.frames[29]
	after.Seq, after.Captured = after.Seq+6, after.Captured.Add(600*time.Millisecond) // five were not stored
	after.Data = testPicture(t, 64, 48, 30)
	g.store(after)
	g.publish(29, plainScene(), time.Time{})
	history, err := g.asker.History("front")
	if err != nil {
		t.Fatal(err)
	}

	// ask has the recorder do something right before the n-th time that it is looked at what it is writing.
	ask := func(what string, n int, now segment.Info, does func() segment.Info) {
		t.Helper()
		looks := 0
		a := &archive{
			id: "front", folder: g.folder, history: history, log: slog.New(slog.DiscardHandler),
			writing: func() (segment.Info, bool) {
				if looks++; looks == n {
					now = does()
				}
				return now, now.Frames > 0
			},
			segments: func(ctx context.Context, from, to time.Time) ([]segment.Info, error) {
				return g.index.Segments(ctx, "front", from, to)
			},
			last:  func(ctx context.Context) (segment.Info, bool, error) { return g.index.Newest(ctx, "front") },
			shelf: &shelf{index: g.index, id: "front"},
		}
		ranges, err := a.ranges(soon(t), frame.RangesRequest{})
		if err != nil {
			t.Fatal(err)
		}
		var frames uint64
		for _, s := range ranges.Spans {
			frames += s.Frames
		}
		if frames < 60 || !ranges.Spans[0].From.Equal(g.frames[0].Captured) {
			t.Errorf("%s before look %d: %d of 60 frames in %+v", what, n, frames, ranges.Spans)
		}
	}
	const mostLooks = 4
	w := g.write(1, 30)
	first := w.Info()
	for n := 1; n <= mostLooks; n++ {
		ask("the first part is written", n, segment.Info{}, func() segment.Info { return first })
	}
	second := g.write(31, 50).Info()
	for n := mostLooks; n >= 1; n-- {
		ask("the next segment begins", n, first, func() segment.Info {
			closed, err := w.Close() // again is the same
			if err == nil {
				err = g.index.Add(soon(t), closed)
			}
			if err != nil {
				t.Error(err)
			}
			return second
		})
	}
}
