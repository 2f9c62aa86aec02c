package recorder

import (
	"bytes"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/recorder/index"
	"github.com/lensbus/lensbus/recorder/segment"
)

// retained is a folder with an index, and retention with a clock and a volume of the test's own.
type retained struct {
	*retention
	t      *testing.T
	wall   time.Time
	steady time.Duration
	free   int64 // what the volume says; removing a segment adds to it where it gives free
	keeps  map[frame.CameraID]Keep
	logged bytes.Buffer
	refuse error // of removing files
}

func retain(t *testing.T) *retained {
	t.Helper()
	folder := openTestFolder(t, t.TempDir())
	r := &retained{t: t, wall: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC), free: 1 << 40, keeps: map[frame.CameraID]Keep{}}
	folder.Before = func(op segment.Op, _ string) error {
		if op == segment.OpRemove {
			return r.refuse
		}
		return nil
	}
	r.retention = newRetention(folder, openTestIndex(t, folder), func(c frame.CameraID) Keep { return r.keeps[c] }, 0,
		slog.New(slog.NewTextHandler(&r.logged, nil)))
	r.clock = func() (time.Time, time.Duration) { return r.wall, r.steady }
	r.room = func() (Room, error) { return Room{Free: r.free, Total: 1 << 41}, nil }
	return r
}

// passes is that much time, without jumps.
func (r *retained) passes(d time.Duration) {
	r.wall = r.wall.Add(d)
	r.steady += d
}

// record makes a segment of ten minutes that ends that long ago, and was written then.
func (r *retained) record(camera frame.CameraID, ago time.Duration) string {
	r.t.Helper()
	start := r.wall.Add(-ago - 10*time.Minute)
	s := newShots(camera, start)
	w := s.left(r.t, r.folder.Folder, 1)
	info, err := w.Close()
	if err != nil {
		r.t.Fatal(err)
	}
	info.End, info.Duration = start.Add(10*time.Minute), 10*time.Minute
	if err := r.index.Add(r.t.Context(), info); err != nil {
		r.t.Fatal(err)
	}
	r.wrote(info.Path, info.End)
	return info.Path
}

func (r *retained) wrote(path string, at time.Time) {
	r.t.Helper()
	if err := os.Chtimes(onDisk(r.folder.Folder, path), at, at); err != nil {
		r.t.Fatal(err)
	}
}

func (r *retained) sweep() Sweep {
	r.t.Helper()
	s, err := r.Sweep(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	return s
}

// left is the files that are there, which must be those in the index too.
func (r *retained) left() string {
	r.t.Helper()
	l, err := list(r.t.Context(), r.folder.Folder)
	if err != nil {
		r.t.Fatal(err)
	}
	var files []string
	for _, e := range l.Whole {
		files = append(files, e.Path)
	}
	if rows := indexed(r.t, r.index); rows != strings.Join(files, " ") {
		r.t.Fatalf("the index has %s\nthe folder has %s", rows, files)
	}
	return strings.Join(files, " ")
}

// indexed is the paths in an index, in the order of a listing.
func indexed(t *testing.T, x *index.Index) string {
	t.Helper()
	cameras, err := x.Cameras(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var rows []string
	for _, c := range cameras {
		infos, err := x.Segments(t.Context(), c, time.Time{}, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range infos {
			rows = append(rows, i.Path)
		}
	}
	return strings.Join(rows, " ")
}

func (r *retained) expect(paths ...string) {
	r.t.Helper()
	if got := r.left(); got != strings.Join(paths, " ") {
		r.t.Fatalf("left is  %s\nexpected %s", got, strings.Join(paths, " "))
	}
}
