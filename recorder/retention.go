package recorder

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"log/slog"
	"slices"
	"time"

	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/recorder/index"
	"github.com/lensbus/lensbus/recorder/segment"
)

// Keep is how much is kept of one camera. The oldest goes first.
type Keep struct {
	// Age is for how long, from the capture of a segment's last frame. 0: no limit.
	Age time.Duration
	// Bytes is of files that are closed. 0: no limit.
	Bytes int64
}

// RemoveReason is why retention removed a segment. It is a label in metrics.
type RemoveReason string

// The reasons of retention.
const (
	RemoveAge   RemoveReason = "age"
	RemoveBytes RemoveReason = "bytes"
	RemoveFree  RemoveReason = "free" // the volume had less room than it shall have
)

// Removed counts what retention removed.
type Removed struct {
	Segments int
	Bytes    int64
}

// Sweep is what one round of retention did, and found.
type Sweep struct {
	Removed map[RemoveReason]Removed
	// Room is that of the volume, at the end. It is zero where it could not be asked for.
	Room Room
	// Short is how many bytes are missing from what shall be free although everything that can be
	// removed has been. 0: there is room.
	Short int64
	// ClockAhead is how far this machine's clock is ahead of what was recorded last, where that is
	// too far to believe. Removal by age goes by the recorded times then.
	ClockAhead time.Duration
	// Stuck is how many segments could not be removed, so far.
	Stuck int
}

// retention removes what is too old, or too much. It touches only segments that are in the index, closed
// ones, and what was put aside. Its Sweep is called by one goroutine, every few seconds.
type retention struct {
	folder  *Folder
	index   *index.Index
	keep    func(frame.CameraID) Keep
	minFree int64 // bytes of the volume; 0: no limit
	asides  *asides
	log     *slog.Logger
	clock   clock
	room    func() (Room, error)

	// Of the round that is running.
	now    time.Time // to count ages against
	steady time.Duration

	trusted trusted
	pace    map[frame.CameraID]*pace

	stuck map[string]time.Duration // when it was tried last, by path
	inRow int                      // failures since something could be removed
	next  time.Duration            // when the volume is tried again, after too many of these

	unfreed   int64         // bytes of removed files that the volume has not given free yet
	unfreedAt time.Duration // since when
}

const (
	// retryStuck is after which time a segment that could not be removed is tried again.
	retryStuck = 10 * time.Minute
	// mostInRow is how many failures make it the volume and not the file. Then one segment is tried
	// every retryVolume.
	mostInRow   = 3
	retryVolume = time.Minute
	// mostUnfreed is how long a volume may take to give free what was removed.
	mostUnfreed = time.Minute
)

func newRetention(folder *Folder, x *index.Index, keep func(frame.CameraID) Keep, minFree int64, log *slog.Logger) *retention {
	return &retention{
		folder: folder, index: x, keep: keep, minFree: minFree, asides: new(asides), log: log, clock: machineClock(), room: folder.Room,
		pace: map[frame.CameraID]*pace{}, stuck: map[string]time.Duration{},
	}
}

// Sweep removes what has to go: of each camera what is too old, then what is too much, and then of
// all cameras the oldest until the volume has the room that it shall have.
//
// An error is one of the index or of asking for room. A segment that cannot be removed is logged
// once, stays in the index, and is tried again after some minutes.
func (r *retention) Sweep(ctx context.Context) (Sweep, error) {
	s := Sweep{Removed: map[RemoveReason]Removed{}}
	newest, ok, err := r.index.Newest(ctx, "")
	if err != nil {
		return s, err
	}
	wall, steady := r.clock()
	r.steady = steady
	if ok {
		was := r.trusted.doubts
		r.now, s.ClockAhead = r.trusted.look(wall, steady, newest.End)
		if r.trusted.doubts && !was {
			r.log.Warn("the clock is far ahead of what was recorded last: nothing came for so long, or it is wrong; ages are counted from what was recorded",
				"clock", wall.UTC(), "recorded", newest.End, "ahead", s.ClockAhead.Round(time.Second))
		}
	}
	cameras, err := r.index.Cameras(ctx)
	if err != nil {
		return s, err
	}
	for _, camera := range r.asides.with(cameras) {
		keep := r.keep(camera)
		if keep.Age > 0 {
			err = r.byAge(ctx, camera, keep.Age, &s)
		}
		if err == nil && keep.Bytes > 0 {
			err = r.byBytes(ctx, camera, keep.Bytes, &s)
		}
		if err != nil {
			return s, err
		}
	}
	if err = r.byFree(ctx, &s); err != nil {
		return s, err
	}
	s.Stuck = len(r.stuck)
	return s, nil
}

