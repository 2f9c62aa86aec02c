package recorder_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lensbus/lensbus/recorder"
	"github.com/lensbus/lensbus/recorder/segment"
	"github.com/lensbus/lensbus/test/numbers"
)

// Somebody has used up all names of a moment: the frame of that moment is put aside, and those after it are recorded.
func TestRecordWhereAllNamesAreTaken(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	g.provision(nil)
	dir := t.TempDir()
	r := g.record(recorder.Config{Dir: dir}, nil)
	g.publish(5)
	g.inFiles(dir)
	g.newEpoch() // the next frame begins a segment
	g.f.Captured = g.f.Captured.Add(time.Second)
	name := segment.Name{Camera: g.camera, Start: g.f.Captured.Add(40 * time.Millisecond), State: segment.StateDamaged}
	if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(name.Path())), 0o750); err != nil {
		t.Fatal(err)
	}
	for name.Copy = 0; name.Copy < 10_000; name.Copy++ {
		if name.Copy == 1 {
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, name.Path()), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	g.publish(6)
	g.acknowledged(11)
	n := numbers.Of(t, r.metrics)
	if n["lensbus_recorder_frames_total{front}"] != 10 || n["lensbus_recorder_quarantined_total{front,header}"] != 1 || n["lensbus_recorder_failures_total{front}"] != 0 {
		t.Errorf("%v", n)
	}
	r.end()
	report, err := g.ledger.Check(dir, g.camera)
	if err != nil || report.Recorded != 10 || report.Missing != 1 || strings.Contains(fmt.Sprint(report.Faults), "twice") {
		t.Errorf("%+v, %v", report, err)
	}
}
