package recorder

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
)

// Two files, a third that is being written, and a stream that overlaps all but the first.
func borderFootage(t *testing.T) *footage {
	g := newFootage(t, 0)
	g.publish(150, plainScene(), time.Time{})
	g.record(1, 40)
	g.record(41, 80)
	g.write(81, 100)
	g.drop(61)
	return g
}

func TestReplayAcrossFilesAndStream(t *testing.T) {
	g := borderFootage(t)
	all := g.replay(bus.ReplayOptions{})
	g.expect(all, 1, 150)
	g.expectEnd(all)
	if all.Gap() != nil {
		t.Errorf("a gap at the end: %+v", all.Gap())
	}
	for _, c := range []struct{ first, last int }{{1, 1}, {1, 40}, {30, 50}, {41, 80}, {70, 120}, {80, 81}, {95, 105}, {100, 101}, {101, 150}, {150, 150}} {
		// To is the moment after the last.
		r := g.replay(bus.ReplayOptions{From: g.frames[c.first-1].Captured, To: g.frames[c.last-1].Captured.Add(1)})
		g.expect(r, c.first, c.last)
		g.expectEnd(r)
	}
	// A moment between two frames begins with the second.
	r := g.replay(bus.ReplayOptions{From: g.frames[99].Captured.Add(1), To: g.frames[101].Captured})
	g.expect(r, 101, 101)
	g.expectEnd(r)
}

// The recorder goes on while somebody replays slowly: what is in the stream only at first is in files
// in the end, and no longer in the stream.
func TestReplayWhileTheRecorderGoesOn(t *testing.T) {
	g := borderFootage(t)
	r := g.replay(bus.ReplayOptions{Window: 1})
	g.expect(r, 1, 90)
	// The segment that was being written is closed, and two more are.
	g.record(81, 100) // in the place of the .part, which is left behind as by a crash
	g.record(101, 120)
	g.record(121, 140)
	g.publish(50, plainScene(), time.Time{})
	g.drop(141)
	g.expect(r, 91, 200)
	g.expectEnd(r)
}

func TestReplayFollows(t *testing.T) {
	g := borderFootage(t)
	r := g.replay(bus.ReplayOptions{From: g.frames[139].Captured, Follow: true})
	g.expect(r, 140, 150)
	g.publish(10, plainScene(), time.Time{})
	g.expect(r, 151, 160)
	// The publisher starts anew.
	s := plainScene()
	s.epoch = "second"
	g.publish(5, s, time.Time{})
	g.expect(r, 161, 165)
}

func TestReplaysAtTheSameTime(t *testing.T) {
	g := borderFootage(t)
	one, two := g.replay(bus.ReplayOptions{Window: 1}), g.replay(bus.ReplayOptions{From: g.frames[19].Captured})
	g.expect(one, 1, 70)
	g.expect(two, 20, 150)
	g.expectEnd(two)
	g.expect(one, 71, 150)
	g.expectEnd(one)
}

func TestReplayTellsGaps(t *testing.T) {
	g := newFootage(t, 0)
	g.publish(30, plainScene(), time.Time{})
	g.publish(30, plainScene(), g.frames[29].Captured.Add(time.Hour)) // the camera slept
	g.frames = g.frames[:60]
	lost := plainScene()
	f := g.frames[59]
	f.Seq, f.Captured = f.Seq+6, f.Captured.Add(600*time.Millisecond) // five were not stored
	f.Data = testPicture(t, 64, 48, 60)
	g.store(f)
	g.publish(9, lost, time.Time{})
	g.record(1, 20)
	damaged := g.record(21, 30)
	g.record(31, 60)
	g.drop(61)
	path := filepath.Join(g.dir, filepath.FromSlash(damaged.Path))
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)-200] ^= 0xFF // in the last frame
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}

	r := g.replay(bus.ReplayOptions{})
	check := func(where string, reason frame.GapReason, missing uint64) {
		t.Helper()
		gap := r.Gap()
		if gap == nil || gap.Reason != reason || gap.Missing != missing || gap.To.Before(gap.From) {
			t.Errorf("%s: gap %+v, want %s of %d", where, gap, reason, missing)
		}
	}
	g.expect(r, 1, 29)
	if r.Gap() != nil {
		t.Errorf("a gap before frame 29: %+v", r.Gap())
	}
	g.expect(r, 31, 31)
	check("damage", frame.GapDamage, 1)
	g.expect(r, 32, 61)
	check("unstored", frame.GapUnstored, 5)
	g.expect(r, 62, 70)
	g.expectEnd(r)

	r = g.replay(bus.ReplayOptions{From: g.frames[20].Captured, To: g.frames[29].Captured.Add(1)})
	g.expect(r, 21, 29)
	g.expectEnd(r)
	check("a damaged end", frame.GapDamage, 1)
}

