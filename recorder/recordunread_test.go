package recorder_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/recorder"
)

// A segment with holes cannot be read for a while, and all that the stream has comes again: what is in that segment is
// not recorded twice, and what comes after it once.
func TestRecordAgainWhileASegmentCannotBeRead(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	g.provision(nil)
	dir := t.TempDir()
	r := g.record(recorder.Config{Dir: dir}, nil)
	g.publish(5)
	g.f.Seq += 5 // which the broker did not store
	g.publish(5)
	g.inFiles(dir)
	g.acknowledged(10)
	r.end()
	whole, _ := files(t, dir)
	if len(whole) != 1 {
		t.Fatalf("%q", whole)
	}
	path := filepath.Join(dir, whole[0])
	good := filepath.Join(t.TempDir(), "good")
	if err := os.Rename(path, good); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Base(path), path); err != nil { // to itself: it is there, and nothing can be read from it
		t.Fatal(err)
	}
	if err := g.js.DeleteConsumer(soon(t), g.camera.StreamName(), bus.DefaultDurable); err != nil {
		t.Fatal(err)
	}
	if _, err := g.asker().MakeDurable(soon(t), g.camera, bus.DefaultDurable); err != nil {
		t.Fatal(err)
	}
	r = g.record(recorder.Config{Dir: dir}, nil)
	g.publish(5)
	g.acknowledged(15)
	if !r.log.says("a segment cannot be read: what the stream has between its first and its last frame is taken to be in it") {
		t.Error("nothing is said of it")
	}
	r.end()
	if err := os.Rename(good, path); err != nil {
		t.Fatal(err)
	}
	if report := g.check(dir); report.Recorded != 15 {
		t.Errorf("%+v", report)
	}
}
