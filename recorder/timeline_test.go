package recorder

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/recorder/index"
	"github.com/lensbus/lensbus/recorder/segment"
)

// shelvedArchive is an archive of camera front that has an index only.
func shelvedArchive(t testing.TB) (*archive, *index.Index) {
	t.Helper()
	x, err := index.Open(t.Context(), filepath.Join(t.TempDir(), "index.sqlite"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = x.Close() })
	return &archive{
		id: "front", shelf: &shelf{index: x, id: "front"},
		segments: func(ctx context.Context, from, to time.Time) ([]segment.Info, error) {
			return x.Segments(ctx, "front", from, to)
		},
		writing: func() (segment.Info, bool) { return segment.Info{}, false },
	}, x
}

// tenMinutes is a closed segment.
func tenMinutes(start time.Time, gaps ...frame.Gap) segment.Info {
	return segment.Info{
		Camera: "front", Path: segment.Path("front", start), Epoch: "e", Codec: frame.JPEG, Width: 64, Height: 48,
		FirstSeq: 1, LastSeq: 9000, FirstStored: 1, LastStored: 9000, Frames: 9000, Bytes: 9_000_000,
		Start: start, End: start.Add(10*time.Minute - 66*time.Millisecond), Duration: 10 * time.Minute, Gaps: gaps,
	}
}