// Retention does not wait for those who look.
func TestReplayOfWhatIsDeletedMeanwhile(t *testing.T) {
	g := newFootage(t, 0)
	g.publish(90, plainScene(), time.Time{})
	g.record(1, 30)
	gone := g.record(31, 60)
	g.record(61, 80)
	g.drop(75)
	r := g.replay(bus.ReplayOptions{Window: 1})
	g.expect(r, 1, 5)
	if _, _, err := g.index.Remove(soon(t), gone.Path); err != nil {
		t.Fatal(err)
	}
	if err := g.folder.Remove(gone.Path); err != nil {
		t.Fatal(err)
	}
	g.expect(r, 6, 30)
	g.expect(r, 61, 61)
	if gap := r.Gap(); gap == nil || gap.Missing != 30 || !gap.From.Equal(g.frames[29].Captured) || !gap.To.Equal(g.frames[60].Captured) {
		t.Errorf("what was deleted: %+v", gap)
	}
	g.expect(r, 62, 90)
	g.expectEnd(r)
}

// A stream that was made anew numbers its frames anew.
func TestReplayAcrossStreamsMadeAnew(t *testing.T) {
	g := newFootage(t, 0)
	g.publish(60, plainScene(), time.Time{})
	g.record(1, 60)
	if err := g.js.DeleteStream(soon(t), "FRAMES_front"); err != nil {
		t.Fatal(err)
	}
	g.makeStream()
	g.publish(20, plainScene(), time.Time{}) // numbers 1 to 20
	r := g.replay(bus.ReplayOptions{From: g.frames[49].Captured})
	g.expect(r, 50, 80)
	g.expectEnd(r)
	r = g.replay(bus.ReplayOptions{From: g.frames[69].Captured})
	g.expect(r, 70, 80)
	g.expectEnd(r)
}

// The publisher's clock is put back while it runs: an hour is there twice, and no frame is left out or
// there twice for it, wherever it is kept.
func TestReplayWhereTheClockWasPutBack(t *testing.T) {
	g := newFootage(t, 0)
	g.publish(60, plainScene(), time.Time{})
	g.publish(90, plainScene(), began().Add(-time.Hour))
	g.publish(50, plainScene(), began().Add(time.Hour))
	g.record(1, 30)
	g.record(31, 60)
	g.record(61, 100)
	g.record(101, 150)
	g.write(151, 170)
	for _, from := range []int{1, 81, 171} { // of the stream
		g.drop(from)
		all := g.replay(bus.ReplayOptions{})
		g.expect(all, 61, 150)
		g.expect(all, 1, 60)
		g.expect(all, 151, 200)
		g.expectEnd(all)
	}
	r := g.replay(bus.ReplayOptions{From: g.frames[29].Captured, Follow: true})
	g.expect(r, 30, 60)
	g.expect(r, 151, 200)
	g.publish(10, plainScene(), began().Add(30*time.Minute))
	g.expect(r, 201, 210)
	g.record(201, 210)
	g.publish(5, plainScene(), time.Time{})
	g.expect(r, 211, 215)
}

func TestReplayWithoutAStream(t *testing.T) {
	g := borderFootage(t)
	if err := g.js.DeleteStream(soon(t), "FRAMES_front"); err != nil {
		t.Fatal(err)
	}
	r := g.replay(bus.ReplayOptions{})
	g.expect(r, 1, 100)
	g.expectEnd(r)
	ranges, err := g.asker.Ranges(soon(t), "front", time.Time{}, time.Time{})
	if err != nil || len(ranges.Spans) != 1 || ranges.Spans[0].Frames != 100 {
		t.Errorf("ranges: %+v, %v", ranges, err)
	}
}

