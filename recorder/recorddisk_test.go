package recorder_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/recorder"
	"github.com/lensbus/lensbus/recorder/segment"
	"github.com/lensbus/lensbus/test/numbers"
)

// Each change to the disk fails for a while: recording stops with an alarm, nothing is acknowledged
// that is not safe, and it goes on by itself with no frame missing and none twice.
func TestRecordFailingDisk(t *testing.T) {
	t.Parallel()
	for _, op := range []segment.Op{segment.OpSync, segment.OpWrite, segment.OpCreate, segment.OpRename, segment.OpSyncFolder, segment.OpMkdir} {
		t.Run(strings.ReplaceAll(string(op), " ", "-"), func(t *testing.T) {
			t.Parallel()
			g := newRig(t)
			g.provision(nil)
			dir := t.TempDir()
			var broken atomic.Bool
			r := g.record(recorder.Config{Dir: dir}, func(d *recorder.Deps) {
				d.Before = func(now, path string) error {
					// While it is broken nothing that would clean up works either.
					if broken.Load() && (now == string(op) || now == string(segment.OpTruncate) || now == string(segment.OpRemove)) {
						return syscall.EIO
					}
					return nil
				}
			})
			g.publish(30)
			g.inFiles(dir)
			g.acknowledged(30)
			broken.Store(true)
			if op == segment.OpMkdir {
				g.f.Captured = g.f.Captured.AddDate(0, 0, 2) // a new folder
			}
			g.publish(60) // enough for a new segment
			eventually(t, "recording has stopped", func() bool { return numbers.Of(t, r.metrics)["lensbus_recorder_failures_total{front}"] >= 2 })
			if err := r.metrics.Ready(); err == nil || !strings.Contains(err.Error(), "camera front is not recorded") {
				t.Errorf("ready: %v", err)
			}
			if !r.log.says("recording has stopped") {
				t.Error("the log says nothing")
			}
			safe, err := g.ledger.Check(dir, g.camera)
			if err != nil {
				t.Fatal(err)
			}
			if floor := g.consumer().AckFloor.Stream; int(floor) > safe.Recorded {
				t.Errorf("%d frames are acknowledged and %d are in the files", floor, safe.Recorded)
			}
			broken.Store(false)
			g.publish(10)
			g.inFiles(dir)
			eventually(t, "it is ready again", func() bool { return r.metrics.Ready() == nil })
			r.end()
			if report := g.check(dir); report.Recorded != 100 || report.Open != 0 {
				t.Errorf("%+v", report)
			}
			checkIndex(t, dir)
		})
	}
}

// A segment that was left open cannot be closed at the start either: nothing is recorded before it can,
// because what is in it would be recorded again.
func TestRecordWaitsForWhatWasLeftOpen(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	g.provision(nil)
	dir := t.TempDir()
	r := g.record(recorder.Config{Dir: dir, Segment: time.Hour}, func(d *recorder.Deps) {
		d.Before = func(now, _ string) error {
			if now == string(segment.OpRename) {
				return syscall.EIO
			}
			return nil
		}
	})
	g.publish(30)
	g.inFiles(dir)
	r.end()
	_, open := files(t, dir)
	if len(open) != 1 {
		t.Fatalf("%d segments are left open, want 1", len(open))
	}
	// The broker forgets how far the recorder was, and gives all again.
	if err := g.js.DeleteConsumer(soon(t), g.camera.StreamName(), bus.DefaultDurable); err != nil {
		t.Fatal(err)
	}
	var broken atomic.Bool
	broken.Store(true)
	r = g.record(recorder.Config{Dir: dir}, func(d *recorder.Deps) {
		d.Before = func(now, path string) error {
			if broken.Load() && path == filepath.ToSlash(open[0]) {
				return syscall.EIO
			}
			return nil
		}
	})
	g.publish(10)
	eventually(t, "recording waits, or goes on without it", func() bool {
		n := numbers.Of(t, r.metrics)
		return n["lensbus_recorder_failures_total{front}"] >= 2 || n["lensbus_recorder_frames_total{front}"] > 0
	})
	if n := numbers.Of(t, r.metrics)["lensbus_recorder_frames_total{front}"]; n > 0 {
		t.Errorf("%v frames were recorded meanwhile", n)
	}
	broken.Store(false)
	g.inFiles(dir)
	r.end()
	if report := g.check(dir); report.Recorded != 40 || report.Open != 0 {
		t.Errorf("%+v", report)
	}
	checkIndex(t, dir)
}