func (r *retention) byAge(ctx context.Context, camera frame.CameraID, age time.Duration, s *Sweep) error {
	usage, err := r.index.Usage(ctx, camera)
	if err != nil {
		return err
	}
	limit := r.now.Add(-age)
	p, ok := r.pace[camera]
	if !ok {
		p = &pace{at: r.steady}
		r.pace[camera] = p
	}
	p.pass(r.steady, usage.Duration)
	return r.each(ctx, camera, func(info segment.Info) (RemoveReason, bool) {
		if !info.End.Before(limit) || !p.may() {
			return "", false
		}
		// The camera's clock may be behind: then a segment that was written just now looks old.
		if written, err := r.folder.written(info.Path); err == nil && !written.Before(limit) {
			return "", true
		}
		p.take(info.Duration)
		return RemoveAge, true
	}, s)
}

func (r *retention) byBytes(ctx context.Context, camera frame.CameraID, most int64, s *Sweep) error {
	usage, err := r.index.Usage(ctx, camera)
	if err != nil {
		return err
	}
	over := usage.Bytes + r.asides.of(camera) - most
	return r.each(ctx, camera, func(info segment.Info) (RemoveReason, bool) {
		if over <= 0 {
			return "", false
		}
		over -= info.Bytes
		return RemoveBytes, true
	}, s)
}

func (r *retention) byFree(ctx context.Context, s *Sweep) error {
	room, err := r.room()
	if err != nil {
		if r.minFree <= 0 {
			return nil
		}
		return err
	}
	s.Room = room
	if r.steady-r.unfreedAt > mostUnfreed {
		r.unfreed = 0
	}
	short := r.minFree - room.Free - r.unfreed
	if short <= 0 {
		return nil
	}
	// By the sizes of the files, not by asking again after each: a volume may take its time, or
	// wait until a reader has closed the file, and everything would go meanwhile.
	missing := short
	err = r.each(ctx, "", func(info segment.Info) (RemoveReason, bool) {
		if short <= 0 {
			return "", false
		}
		short -= info.Bytes
		return RemoveFree, true
	}, s)
	if err != nil {
		return err
	}
	gone := s.Removed[RemoveFree].Bytes
	if s.Room, err = r.room(); err != nil {
		return err
	}
	if rise := s.Room.Free - room.Free; rise < gone/2 {
		r.unfreed, r.unfreedAt = r.unfreed+gone-max(0, rise), r.steady
	}
	s.Short = max(0, missing-gone)
	return nil
}

// each goes through a camera's segments and what was put aside, or all, oldest first, until decide says no more. A reason
// removes the segment, none leaves it.
func (r *retention) each(ctx context.Context, camera frame.CameraID, decide func(segment.Info) (RemoveReason, bool), s *Sweep) error {
	for info, err := range r.oldestFirst(ctx, camera) {
		if err != nil {
			return err
		}
		if r.inRow >= mostInRow && r.steady < r.next {
			return nil
		}
		if tried, ok := r.stuck[info.Path]; ok && r.inRow < mostInRow && r.steady-tried < retryStuck {
			continue
		}
		reason, more := decide(info)
		if !more {
			return nil
		}
		if reason == "" {
			continue
		}
		removed, err := r.remove(ctx, info.Path)
		if err != nil {
			return err
		}
		if removed {
			done := s.Removed[reason]
			done.Segments++
			done.Bytes += info.Bytes
			s.Removed[reason] = done
		}
	}
	return nil
}

