package recorder

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/recorder/segment"
)

// damage puts a file aside of which nothing can be read, so long ago, and returns its path.
func (r *retained) damage(camera frame.CameraID, ago time.Duration, bytes int) string {
	r.t.Helper()
	p := segment.Path(camera, r.wall.Add(-ago)) + ".damaged"
	r.put(p, bytes, r.wall.Add(-ago))
	name, err := segment.ParsePath(p)
	if err != nil {
		r.t.Fatal(err)
	}
	r.asides.addSegment(segment.Entry{Name: name, Path: p, Bytes: int64(bytes)})
	return p
}

// put makes a file in the folder.
func (r *retained) put(p string, bytes int, at time.Time) {
	r.t.Helper()
	file := onDisk(r.folder.Folder, p)
	if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, make([]byte, bytes), 0o600)); err != nil {
		r.t.Fatal(err)
	}
	r.wrote(p, at)
}

func (r *retained) there(p string) bool {
	_, err := os.Lstat(onDisk(r.folder.Folder, p))
	return !errors.Is(err, fs.ErrNotExist)
}

// What was put aside counts among what a camera has, and goes when it is the oldest.
func TestRetentionOfWhatWasPutAside(t *testing.T) {
	r := retain(t)
	one := r.record("front", 3*time.Hour)
	info, err := os.Stat(onDisk(r.folder.Folder, one))
	if err != nil {
		t.Fatal(err)
	}
	size := int(info.Size())
	two := r.record("front", time.Hour)
	oldest, newest := r.damage("front", 9*time.Hour, size), r.damage("front", 30*time.Minute, size)
	message := path.Join("quarantine", "front", "20261122T040000.000000000Z-9.msg")
	r.put(message, size, r.wall.Add(-8*time.Hour))
	r.asides.add(aside{message, "front", r.wall.Add(-8 * time.Hour), int64(size)})

	r.keeps["front"] = Keep{Bytes: int64(5 * size)}
	if s := r.sweep(); len(s.Removed) != 0 {
		t.Fatalf("%+v", s)
	}
	r.keeps["front"] = Keep{Bytes: int64(3*size) + 1}
	if s := r.sweep(); s.Removed[RemoveBytes] != (Removed{Segments: 2, Bytes: int64(2 * size)}) {
		t.Errorf("%+v", s)
	}
	r.expect(one, two)
	if r.there(oldest) || r.there(message) || !r.there(newest) {
		t.Error("not the oldest have gone")
	}
	if r.there("quarantine/front") {
		t.Error("an empty folder stays")
	}
	r.keeps["front"] = Keep{Bytes: int64(2 * size)}
	r.sweep()
	r.expect(two)
	// By age, and where nothing else is left of the camera.
	r.keeps["front"] = Keep{Age: 2 * time.Hour}
	yard := r.damage("yard", 20*time.Hour, size)
	r.keeps["yard"] = Keep{Age: 2 * time.Hour}
	if s := r.sweep(); s.Removed[RemoveAge].Segments != 1 || r.there(yard) || !r.there(newest) {
		t.Errorf("%+v", s)
	}
	// For room: what was put aside is as good as any other.
	r.keeps = nil
	r.minFree, r.free = 1<<20, 1<<20-1
	if s := r.sweep(); s.Removed[RemoveFree].Segments != 1 || s.Short != 0 {
		t.Errorf("%+v", s)
	}
	r.expect()
	if !r.there(newest) {
		t.Error("the newest has gone before the oldest")
	}
	// What cannot be removed stays known, and is told.
	r.refuse, r.free, r.unfreed = syscall.EIO, 0, 0
	if s := r.sweep(); s.Stuck != 1 || s.Short == 0 || !r.asides.has(newest) {
		t.Errorf("%+v", s)
	}
	r.refuse = nil
	r.passes(retryStuck + time.Minute)
	if s := r.sweep(); s.Stuck != 0 || r.there(newest) || r.asides.of("front") != 0 {
		t.Errorf("%+v", s)
	}
}

// A start finds what cannot be read; what has a row loses it.
func TestReconcileFindsWhatIsAside(t *testing.T) {
	r := retain(t)
	kept := r.record("front", time.Hour)
	at := r.wall.Add(-2 * time.Hour)
	garbage := segment.Path("front", at)
	r.put(garbage, 900, at)
	r.put(garbage+".damaged", 800, at)
	r.put(segment.Path("front", at.Add(time.Second))+".stuck", 700, at) // becomes .damaged by being tried again
	r.put(kept, 10, at)                                                 // shorter than its row says, and nothing in it
	done, err := Reconcile(t.Context(), r.folder, r.index, nil)
	if err != nil {
		t.Fatal(err)
	}
	var bytes int64
	for _, e := range done.aside {
		bytes += e.Bytes
	}
	if len(done.aside) != 4 || bytes != 900+800+700+10 || done.Forgotten != 1 || done.Segments != 0 {
		t.Errorf("%+v", done)
	}
}