func TestReplayLeavesOut(t *testing.T) {
	g := borderFootage(t)
	r := g.replay(bus.ReplayOptions{Every: 500 * time.Millisecond})
	for n := 1; n <= 150; n += 5 {
		g.expect(r, n, n)
		if r.Gap() != nil {
			t.Errorf("what was left out is told as a gap: %+v", r.Gap())
		}
	}
	g.expectEnd(r)
}

func TestReplayRefuses(t *testing.T) {
	g := newFootage(t, 1)
	refused := func(o bus.ReplayOptions, code int) {
		t.Helper()
		_, err := g.asker.Replay(soon(t), "front", o)
		var refusal *bus.RecorderError
		if !errors.As(err, &refusal) || refusal.Code != code {
			t.Errorf("%+v: %v, want %d", o, err, code)
		}
	}
	refused(bus.ReplayOptions{}, 404)
	g.publish(20, plainScene(), time.Time{})
	g.record(1, 10)
	refused(bus.ReplayOptions{From: g.frames[19].Captured.Add(1)}, 404)
	refused(bus.ReplayOptions{To: g.frames[0].Captured}, 404)
	refused(bus.ReplayOptions{From: g.frames[4].Captured.Add(1), To: g.frames[5].Captured}, 404)

	r := g.replay(bus.ReplayOptions{Window: 1})
	refused(bus.ReplayOptions{}, 429) // one place only
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	g.until(func() bool {
		again, err := g.asker.Replay(soon(t), "front", bus.ReplayOptions{})
		if err != nil {
			return false
		}
		return again.Close() == nil
	})
	if _, err := g.asker.Replay(soon(t), "back", bus.ReplayOptions{}); !errors.Is(err, bus.ErrNoRecorder) {
		t.Errorf("a camera that nobody records: %v", err)
	}
}

func TestRanges(t *testing.T) {
	g := newFootage(t, 0)
	ask := func(from, to time.Time) frame.Ranges {
		t.Helper()
		ranges, err := g.asker.Ranges(soon(t), "front", from, to)
		if err != nil {
			t.Fatal(err)
		}
		if ranges.Camera != "front" || ranges.Spans == nil || ranges.Gaps == nil {
			t.Errorf("%+v", ranges)
		}
		return ranges
	}
	if empty := ask(time.Time{}, time.Time{}); len(empty.Spans) != 0 || empty.Truncated {
		t.Errorf("nothing: %+v", empty)
	}
	g.publish(100, plainScene(), time.Time{})
	g.record(1, 30)
	g.record(31, 60)
	g.write(61, 90)
	ranges := ask(time.Time{}, time.Time{})
	if len(ranges.Spans) != 2 || len(ranges.Gaps) != 0 {
		t.Fatalf("files that touch are one span, the stream another: %+v", ranges)
	}
	file, stream := ranges.Spans[0], ranges.Spans[1]
	if file.Kept != frame.KeptFile || file.Frames != 90 || !file.From.Equal(g.frames[0].Captured) || file.To.Before(g.frames[89].Captured) || file.Width != 64 || file.Bytes <= 0 {
		t.Errorf("files: %+v", file)
	}
	if stream.Kept != frame.KeptStream || stream.Frames != 10 || !stream.From.Equal(g.frames[90].Captured) || !stream.To.Equal(g.frames[99].Captured) {
		t.Errorf("stream: %+v", stream)
	}
	// Parts of it.
	if part := ask(g.frames[95].Captured, time.Time{}); len(part.Spans) != 1 || part.Spans[0].Kept != frame.KeptStream {
		t.Errorf("the end: %+v", part.Spans)
	}
	if part := ask(time.Time{}, g.frames[5].Captured); len(part.Spans) != 1 || part.Spans[0].Frames != 30 {
		t.Errorf("the beginning: %+v", part.Spans)
	}
	// An hour without pictures, then another size.
	s := scene{epoch: "second", width: 128, height: 96, every: time.Second}
	later := g.frames[99].Captured.Add(time.Hour)
	g.publish(10, s, later)
	g.record(91, 100)
	g.record(101, 110)
	gap := frame.Gap{From: g.frames[99].Captured, To: later, Reason: frame.GapCamera}
	if err := g.noteGap(gap); err != nil {
		t.Fatal(err)
	}
	ranges = ask(time.Time{}, time.Time{})
	if last := ranges.Spans[len(ranges.Spans)-1]; last.Width != 128 || last.Frames != 10 || last.Kept != frame.KeptFile {
		t.Errorf("the last: %+v", last)
	}
	if len(ranges.Gaps) != 1 || !ranges.Gaps[0].From.Equal(gap.From) || !ranges.Gaps[0].To.Equal(gap.To) || ranges.Gaps[0].Reason != gap.Reason {
		t.Errorf("gaps: %+v", ranges.Gaps)
	}
	if hole := ask(gap.From.Add(time.Minute), gap.To.Add(-time.Minute)); len(hole.Spans) != 0 || len(hole.Gaps) != 1 {
		t.Errorf("within the gap: %+v", hole)
	}
}

