package recorder_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lensbus/lensbus/recorder"
	"github.com/lensbus/lensbus/recorder/segment"
)

// While the disk is at work on a part, what comes is taken, and nothing is acknowledged before it is safe.
func TestRecordWhileTheDiskIsAtWork(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	g.provision(nil)
	dir := t.TempDir()
	gate := make(chan struct{})
	let := sync.OnceFunc(func() { close(gate) })
	var at atomic.Int32
	r := g.record(recorder.Config{Dir: dir, Segment: time.Hour}, func(d *recorder.Deps) {
		d.Before = func(op, _ string) error {
			if op == string(segment.OpSync) {
				at.Add(1)
				<-gate
			}
			return nil
		}
	})
	t.Cleanup(let) // the recorder does not end before
	g.publish(10)
	eventually(t, "the disk is at work on a part", func() bool { return at.Load() > 0 })
	g.publish(50)
	eventually(t, "what comes meanwhile is taken", func() bool {
		c := g.consumer()
		if c.AckFloor.Stream > 0 {
			t.Fatalf("%d frames are acknowledged, and none is safe", c.AckFloor.Stream)
		}
		return c.Delivered.Stream == 60
	})
	if n := at.Load(); n != 1 {
		t.Errorf("the disk was at work on %d parts at a time", n)
	}
	let()
	g.inFiles(dir)
	g.acknowledged(60)
	r.end()
	if report := g.check(dir); report.Recorded != 60 || report.Open != 0 {
		t.Errorf("%+v", report)
	}
	checkIndex(t, dir)
}
