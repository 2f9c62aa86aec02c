package recorder_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/lensbus/lensbus/recorder"
	"github.com/lensbus/lensbus/recorder/segment"
	"github.com/lensbus/lensbus/test/numbers"
)

// A frame that no segment can begin with, because all names of its moment are used up, is put aside, and those after it
// are recorded.
func TestRecordWhereAllNamesAreTaken(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	g.provision(nil)
	dir := t.TempDir()
	var refused atomic.Bool
	r := g.record(recorder.Config{Dir: dir}, func(d *recorder.Deps) {
		d.Before = func(op, path string) error {
			if op == string(segment.OpCreate) && refused.CompareAndSwap(true, false) {
				return fmt.Errorf("%w: there are 9999 segments that begin then", segment.ErrRefused)
			}
			return nil
		}
	})
	g.publish(5)
	g.inFiles(dir)
	g.acknowledged(5)
	g.newEpoch() // the next frame begins a segment
	refused.Store(true)
	g.publish(6)
	g.acknowledged(11)
	n := numbers.Of(t, r.metrics)
	if n["lensbus_recorder_frames_total{front}"] != 10 || n["lensbus_recorder_quarantined_total{front,header}"] != 1 || n["lensbus_recorder_failures_total{front}"] != 0 {
		t.Errorf("%v", n)
	}
	r.end()
	report, err := g.ledger.Check(dir, g.camera)
	if err != nil || report.Recorded != 10 || report.Missing != 1 || strings.Contains(fmt.Sprint(report.Faults), " and in ") {
		t.Errorf("%+v, %v", report, err)
	}
}