// oldestFirst is the index's, with what was put aside between: of that a segment says its path, when it
// begins, and its bytes.
func (r *retention) oldestFirst(ctx context.Context, camera frame.CameraID) iter.Seq2[segment.Info, error] {
	return func(yield func(segment.Info, error) bool) {
		rest := r.asides.oldest(camera)
		until := func(end time.Time) bool {
			for len(rest) > 0 && (end.IsZero() || rest[0].at.Before(end)) {
				f := rest[0]
				rest = rest[1:]
				if !yield(segment.Info{Path: f.path, Camera: f.camera, Start: f.at, End: f.at, Bytes: f.bytes}, nil) {
					return false
				}
			}
			return true
		}
		for info, err := range r.index.OldestFirst(ctx, camera) {
			if err == nil && !until(info.Start) || !yield(info, err) {
				return
			}
		}
		until(time.Time{})
	}
}

// remove takes the row away first and the file after it: whatever stops it in between, no row is
// left that promises frames which are gone, and a file without a row is found at the next start. It
// says false where the file could not be removed, which is noted.
//
// On a volume so full that not even a row can go, the file goes first: the alternative is that
// nothing goes, ever. Who asks for its frames meanwhile finds it removed, which is normal.
func (r *retention) remove(ctx context.Context, path string) (bool, error) {
	if r.asides.has(path) { // no row is for it
		if err := r.folder.removeAside(path); err != nil {
			r.notRemoved(path, err)
			return false, nil
		}
		r.inRow = 0
		delete(r.stuck, path)
		r.asides.remove(path)
		return true, nil
	}
	was, ok, err := r.index.Remove(ctx, path)
	full := errors.Is(err, index.ErrFull)
	if !full && (err != nil || !ok) {
		return ok, err
	}
	err = r.folder.Remove(path)
	if _, gone := r.folder.written(path); err == nil || errors.Is(gone, fs.ErrNotExist) {
		// Gone, though perhaps not yet on disk: then the next start finds it again.
		r.inRow = 0
		delete(r.stuck, path)
		if full {
			_, _, err := r.index.Remove(ctx, path)
			return err == nil, err
		}
		return true, nil
	}
	r.notRemoved(path, err)
	if full { // its row is still there
		return false, nil
	}
	if err := r.index.Add(context.WithoutCancel(ctx), was); err != nil {
		return false, fmt.Errorf("a segment that could not be removed: %w", err)
	}
	return false, nil
}

// notRemoved notes a file that could not be removed.
func (r *retention) notRemoved(path string, err error) {
	if r.inRow++; r.inRow >= mostInRow {
		r.next = r.steady + retryVolume
	}
	if _, told := r.stuck[path]; !told && r.inRow <= mostInRow {
		r.log.Error("a segment cannot be removed; it stays, and is tried again now and then", "segment", path, "error", err)
	}
	r.stuck[path] = r.steady
}

// indexRoom is what an index needs to be opened and changed; it is a few times that of a day.
const indexRoom = 8 << 20

// makeRoom is for a start on a volume that is so full that the index cannot be opened, without which
// retention cannot begin: it removes the oldest segments of the folder by their names alone, until
// there is room for an index, and returns how many. It does nothing where there is room, or where
// minFree is 0: then room is not made, but waited for.
func makeRoom(ctx context.Context, folder *Folder, minFree int64) (int, error) {
	room, err := folder.Room()
	if err != nil || minFree <= 0 || room.Free >= indexRoom/8 {
		return 0, err
	}
	files, err := list(ctx, folder.Folder)
	if err != nil {
		return 0, err
	}
	all := slices.Concat(files.Whole, files.Damaged, files.Stuck)
	slices.SortStableFunc(all, func(a, b segment.Entry) int { return a.Start.Compare(b.Start) })
	short := min(minFree, indexRoom) - room.Free
	for n, e := range all {
		if short <= 0 {
			return n, nil
		}
		if err := folder.Remove(e.Path); err != nil {
			return n, err
		}
		short -= e.Bytes
	}
	return len(all), nil
}
