package recorder

import (
	"bytes"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
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

func TestRetentionByAge(t *testing.T) {
	r := retain(t)
	r.keeps["front"] = Keep{Age: 48 * time.Hour}
	old := r.record("front", 70*time.Hour)
	other := r.record("back", 500*time.Hour) // kept without limit
	edge := r.record("front", 48*time.Hour)
	young := r.record("front", time.Hour)
	now := r.record("front", 0)
	s := r.sweep()
	r.expect(other, edge, young, now)
	if got := s.Removed[RemoveAge]; got.Segments != 1 || got.Bytes <= 0 || len(s.Removed) != 1 {
		t.Errorf("%+v", s)
	}
	// The folders of its day went with it.
	if _, err := os.Stat(filepath.Dir(onDisk(r.folder.Folder, old))); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	r.passes(time.Minute)
	r.sweep() // still at its pace
	r.passes(time.Hour)
	r.sweep()
	r.expect(other, young, now)
}

func TestRetentionByBytes(t *testing.T) {
	r := retain(t)
	var paths []string
	for i := range 5 {
		paths = append(paths, r.record("front", time.Duration(5-i)*time.Hour))
	}
	other := r.record("back", 100*time.Hour)
	info, _, err := r.index.Oldest(t.Context(), "front")
	if err != nil {
		t.Fatal(err)
	}
	r.keeps["front"] = Keep{Bytes: 3*info.Bytes + info.Bytes/2}
	s := r.sweep()
	r.expect(append([]string{other}, paths[2:]...)...)
	if got := s.Removed[RemoveBytes]; got.Segments != 2 || got.Bytes != 2*info.Bytes {
		t.Errorf("%+v", s)
	}
	if s = r.sweep(); len(s.Removed) != 0 {
		t.Errorf("%+v", s)
	}
	r.keeps["front"] = Keep{Bytes: 1}
	r.sweep()
	r.expect(other)
}

func TestRetentionKeepsAVolumeFree(t *testing.T) {
	r := retain(t)
	a1, b1, a2, b2 := r.record("a", 4*time.Hour), r.record("b", 3*time.Hour), r.record("a", 2*time.Hour), r.record("b", time.Hour)
	info, _, err := r.index.Oldest(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	r.minFree = 1 << 20
	r.free = r.minFree - info.Bytes*3/2 // two have to go
	sizes := r.free
	r.room = func() (Room, error) {
		files, err := list(t.Context(), r.folder.Folder)
		return Room{Free: sizes + int64(4-len(files.Whole))*info.Bytes}, err
	}
	s := r.sweep()
	r.expect(a2, b2) // the oldest of all cameras
	if got := s.Removed[RemoveFree]; got.Segments != 2 || s.Short != 0 || s.Room.Free < r.minFree {
		t.Errorf("%+v", s)
	}
	if s = r.sweep(); len(s.Removed) != 0 {
		t.Errorf("%+v", s)
	}
	// Somebody else fills the volume: it says how much is missing when nothing is left.
	sizes -= 10 * info.Bytes
	s = r.sweep()
	r.expect()
	if s.Short < 7*info.Bytes {
		t.Errorf("%+v", s)
	}
	_, _ = a1, b1
}

func TestRetentionWaitsForAVolumeThatFreesLate(t *testing.T) {
	r := retain(t)
	for i := range 6 {
		r.record("front", time.Duration(6-i)*time.Hour)
	}
	info, _, err := r.index.Oldest(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	r.minFree, r.free = 1<<20, 1<<20-info.Bytes
	if s := r.sweep(); s.Removed[RemoveFree].Segments != 1 {
		t.Fatalf("%+v", s)
	}
	for range 5 {
		r.passes(10 * time.Second) // still not given free
		if s := r.sweep(); len(s.Removed) != 0 {
			t.Fatalf("more was removed before the volume gave the first free: %+v", s)
		}
	}
	r.passes(time.Minute)
	if s := r.sweep(); s.Removed[RemoveFree].Segments != 1 {
		t.Errorf("it waits for ever: %+v", s)
	}
}

func TestRetentionReportsAVolumeThatCannotBeAsked(t *testing.T) {
	r := retain(t)
	path := r.record("front", time.Hour)
	broken := errors.New("statfs: the disk")
	r.room = func() (Room, error) { return Room{}, broken }
	if s := r.sweep(); s.Room != (Room{}) { // nobody wants to know
		t.Error(s)
	}
	r.minFree = 1
	if _, err := r.Sweep(t.Context()); !errors.Is(err, broken) {
		t.Error(err)
	}
	r.expect(path)
}

func TestRetentionDoesNotTouchWhatIsBeingWritten(t *testing.T) {
	r := retain(t)
	writing := newShots("front", r.wall.Add(-1000*time.Hour)).left(t, r.folder.Folder, 2)
	closed := r.record("front", 900*time.Hour)
	r.keeps["front"] = Keep{Age: time.Hour, Bytes: 1}
	r.minFree, r.free = 1<<30, 0
	r.record("front", 0)
	r.sweep()
	r.expect()
	if _, err := os.Stat(onDisk(r.folder.Folder, writing.Info().Path)); err != nil {
		t.Error(err)
	}
	if info, err := writing.Close(); err != nil || info.Frames != 20 {
		t.Error(info, err)
	}
	_ = closed
}

func TestClockOfTheRecorderJumpsAhead(t *testing.T) {
	for name, jump := range map[string]time.Duration{"an hour": time.Hour, "40 days": 40 * 24 * time.Hour, "a century": 100 * 365 * 24 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			r := retain(t)
			r.keeps["front"] = Keep{Age: 50 * time.Minute}
			all := []string{r.record("front", 20*time.Minute), r.record("front", 10*time.Minute), r.record("front", 0)}
			r.sweep()
			r.wall = r.wall.Add(jump)
			for range 10 {
				r.passes(10 * time.Second)
				s := r.sweep()
				if jump > time.Hour && s.ClockAhead < jump-time.Hour {
					t.Fatalf("the clock is not said to be ahead: %+v", s)
				}
			}
			r.expect(all...)
			if n := strings.Count(r.logged.String(), "the clock is far ahead"); jump > time.Hour && n != 1 {
				t.Errorf("logged %d times", n)
			}
			// Ages go on without jumps.
			r.passes(22 * time.Minute)
			r.sweep()
			r.expect(all[0], all[1], all[2])
			r.passes(10 * time.Minute)
			r.sweep()
			r.expect(all[1], all[2])
			// It is put right, and all is as before.
			r.wall = r.wall.Add(-jump)
			if s := r.sweep(); s.ClockAhead != 0 {
				t.Errorf("%+v", s)
			}
			r.expect(all[1], all[2])
		})
	}
}

func TestClockOfRecorderAndCamerasJumpsAhead(t *testing.T) {
	r := retain(t)
	r.keeps["front"] = Keep{Age: 7 * 24 * time.Hour}
	var all []string
	for ago := 6 * 24 * time.Hour; ago > 0; ago -= time.Hour {
		all = append(all, r.record("front", ago))
	}
	r.sweep()
	r.wall = r.wall.Add(365 * 24 * time.Hour)
	jumped := r.record("front", 0) // what is captured has the wrong time too
	for range 60 {                 // and NTP puts it right after ten minutes
		r.passes(10 * time.Second)
		r.sweep()
	}
	r.wall = r.wall.Add(-365 * 24 * time.Hour)
	r.sweep()
	left := strings.Fields(r.left())
	if gone := len(all) + 1 - len(left); gone > 4 { // of 144
		t.Errorf("%d of %d segments are gone", gone, len(all)+1)
	}
	if left[len(left)-1] != jumped {
		t.Error("the newest is gone")
	}
	// Where it stays so, everything goes, but no faster than in a day.
	r.wall = r.wall.Add(365 * 24 * time.Hour)
	hours := 0
	for ; len(strings.Fields(r.left())) > 1 && hours < 100; hours++ {
		for range 12 {
			r.passes(5 * time.Minute)
			r.sweep()
		}
	}
	if hours < 10 || hours > 48 {
		t.Errorf("everything went within %d hours", hours)
	}
}

func TestClockGoesBack(t *testing.T) {
	r := retain(t)
	r.keeps["front"] = Keep{Age: 24 * time.Hour}
	old, young := r.record("front", 25*time.Hour), r.record("front", 0)
	r.wall = r.wall.Add(-2 * time.Hour)
	r.sweep()
	r.expect(old, young)
	r.wall = r.wall.Add(2 * time.Hour)
	r.sweep()
	r.expect(young)
}

func TestCameraWhoseClockIsBehindKeepsWhatItRecords(t *testing.T) {
	r := retain(t)
	r.keeps["front"] = Keep{Age: 24 * time.Hour}
	r.keeps["clockless"] = Keep{Age: 24 * time.Hour}
	other := r.record("front", 0)
	behind := r.record("clockless", 20_000*24*time.Hour) // 1972
	r.wrote(behind, r.wall)
	gone := r.record("clockless", 19_000*24*time.Hour)
	r.wrote(gone, r.wall.Add(-25*time.Hour))
	r.sweep()
	r.expect(behind, other)
	r.passes(12 * time.Hour)
	r.sweep()
	r.expect(behind, other)
	r.passes(13 * time.Hour)
	r.sweep()
	if left := r.left(); strings.Contains(left, behind) {
		t.Error("it is never old:", left)
	}
}

func TestRecorderWasOffForLong(t *testing.T) {
	r := retain(t)
	r.keeps["front"] = Keep{Age: 72 * time.Hour}
	var all []string
	for i := range 12 {
		all = append(all, r.record("front", 60*24*time.Hour-time.Duration(i)*10*time.Minute))
	}
	r.sweep()
	r.expect(all...) // it cannot tell this from a clock that jumped
	fresh := r.record("front", 0)
	for range 2 * 60 {
		r.passes(time.Minute)
		r.sweep()
	}
	r.expect(fresh) // now it can
}

func TestWhatCannotBeRemovedIsSaidOnceAndKept(t *testing.T) {
	r := retain(t)
	var all []string
	for i := range 6 {
		all = append(all, r.record("front", time.Duration(100-i)*time.Hour))
	}
	gap := frame.Gap{From: r.wall.Add(-200 * time.Hour), To: r.wall.Add(-100 * time.Hour).Add(-10 * time.Minute), Reason: frame.GapOverrun}
	info, _, err := r.index.Oldest(t.Context(), "front")
	if err != nil {
		t.Fatal(err)
	}
	info.Gaps = []frame.Gap{gap}
	if err := r.index.Add(t.Context(), info); err != nil {
		t.Fatal(err)
	}
	r.keeps["front"] = Keep{Bytes: 1}
	r.refuse = fs.ErrPermission
	tries := 0
	r.folder.Before = func(op segment.Op, _ string) error {
		if op == segment.OpRemove {
			tries++
			return r.refuse
		}
		return nil
	}
	for range 100 {
		r.passes(10 * time.Second)
		if s := r.sweep(); len(s.Removed) != 0 || s.Stuck == 0 {
			t.Fatalf("%+v", s)
		}
	}
	r.expect(all...)
	if tries > 30 { // one a minute
		t.Errorf("tried %d times in 1000 s", tries)
	}
	if n := strings.Count(r.logged.String(), "cannot be removed"); n != mostInRow {
		t.Errorf("logged %d times", n)
	}
	if gaps, err := r.index.Gaps(t.Context(), "front", time.Time{}, time.Time{}); err != nil || len(gaps) != 1 || gaps[0] != gap {
		t.Errorf("its gaps: %v, %v", gaps, err)
	}
	// It goes on by itself.
	r.refuse = nil
	r.passes(retryStuck)
	r.sweep()
	r.passes(retryStuck)
	if s := r.sweep(); s.Stuck != 0 {
		t.Errorf("%+v", s)
	}
	r.expect()
}

func TestOneFileThatCannotBeRemovedDoesNotStopTheOthers(t *testing.T) {
	r := retain(t)
	bad, good, last := r.record("front", 3*time.Hour), r.record("front", 2*time.Hour), r.record("front", time.Hour)
	r.folder.Before = func(op segment.Op, path string) error {
		if op == segment.OpRemove && path == bad {
			return fs.ErrPermission
		}
		return nil
	}
	r.keeps["front"] = Keep{Bytes: 1}
	r.sweep()
	s := r.sweep()
	r.expect(bad)
	if s.Stuck != 1 {
		t.Errorf("%+v", s)
	}
	_, _ = good, last
}

func TestRetentionOfAFileThatIsGoneAlready(t *testing.T) {
	r := retain(t)
	path := r.record("front", time.Hour)
	if err := os.Remove(onDisk(r.folder.Folder, path)); err != nil {
		t.Fatal(err)
	}
	r.keeps["front"] = Keep{Bytes: 1}
	if s := r.sweep(); s.Stuck != 0 {
		t.Errorf("%+v", s)
	}
	r.expect()
}
