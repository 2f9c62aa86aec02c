package recorder

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/recorder/segment"
)

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