// checkIndex compares the index with what one made anew from the files has.
func checkIndex(t *testing.T, dir string) {
	t.Helper()
	folder, err := recorder.OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	index, _, err := recorder.OpenIndex(t.Context(), folder)
	if err != nil {
		t.Fatal(err)
	}
	usage, err := index.Usage(t.Context(), "front")
	if err := errors.Join(err, index.Close()); err != nil {
		t.Fatal(err)
	}
	anew, err := recorder.Reindex(t.Context(), folder, nil)
	if err != nil {
		t.Fatal(err)
	}
	if usage.Segments != anew.Segments || usage.Frames != anew.Frames || usage.Bytes != anew.Bytes {
		t.Errorf("the index had %+v, the files say %+v", usage, anew)
	}
}

// A volume that is full: the oldest goes; where nothing is left to go, recording stops, and goes on when
// there is room.
func TestRecordFullDisk(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=24m"); err != nil {
		t.Skipf("SKIPPED: a full disk is not tried: mounting a small one needs rights that are missing here: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	for name, c := range map[string]struct {
		minFree string
	}{
		"by its own limit":           {"6MiB"},
		"by the disk's":              {"1B"},
		"by the disk's, all is kept": {"0"},
	} { // one after the other: they share the volume
		t.Run(name, func(t *testing.T) {
			g := newRig(t)
			g.size = 100_000
			g.provision(nil)
			folder := filepath.Join(dir, strings.ReplaceAll(name, " ", "-"))
			ballast := filepath.Join(dir, "ballast")
			cfg := recorder.Config{Dir: folder}
			if err := cfg.MinFree.UnmarshalText([]byte(c.minFree)); err != nil {
				t.Fatal(err)
			}
			r := g.record(cfg, nil)
			g.publish(20)
			g.inFiles(folder)
			fill(t, ballast)
			g.publish(50)
			eventually(t, "recording has stopped", func() bool {
				return r.metrics.Ready() != nil && r.log.says("recording has stopped")
			})
			g.publish(20)
			if err := os.Remove(ballast); err != nil {
				t.Fatal(err)
			}
			// What was removed for the sake of room is gone; everything since is there.
			eventually(t, "it goes on", func() bool { return r.metrics.Ready() == nil && g.consumer().AckFloor.Stream == 90 })
			r.end()
			report, err := g.ledger.Check(folder, g.camera)
			if err != nil {
				t.Fatal(err)
			}
			for _, fault := range report.Faults {
				if !strings.Contains(fault, "is not there") {
					t.Error(fault)
				}
			}
			if report.Recorded < 70 || report.Recorded+report.Missing != 90 {
				t.Errorf("%+v", report)
			}
			if c.minFree == "0" && report.Missing > 0 {
				t.Errorf("nothing may be removed for room: %+v", report)
			}
			if err := os.RemoveAll(folder); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// fill writes until the volume is full.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for size := 1 << 20; size > 0; {
		if _, err := f.Write(make([]byte, size)); err != nil {
			size /= 2
		}
	}
}

// A configuration that is wrong, and a folder that is.
func TestRecordRefuses(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	for says, cfg := range map[string]recorder.Config{
		"no folder given":     {},
		"cameras: bad camera": {Dir: t.TempDir(), Cameras: []frame.CameraID{"../x"}},
		"is there twice":      {Dir: t.TempDir(), Cameras: []frame.CameraID{"a", "a"}},
		"durable:":            {Dir: t.TempDir(), Durable: "a.b"},
		"segment: 1ms":        {Dir: t.TempDir(), Segment: 1e6},
		"part: 1h":            {Dir: t.TempDir(), Part: 3600e9},
		"segment_bytes: 1B":   {Dir: t.TempDir(), SegmentBytes: 1},
		"keep_age: -1ns":      {Dir: t.TempDir(), KeepAge: -1},
		"keep_bytes: -1":      {Dir: t.TempDir(), KeepBytes: -1},
		"catch_up: 1B":        {Dir: t.TempDir(), CatchUp: 1},
		"min_free: -2":        {Dir: t.TempDir(), MinFree: -2},
		"replays: -1":         {Dir: t.TempDir(), Replays: -1},
	} {
		r := g.record(cfg, nil)
		err := <-r.done
		r.done <- nil
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("want %q, got %v", says, err)
		}
	}
}
