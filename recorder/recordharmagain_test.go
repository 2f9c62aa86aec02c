package recorder_test

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/recorder"
	"github.com/lensbus/lensbus/recorder/index"
	"github.com/lensbus/lensbus/test/numbers"
)

// cutAt cuts one of a folder's segments to so many quarters, and returns how many frames are lost by it.
func cutAt(t *testing.T, dir string, which int, quarters int64) int {
	t.Helper()
	whole, _ := files(t, dir)
	slices.Sort(whole)
	path := filepath.Join(dir, whole[which])
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	before := framesIn(t, dir, whole[which])
	if err := os.Truncate(path, info.Size()*quarters/4); err != nil {
		t.Fatal(err)
	}
	lost := before - framesIn(t, dir, whole[which])
	if lost == 0 {
		t.Fatal("this test shows nothing: no frame is lost")
	}
	return lost
}

// withIndex opens a folder that no recorder has, and its index.
func withIndex(t *testing.T, dir string, use func(*recorder.Folder, *index.Index)) {
	t.Helper()
	folder, err := recorder.OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	x, _, err := recorder.OpenIndex(t.Context(), folder)
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	use(folder, x)
}

// A recorder is ended after the start that finds that a file was cut, and before anything of that is recorded again,
// as where there is no broker yet: the next one records it all the same, and is done with it then.
func TestRecordSegmentThatAnEarlierStartFoundCut(t *testing.T) {
	t.Parallel()
	for name, quarters := range map[string]int64{"to nothing": 0, "in the middle": 3, "in the middle, and indexed anew": 3} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newRig(t)
			g.provision(nil)
			dir := t.TempDir()
			cfg := recorder.Config{Dir: dir, Segment: time.Second}
			r := g.record(cfg, nil)
			filmParts(g, dir, 4)
			r.end()
			lost := cutAt(t, dir, 0, quarters)
			withIndex(t, dir, func(folder *recorder.Folder, x *index.Index) {
				if strings.Contains(name, "anew") {
					if err := x.Close(); err != nil {
						t.Error(err)
					}
					if _, err := recorder.Reindex(t.Context(), folder, nil); err != nil {
						t.Error(err)
					}
					return
				}
				if _, err := recorder.Reconcile(t.Context(), folder, x, nil); err != nil {
					t.Error(err)
				}
			})
			r = g.record(cfg, nil)
			film(g, 20)
			eventually(t, "all is recorded", func() bool {
				return numbers.Of(t, r.metrics)["lensbus_recorder_frames_total{front}"] == float64(20+lost)
			})
			r.end()
			withIndex(t, dir, func(_ *recorder.Folder, x *index.Index) {
				if again, err := x.Again(t.Context()); err != nil || len(again) != 0 {
					t.Errorf("it is to be recorded once more: %v, %v", again, err)
				}
			})
			report, err := g.ledger.Check(dir, g.camera)
			if quarters > 0 && (err != nil || report.Recorded != 40 || report.Missing != 0) {
				t.Errorf("%+v, %v", report, err)
			}
		})
	}
}

// What is recorded again is of an epoch before the last, and nothing is missing: no gap says so, least of all one
// over all that was recorded since.
func TestRecordSegmentThatWasCutInAnEpochBefore(t *testing.T) {
	t.Parallel()
	for name, quarters := range map[string]int64{"to nothing": 0, "in the middle": 3} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newRig(t)
			g.provision(nil)
			dir := t.TempDir()
			cfg := recorder.Config{Dir: dir, Segment: time.Second}
			r := g.record(cfg, nil)
			for i := range 6 {
				if i == 3 {
					at := g.f.Captured
					g.newEpoch()
					g.f.Captured = at
				}
				film(g, 5)
				g.inFiles(dir)
			}
			eventually(t, "all is acknowledged", func() bool { return g.consumer().AckFloor.Stream == 30 })
			asker := g.asker()
			var before, after frame.Ranges
			var err error
			eventually(t, "it is told", func() bool {
				before, err = asker.Ranges(soon(t), g.camera, time.Time{}, time.Time{})
				return err == nil
			})
			r.end()
			lost := cutAt(t, dir, 1, quarters)
			r = g.record(cfg, nil)
			film(g, 20)
			eventually(t, "all is recorded", func() bool {
				return numbers.Of(t, r.metrics)["lensbus_recorder_frames_total{front}"] == float64(20+lost)
			})
			eventually(t, "nothing more is missing than before", func() bool {
				after, err = asker.Ranges(soon(t), g.camera, time.Time{}, time.Time{})
				return err == nil && reflect.DeepEqual(after.Gaps, before.Gaps)
			})
			for _, reason := range []string{"overrun", "camera", "unstored", "unknown"} {
				if n := numbers.Of(t, r.metrics)["lensbus_recorder_gaps_total{front,"+reason+"}"]; n != 0 {
					t.Errorf("%v gaps %s were noted", n, reason)
				}
			}
			r.end()
		})
	}
}

// A camera that is taken out of the file and put in again does not count its old damage a second time; one that comes
// into the file later counts it once.
func TestRecordDamageIsCountedOnce(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	g.provision(nil)
	dir := t.TempDir()
	cfg := recorder.Config{Dir: dir, Segment: time.Second}
	r := g.record(cfg, nil)
	filmParts(g, dir, 8)
	r.end()
	cutAt(t, dir, 1, 3)
	stream, err := g.js.Stream(soon(t), g.camera.StreamName())
	if err == nil {
		err = stream.Purge(soon(t)) // nothing of it can be recorded again
	}
	if err != nil {
		t.Fatal(err)
	}
	reload := make(chan recorder.Config)
	with := func(cameras ...frame.CameraID) recorder.Config {
		cfg := cfg
		cfg.Cameras = cameras
		return quick(cfg)
	}
	r = g.record(with("other"), func(d *recorder.Deps) { d.Reload = reload })
	shown := func() bool {
		_, there := numbers.Of(t, r.metrics)["lensbus_recorder_frames_total{front}"]
		return there
	}
	for _, want := range []float64{1, 0, 0} {
		reload <- with(g.camera)
		film(g, 5)
		eventually(t, "it is recorded", func() bool {
			return numbers.Of(t, r.metrics)["lensbus_recorder_frames_total{front}"] == 5
		})
		if n := numbers.Of(t, r.metrics)["lensbus_recorder_gaps_total{front,damage}"]; n != want {
			t.Errorf("%v gaps of damage are counted, want %v", n, want)
		}
		reload <- with("other")
		eventually(t, "it is not recorded any more", func() bool { return !shown() })
	}
	r.end()
}
