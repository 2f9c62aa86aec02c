package recorder_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/recorder"
	"github.com/lensbus/lensbus/recorder/segment"
	"github.com/lensbus/lensbus/test/numbers"
)

// framesIn is how many frames of a closed segment can be read.
func framesIn(t *testing.T, dir, path string) int {
	t.Helper()
	folder, err := segment.OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	reader, err := folder.Open(filepath.ToSlash(path))
	if err != nil {
		return 0
	}
	defer reader.Close()
	return int(reader.Info().Frames)
}

// film publishes n frames of which ten are a second.
func film(g *rig, n int) {
	g.t.Helper()
	for range n {
		g.f.Captured = g.f.Captured.Add(60 * time.Millisecond)
		g.publish(1)
	}
}

// filmParts films n parts of 5 frames, so that each segment of a second has two, and all are safe.
func filmParts(g *rig, dir string, n int) {
	g.t.Helper()
	for range n {
		film(g, 5)
		g.inFiles(dir)
	}
	eventually(g.t, "all is acknowledged", func() bool { return g.consumer().AckFloor.Stream == uint64(5*n) })
}

// While nothing records, a closed segment is cut: what the stream still has of it is recorded again, once, and
// nothing says that it is missing; what the stream has not is a gap, and counted as damage.
func TestRecordSegmentThatWasCut(t *testing.T) {
	t.Parallel()
	for name, at := range map[string]func(size int64) int64{
		"to nothing":            func(int64) int64 { return 0 },
		"before its first part": func(int64) int64 { return 100 },
		"in the middle":         func(size int64) int64 { return size * 3 / 4 },
	} {
		for which, back := range map[string]int{"the newest": 1, "an older one": 3} {
			for rest, purged := range map[string]bool{"in the stream": false, "gone": true} {
				t.Run(which+" "+name+" "+rest, func(t *testing.T) {
					t.Parallel()
					g := newRig(t)
					g.provision(nil)
					dir := t.TempDir()
					cfg := recorder.Config{Dir: dir, Segment: time.Second}
					r := g.record(cfg, nil)
					filmParts(g, dir, 8)
					r.end()
					whole, _ := files(t, dir)
					slices.Sort(whole)
					bad := whole[len(whole)-back]
					info, err := os.Stat(filepath.Join(dir, bad))
					if err != nil {
						t.Fatal(err)
					}
					lost := framesIn(t, dir, bad)
					if err := os.Truncate(filepath.Join(dir, bad), at(info.Size())); err != nil {
						t.Fatal(err)
					}
					left := framesIn(t, dir, bad)
					lost -= left
					if lost == 0 || name == "in the middle" && left == 0 {
						t.Fatalf("this test shows nothing: %d frames are lost and %d left", lost, left)
					}
					if purged {
						stream, err := g.js.Stream(soon(t), g.camera.StreamName())
						if err == nil {
							err = stream.Purge(soon(t))
						}
						if err != nil {
							t.Fatal(err)
						}
					}
					r = g.record(cfg, nil)
					again := 0
					if !purged {
						again = lost
					}
					film(g, 20) // two segments more
					eventually(t, "what can be is recorded", func() bool {
						return numbers.Of(t, r.metrics)["lensbus_recorder_frames_total{front}"] == float64(20+again)
					})
					asker := g.asker()
					var ranges frame.Ranges
					eventually(t, "it is told", func() bool {
						ranges, err = asker.Ranges(soon(t), g.camera, time.Time{}, time.Time{})
						return err == nil && len(ranges.Gaps) == map[bool]int{true: 1, false: 0}[purged]
					})
					counted := numbers.Of(t, r.metrics)["lensbus_recorder_gaps_total{front,damage}"]
					if purged && (ranges.Gaps[0].Reason != frame.GapDamage || ranges.Gaps[0].Missing != uint64(lost) || counted != 1) {
						t.Errorf("%+v, and %v counted, of %d lost", ranges.Gaps, counted, lost)
					}
					frames := 0
					for _, s := range ranges.Spans {
						frames += int(s.Frames)
					}
					if frames != 60-lost+again {
						t.Errorf("%d frames are told, %+v", frames, ranges.Spans)
					}
					for seq, times := range g.replayed() {
						if times != 1 {
							t.Errorf("frame %d is replayed %d times", seq, times)
						}
					}
					r.end()
					if left == 0 { // it stays where it is, and is no segment
						if err := os.Remove(filepath.Join(dir, bad)); err != nil {
							t.Fatal(err)
						}
					}
					report, err := g.ledger.Check(dir, g.camera)
					if err != nil || report.Recorded != 60-lost+again || report.Missing != lost-again {
						t.Errorf("%+v, %v", report, err)
					}
				})
			}
		}
	}
}

// A recorder with another folder, because its disk was lost, records what the stream still has, whatever its
// consumer has acknowledged. Where somebody else uses that consumer, he is left alone.
func TestRecordIntoAnotherFolder(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	g.provision(nil)
	one, two, three := t.TempDir(), t.TempDir(), t.TempDir()
	first := g.record(recorder.Config{Dir: one}, nil)
	g.publish(20)
	g.inFiles(one)
	eventually(t, "all is acknowledged", func() bool { return g.consumer().AckFloor.Stream == 20 })
	made := g.consumer().Created
	beside := g.record(recorder.Config{Dir: two}, nil)
	g.inFiles(two)
	beside.end()
	first.end()
	if !g.consumer().Created.Equal(made) {
		t.Error("the consumer was set back, though somebody else uses it")
	}
	g.publish(5)
	r := g.record(recorder.Config{Dir: three}, nil)
	g.publish(5)
	g.inFiles(three)
	eventually(t, "all is acknowledged", func() bool { return g.consumer().AckFloor.Stream == 30 })
	if !r.log.says("it is read from the stream again") {
		t.Error("nobody is told")
	}
	r.end()
	g.check(three)
	if name := g.consumer().Name; name != bus.DefaultDurable {
		t.Errorf("the consumer is %s", name)
	}
}