// allRead is what there is between two moments, by reading all that is there.
func allRead(t *testing.T, a *archive, x *index.Index, r frame.RangesRequest) (spans []frame.Span, gaps []frame.Gap) {
	t.Helper()
	infos, err := a.files(t.Context(), time.Time{}, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	known, err := x.Gaps(t.Context(), "front", time.Time{}, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	for _, gap := range known {
		if within(gap.From, gap.To, r) {
			gaps = append(gaps, gap)
		}
	}
	for _, info := range infos {
		s := spanOf(info)
		if !within(s.From, s.To, r) {
			continue
		}
		if n := len(spans); n > 0 && s.Width == spans[n-1].Width && s.From.Sub(spans[n-1].To) <= apart &&
			!slices.ContainsFunc(known, func(g frame.Gap) bool { return g.To.Equal(s.From) }) {
			last := &spans[n-1]
			last.To, last.Frames, last.Bytes = s.To, last.Frames+s.Frames, last.Bytes+s.Bytes
			continue
		}
		spans = append(spans, s)
	}
	return spans, gaps
}

// Whatever is written and removed, what is kept in memory answers as the index does, of any stretch.
func TestRangesAreWhatTheIndexHas(t *testing.T) {
	a, x := shelvedArchive(t)
	random := rand.New(rand.NewPCG(1, 2))
	at := testNoon()
	var paths []string
	for round := range 60 {
		switch what := random.IntN(5); {
		case what == 0 && len(paths) > 0:
			if _, _, err := x.Remove(t.Context(), paths[0]); err != nil {
				t.Fatal(err)
			}
			paths = paths[1:]
		default:
			var gaps []frame.Gap
			if what == 1 { // shorter than what parts two spans
				gaps = append(gaps, frame.Gap{From: at.Add(-66 * time.Millisecond), To: at, Missing: 3, Reason: frame.GapUnstored})
			} else if what == 2 {
				gaps = append(gaps, frame.Gap{From: at, To: at.Add(time.Hour), Reason: frame.GapCamera})
				at = at.Add(time.Hour)
			}
			info := tenMinutes(at, gaps...)
			if what == 3 {
				info.Width = 32
			}
			if err := x.Add(t.Context(), info); err != nil {
				t.Fatal(err)
			}
			paths = append(paths, info.Path)
			at = at.Add(10 * time.Minute)
		}
		first, last, err := a.shelf.extent(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		stretch := last.Sub(first)
		for n, r := range []frame.RangesRequest{
			{}, {From: first}, {From: first.Add(stretch / 3)}, {To: first.Add(stretch / 2)}, {From: first.Add(stretch / 4), To: last.Add(-stretch / 4)},
		} {
			got, err := a.ranges(t.Context(), r)
			if err != nil {
				t.Fatal(err)
			}
			spans, gaps := allRead(t, a, x, r)
			if len(spans) == 0 {
				spans = []frame.Span{}
			}
			if len(gaps) == 0 {
				gaps = []frame.Gap{}
			}
			if diff := cmp.Diff(spans, got.Spans) + cmp.Diff(gaps, got.Gaps); diff != "" || got.Truncated || !got.First.Equal(first) || !got.Last.Equal(last) {
				t.Fatalf("round %d, request %d: %v to %v; - the index, + the answer\n%s", round, n, got.First, got.Last, diff)
			}
		}
	}
}

// What does not fit is told by asking further back, until all of it has been.
func TestRangesOfManyGapsPageByPage(t *testing.T) {
	a, x := shelvedArchive(t)
	const n = 2*frame.MaxRanges + 100
	err := x.Rebuild(t.Context(), func(tx *index.Tx) error {
		at := testNoon()
		for range n {
			next := at.Add(30 * time.Minute)
			if err := tx.Add(t.Context(), tenMinutes(next, frame.Gap{From: at.Add(10 * time.Minute), To: next, Reason: frame.GapCamera})); err != nil {
				return err
			}
			at = next
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	began := map[time.Time]bool{}
	var r frame.RangesRequest
	for page := 1; ; page++ {
		got, err := a.ranges(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		if want := testNoon().Add(30 * time.Minute); !got.First.Equal(want) || len(got.Spans) > frame.MaxRanges || len(got.Gaps) > frame.MaxRanges {
			t.Fatalf("page %d: %d spans, %d gaps, the first is of %v, want %v", page, len(got.Spans), len(got.Gaps), got.First, want)
		}
		for _, s := range got.Spans {
			began[s.From] = true
		}
		if !got.Truncated {
			break
		}
		if page > n {
			t.Fatal("it does not end")
		}
		r.To = got.Spans[0].From
	}
	if len(began) != n {
		t.Errorf("%d of %d spans", len(began), n)
	}
}

// A year of a camera in segments of ten minutes, asked by an open page.
func BenchmarkRanges(b *testing.B) {
	for name, gapEvery := range map[string]int{"whole": 0, "gap each hour": 6} {
		a, x := shelvedArchive(b)
		ctx := context.Background()
		at := testNoon()
		err := x.Rebuild(ctx, func(tx *index.Tx) error {
			for n := range 365 * 24 * 6 {
				var gaps []frame.Gap
				if gapEvery > 0 && n%gapEvery == 0 {
					gaps = append(gaps, frame.Gap{From: at, To: at.Add(10 * time.Second), Reason: frame.GapCamera})
					at = at.Add(10 * time.Second)
				}
				if err := tx.Add(ctx, tenMinutes(at, gaps...)); err != nil {
					return err
				}
				at = at.Add(10 * time.Minute)
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
		ask := func(b *testing.B, r frame.RangesRequest) {
			b.Helper()
			if got, err := a.ranges(ctx, r); err != nil || len(got.Spans) == 0 {
				b.Fatal(len(got.Spans), err)
			}
		}
		b.Run(fmt.Sprintf("%s/every row", name), func(b *testing.B) { // what each request did
			b.ReportAllocs()
			for b.Loop() {
				infos, err := a.files(ctx, time.Time{}, time.Time{})
				if err != nil || len(infos) == 0 {
					b.Fatal(err)
				}
				if _, err := x.Gaps(ctx, "front", time.Time{}, time.Time{}); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("%s/all, the first time", name), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				a.shelf.kept = nil
				ask(b, frame.RangesRequest{})
			}
		})
		b.Run(fmt.Sprintf("%s/all, again", name), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				ask(b, frame.RangesRequest{})
			}
		})
		b.Run(fmt.Sprintf("%s/last minute", name), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				ask(b, frame.RangesRequest{From: at.Add(-time.Minute)})
			}
		})
	}
}
