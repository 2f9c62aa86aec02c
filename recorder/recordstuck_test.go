package recorder_test

import (
	"database/sql"
	"path/filepath"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/recorder"
	"github.com/lensbus/lensbus/recorder/segment"
	"github.com/lensbus/lensbus/test/numbers"
)

// stuck are the segments that were put aside because they could not be closed.
func stuck(t *testing.T, dir string) []string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(dir, "*", "*", "*", "*", "*"+string(segment.StateStuck)))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// badSegment is one that nothing can be done with but rename it.
type badSegment struct{ path atomic.Value }

// set says which one; "": none.
func (b *badSegment) set(path string) { b.path.Store(filepath.ToSlash(path)) }

// in makes it so for a recorder, which soon gives up.
func (b *badSegment) in(d *recorder.Deps) {
	d.GiveUp = time.Millisecond
	d.Before = func(now, path string) error {
		if path == b.path.Load() && now != string(segment.OpRename) {
			return syscall.EIO
		}
		return nil
	}
}

// asker is somebody who looks at recordings.
func (g *rig) asker() *bus.Conn {
	g.t.Helper()
	conn, err := bus.Connect(soon(g.t), bus.Options{Server: g.url})
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// One segment can never be closed: it is put aside, what the stream still has of it is recorded anew, and
// what it has not is a gap. The next start, where the disk is good again, gives it back.
func TestRecordGoesOnWithoutASegmentThatCannotBeClosed(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	g.provision(nil)
	dir := t.TempDir()
	var broken badSegment
	r := g.record(recorder.Config{Dir: dir, Segment: time.Hour}, broken.in)
	open := g.openSegment(dir, 20)
	// The first frames are in that segment alone.
	stream, err := g.js.Stream(soon(t), g.camera.StreamName())
	if err != nil {
		t.Fatal(err)
	}
	for number := uint64(1); number <= 5; number++ {
		if err := stream.DeleteMsg(soon(t), number); err != nil {
			t.Fatal(err)
		}
	}
	broken.set(open)
	g.publish(10)
	eventually(t, "it is put aside", func() bool { return len(stuck(t, dir)) == 1 })
	eventually(t, "the rest is recorded", func() bool {
		report, err := g.ledger.Check(dir, g.camera)
		return err == nil && report.Missing == 5 && report.Recorded == 25
	})
	eventually(t, "it is ready again", func() bool { return r.metrics.Ready() == nil })
	if !r.log.says("cannot be closed and is put aside") {
		t.Error("nobody is told")
	}
	if kept := numbers.Of(t, r.metrics)["lensbus_recorder_kept_bytes{front}"]; kept < 20*4000 {
		t.Errorf("%v bytes are counted", kept)
	}
	r.end()
	broken.set("")
	r = g.record(recorder.Config{Dir: dir}, nil)
	eventually(t, "it is closed", func() bool { return len(stuck(t, dir)) == 0 })
	asker := g.asker()
	eventually(t, "everything is given back, once", func() bool {
		replay, err := asker.Replay(soon(t), g.camera, bus.ReplayOptions{})
		if err != nil {
			return false // the service is not there yet
		}
		defer replay.Close()
		var seqs []uint64
		for {
			f, err := replay.Next(soon(t))
			if err != nil {
				break
			}
			seqs = append(seqs, f.Seq)
		}
		return len(seqs) == 30 && slices.IsSorted(seqs) && len(slices.Compact(seqs)) == 30
	})
	r.end()
}

// Where what was put aside cannot be had from the stream any more, that is why it is missing.
func TestRecordTellsWhatIsInAStuckSegment(t *testing.T) {
	t.Parallel()
	g, dir, r := recorded(t, 10)
	r.end() // closed in order
	var broken badSegment
	r = g.record(recorder.Config{Dir: dir, Segment: time.Hour}, broken.in)
	open := g.openSegment(dir, 10)
	stream, err := g.js.Stream(soon(t), g.camera.StreamName())
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Purge(soon(t)); err != nil {
		t.Fatal(err)
	}
	broken.set(open)
	g.publish(10)
	asker := g.asker()
	eventually(t, "the gap is told, and why", func() bool {
		ranges, err := asker.Ranges(soon(t), g.camera, time.Time{}, time.Time{})
		return err == nil && slices.ContainsFunc(ranges.Gaps, func(gap frame.Gap) bool {
			return gap.Reason == frame.GapDamage && gap.Missing == 10
		})
	})
	r.end()
}

// Somebody holds the index: what is closed meanwhile is there for who asks, with its gaps, and comes into
// the index when it can.
func TestRecordShowsWhatTheIndexDoesNotTake(t *testing.T) {
	t.Parallel()
	g, dir, r := recorded(t, 10)
	db, err := sql.Open("sqlite", filepath.Join(dir, "index.sqlite"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	holder, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer holder.Close()
	if _, err := holder.ExecContext(soon(t), "BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	g.f.Seq += 4 // which nobody has stored
	g.publish(60)
	eventually(t, "it is told", func() bool { return r.log.says("the index cannot be written") })
	g.f.Captured = g.f.Captured.Add(time.Minute) // into the next segment
	g.publish(1)
	eventually(t, "segments are closed", func() bool {
		whole, _ := files(t, dir)
		return len(whole) >= 2
	})
	asker := g.asker()
	eventually(t, "all of it is there", func() bool {
		ranges, err := asker.Ranges(soon(t), g.camera, time.Time{}, time.Time{})
		if err != nil {
			return false
		}
		var frames uint64
		for _, span := range ranges.Spans {
			frames += span.Frames
		}
		return frames == 71 && slices.ContainsFunc(ranges.Gaps, func(gap frame.Gap) bool { return gap.Missing == 4 })
	})
	if numbers.Of(t, r.metrics)["lensbus_recorder_index_failing"] != 1 {
		t.Error("the metrics say nothing")
	}
	if _, err := holder.ExecContext(soon(t), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the index is written", func() bool { return numbers.Of(t, r.metrics)["lensbus_recorder_index_failing"] == 0 })
	r.end()
	checkIndex(t, dir)
}