func TestRangesAreBounded(t *testing.T) {
	g := newFootage(t, 0)
	g.publish(1, plainScene(), time.Time{})
	info := g.record(1, 1)
	gapAt := func(n int) time.Time { return info.Start.Add(time.Duration(n) * time.Hour) }
	for n := range frame.MaxRanges + 5 {
		if err := g.noteGap(frame.Gap{From: gapAt(n), To: gapAt(n).Add(time.Minute), Missing: 1, Reason: frame.GapUnstored}); err != nil {
			t.Fatal(err)
		}
	}
	ranges, err := g.asker.Ranges(soon(t), "front", time.Time{}, time.Time{})
	if err != nil || !ranges.Truncated || len(ranges.Gaps) != frame.MaxRanges || !ranges.Gaps[0].From.Equal(gapAt(5)) {
		t.Errorf("%d gaps from %v, truncated %v, %v", len(ranges.Gaps), ranges.Gaps[0].From, ranges.Truncated, err)
	}
}

// The stream holds what is no frame.
func TestReplayPassesNonsenseBy(t *testing.T) {
	g := newFootage(t, 0)
	g.publish(10, plainScene(), time.Time{})
	if _, err := g.js.Publish(soon(t), "cam.front.frame", []byte("nonsense"), jetstream.WithMsgID("x")); err != nil {
		t.Fatal(err)
	}
	g.frames = append(g.frames, frame.Frame{}) // its place
	s := g.frames[9]
	for n := range 5 {
		s.Seq, s.Captured, s.Data = s.Seq+1, s.Captured.Add(100*time.Millisecond), testPicture(t, 64, 48, 11+n)
		g.store(s)
	}
	r := g.replay(bus.ReplayOptions{})
	g.expect(r, 1, 10)
	g.expect(r, 12, 16)
	g.expectEnd(r)
}

// What is only in the stream has the gaps that a recorder will note: what came between two frames and was none is put
// aside, and was not dropped.
func TestReplayGapWhereTheStreamHasNoFrames(t *testing.T) {
	g := newFootage(t, 0)
	g.publish(20, plainScene(), time.Time{})
	g.record(1, 10)
	for range 3 {
		if _, err := g.js.Publish(soon(t), "cam.front.frame", []byte("no frame")); err != nil {
			t.Fatal(err)
		}
	}
	next := g.frames[19]
	next.Seq, next.Captured = next.Seq+4, next.Captured.Add(400*time.Millisecond)
	next.Data = testPicture(t, 64, 48, 30)
	g.store(next)
	replay := g.replay(bus.ReplayOptions{})
	g.expect(replay, 1, 20)
	f, err := replay.Next(soon(t))
	if err != nil || f.Seq != next.Seq {
		t.Fatalf("frame %d, %v", f.Seq, err)
	}
	if gap := replay.Gap(); gap == nil || gap.Reason != frame.GapRejected || gap.Missing != 3 {
		t.Errorf("%+v", gap)
	}
	g.expectEnd(replay)
}
