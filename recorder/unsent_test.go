package recorder_test

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/recorder"
	"github.com/lensbus/lensbus/recorder/index"
	"github.com/lensbus/lensbus/test/numbers"
)

// A frame that says that pictures before it could not be sent is recorded with a gap that tells how many, however
// short it is; and that is what ranges, replays and the index say of it, also when it is made anew from the files.
func TestRecordTellsWhatCouldNotBeSent(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	g.provision(nil)
	dir := t.TempDir()
	var want []frame.Gap
	outage := func(unsent uint64, long time.Duration) {
		t.Helper()
		from := g.f.Captured
		g.f.Unsent, g.f.Captured = unsent, from.Add(long)
		g.publish(1)
		g.f.Unsent = 0
		want = append(want, frame.Gap{From: from, To: g.f.Captured, Missing: unsent, Reason: frame.GapUnstored})
	}
	r := g.record(recorder.Config{Dir: dir, Segment: time.Hour}, nil)
	g.publish(20)
	outage(3, 120*time.Millisecond)
	g.publish(20)
	outage(40, 1600*time.Millisecond)
	g.publish(20)
	g.f.Width, g.f.Height = 96, 64 // the frame after it begins a segment
	outage(50, 1900*time.Millisecond)
	g.publish(20)
	g.inFiles(dir)

	like := func(who string, got []frame.Gap) {
		t.Helper()
		if !slices.EqualFunc(got, want, func(a, b frame.Gap) bool {
			return a.From.Equal(b.From) && a.To.Equal(b.To) && a.Missing == b.Missing && a.Reason == b.Reason
		}) {
			t.Errorf("%s:\n\t%+v, not\n\t%+v", who, got, want)
		}
	}
	conn, err := bus.Connect(soon(t), bus.Options{Server: g.url})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	ranges, err := conn.Ranges(soon(t), "front", time.Time{}, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	like("ranges", ranges.Gaps)
	replay, err := conn.Replay(soon(t), "front", bus.ReplayOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var told []frame.Gap
	for range g.f.Seq {
		f, err := replay.Next(soon(t))
		if err != nil {
			t.Fatal(err)
		}
		told = append(told, replay.Gaps()...)
		if f.Unsent != 0 {
			t.Errorf("frame %d of a replay says %d", f.Seq, f.Unsent)
		}
	}
	_ = replay.Close()
	like("a replay", told)
	if n := numbers.Of(t, r.metrics); n["lensbus_recorder_gaps_total{front,unstored}"] != 3 || n["lensbus_recorder_gaps_total{front,camera}"] != 0 {
		t.Errorf("%v", n)
	}
	r.end()
	g.check(dir)
	noted := func() []frame.Gap {
		t.Helper()
		x, err := index.Open(soon(t), filepath.Join(dir, "index.sqlite"))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = x.Close() }()
		gaps, err := x.Gaps(soon(t), "front", time.Time{}, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		return gaps
	}
	like("the index", noted())
	folder, err := recorder.OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := recorder.Reindex(soon(t), folder, nil); err != nil {
		t.Error(err)
	}
	if err := folder.Close(); err != nil {
		t.Error(err)
	}
	like("the index made anew", noted())
}

// A publisher's clock that is put an hour ahead, and back, makes no gap that lies over what is recorded: where the recorder
// sees it none at all, and where it was started meanwhile, none of the time that is recorded.
func TestRecordAClockThatIsSet(t *testing.T) {
	t.Parallel()
	for name, restarts := range map[string]bool{"while it records": false, "while it is away": true} {
		t.Run(name, func(t *testing.T) {
			g := newRig(t)
			g.provision(nil)
			dir := t.TempDir()
			r := g.record(recorder.Config{Dir: dir, Segment: time.Hour}, nil)
			for _, ahead := range []time.Duration{0, time.Hour, -time.Hour} {
				g.f.Captured = g.f.Captured.Add(ahead)
				g.publish(400) // 16 s
				g.inFiles(dir)
				if restarts && ahead >= 0 {
					r.end()
					r = g.record(recorder.Config{Dir: dir, Segment: time.Hour}, nil)
				}
			}
			asker := g.asker()
			var ranges frame.Ranges
			eventually(t, "ranges tell all frames", func() bool {
				var err error
				if ranges, err = asker.Ranges(soon(t), g.camera, time.Time{}, time.Time{}); err != nil {
					return false
				}
				frames := uint64(0)
				for _, span := range ranges.Spans {
					frames += span.Frames
				}
				return frames == 1200
			})
			for _, gap := range ranges.Gaps {
				for _, span := range ranges.Spans {
					if from, to := later(gap.From, span.From), earlier(gap.To, span.To); !restarts || to.Sub(from) > time.Second {
						t.Errorf("%+v over %+v", gap, span)
					}
				}
			}
			r.end()
			g.check(dir)
		})
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
