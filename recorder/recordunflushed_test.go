package recorder_test

import (
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/lensbus/lensbus/recorder"
	"github.com/lensbus/lensbus/recorder/segment"
)

// A sync fails, and what was to be synced cannot be cut off at once. All of it can still be read, with the right
// checksums, and does not count: it is cut off before anything more is recorded, and comes again.
func TestRecordDoesNotCountWhatWasNotSynced(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	g.provision(nil)
	dir := t.TempDir()
	var armed, failed, cut atomic.Bool
	r := g.record(recorder.Config{Dir: dir, Segment: time.Hour}, func(d *recorder.Deps) {
		tries := 0 // of the one camera, one after another
		d.Before = func(now, _ string) error {
			switch now {
			case string(segment.OpSync):
				if armed.CompareAndSwap(true, false) {
					failed.Store(true)
					return syscall.EIO
				}
			case string(segment.OpTruncate):
				if tries++; tries <= 2 { // the writer's and the first of repair
					return syscall.EIO
				}
				cut.Store(true)
			case string(segment.OpRename):
				if failed.Load() && !cut.Load() {
					t.Error("the segment is closed with what was not synced")
				}
			}
			return nil
		}
	})
	open := g.openSegment(dir, 20)
	armed.Store(true)
	g.publish(10)
	g.acknowledged(30)
	if !failed.Load() || !cut.Load() {
		t.Errorf("a sync has failed: %t, and what it was for is cut off: %t", failed.Load(), cut.Load())
	}
	r.end()
	if report := g.check(dir); report.Recorded != 30 || report.Open != 0 {
		t.Errorf("%+v", report)
	}
	folder, err := segment.OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	info, damage, err := folder.Verify(closed(filepath.ToSlash(open)))
	if err != nil || len(damage) > 0 || info.Frames != 20 {
		t.Errorf("the segment holds %d frames of 20, %+v, %v", info.Frames, damage, err)
	}
	checkIndex(t, dir)
}

// closed is the path of a .part once it is closed.
func closed(part string) string { return part[:len(part)-len(".part")] }
