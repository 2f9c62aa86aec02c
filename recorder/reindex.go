package recorder

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/recorder/index"
	"github.com/lensbus/lensbus/recorder/segment"
)

// Progress says how far something that goes through files has come. It is told from one goroutine at
// a time.
type Progress struct {
	Done, Total int    // files
	Path        string // of the last one
}

// Reindexed is what became of the files and the index at a start, or a [Reindex].
type Reindexed struct {
	// Segments, Frames and Bytes are what the index holds now.
	Segments uint64 `json:"segments"`
	Frames   uint64 `json:"frames"`
	Bytes    int64  `json:"bytes"`
	// Read is how many files had to be looked into, Forgotten how many rows had no file any more, or one
	// that nothing can be read from.
	Read      int `json:"read"`
	Forgotten int `json:"forgotten"`
	// Salvaged are segments that a recorder had not closed and that are closed now. Removed were
	// empty.
	Salvaged []string `json:"salvaged,omitempty"`
	Removed  []string `json:"removed,omitempty"`
	// Open are segments that could not be closed: they are in Unreadable too. What they hold is not in
	// the index. Those that were put aside for that and still cannot be are in Unreadable alone.
	Open []string `json:"open,omitempty"`
	// Damaged are files that nothing can be read from; they stay where they are, and are no segments.
	Damaged []BadFile `json:"damaged,omitempty"`
	// Unreadable could not be looked at: that is the disk's or the system's doing, and may pass. What was
	// known of them is still in the index after a start.
	Unreadable []BadFile `json:"unreadable,omitempty"`
	// Foreign is how many files no recorder has made. They are left alone.
	Foreign int `json:"foreign"`
	// SetAside is where an index went that could not be used.
	SetAside string `json:"set_aside,omitempty"`

	aside []segment.Entry // files that no row is for
	harm  map[frame.CameraID]*harm
}

// BadFile is a file that cannot be read, and why.
type BadFile struct {
	Path    string `json:"path,omitempty"`
	Problem string `json:"problem"`
}

// OpenIndex opens the folder's index. One that cannot be used is set aside, and aside says where it
// is: the new one is empty, and a [Reconcile] fills it.
func OpenIndex(ctx context.Context, folder *Folder) (x *index.Index, aside string, err error) {
	x, err = index.Open(ctx, folder.IndexPath())
	if errors.Is(err, index.ErrUnusable) {
		if aside, err = index.SetAside(folder.IndexPath()); err != nil {
			return nil, "", err
		}
		x, err = index.Open(ctx, folder.IndexPath())
	}
	return x, aside, err
}

// Reindex makes the folder's index anew from the files alone, gaps included. Until it is done, the
// old one stays as it was. progress may be nil.
func Reindex(ctx context.Context, folder *Folder, progress func(Progress)) (Reindexed, error) {
	x, aside, err := OpenIndex(ctx, folder)
	if err != nil {
		return Reindexed{}, err
	}
	done, err := refill(ctx, folder, x, true, progress)
	done.SetAside = aside
	return done, errors.Join(err, x.Close())
}

// Reconcile is what a recorder begins with: segments that were left open are closed, rows without a
// file go, files without a row, or with another size than its row says, get one. It reads only
// those. Nobody writes segments meanwhile. progress may be nil.
//
// A file that cannot be read is noted in the result and no error.
func Reconcile(ctx context.Context, folder *Folder, x *index.Index, progress func(Progress)) (Reindexed, error) {
	return refill(ctx, folder, x, false, progress)
}

func refill(ctx context.Context, folder *Folder, x *index.Index, anew bool, progress func(Progress)) (Reindexed, error) {
	var done Reindexed
	if err := salvageAll(ctx, folder.Folder, &done); err != nil {
		return done, err
	}
	files, err := list(ctx, folder.Folder)
	if err != nil {
		return done, err
	}
	done.Foreign = files.Foreign
	for _, err := range files.Unreadable {
		done.Unreadable = append(done.Unreadable, BadFile{Problem: err.Error()})
	}
	for _, e := range files.Damaged {
		done.Damaged = append(done.Damaged, BadFile{e.Path, "nothing in it could be saved"})
	}
	done.aside = slices.Concat(files.Damaged, files.Stuck)

	// What is known already, and what is not there any more.
	read := files.Whole
	var forget []segment.Info
	before, err := rowsByPath(ctx, x)
	if err != nil && !anew { // else it is made anew for that
		return done, err
	}
	rows := map[string]segment.Info{}
	if !anew {
		rows = before
		read, forget = compare(folder, rows, files.Whole)
	}
	found, err := readInfos(ctx, folder.Folder, read, progress)
	if err != nil {
		return done, err
	}
	for _, e := range found.empty {
		if row, known := rows[e.Path]; known {
			forget = append(forget, row)
		}
		done.aside = append(done.aside, e)
	}
	for _, e := range found.unread {
		if _, known := rows[e.Path]; !known { // else it counts by its row
			done.aside = append(done.aside, e)
		}
	}
	done.Read, done.Forgotten = len(read), len(forget)
	done.Damaged = append(done.Damaged, found.damaged...)
	done.Unreadable = append(done.Unreadable, found.unreadable...)

	cameras := map[frame.CameraID]bool{} // of which something has changed
	for _, info := range found.infos {
		cameras[info.Camera] = true
	}
	for _, info := range forget {
		cameras[info.Camera] = true
	}
	unreadable := lostFiles(slices.Concat(done.Damaged, done.Unreadable))
	done.harm = harmed(found, before, unreadable)
	again, err := x.Again(ctx)
	if err != nil {
		return done, err
	}
	for camera, after := range again { // another start has found it, and it was not recorded again since
		done.harmOf(camera).from(after)
	}
	was := map[frame.CameraID][]frame.Gap{}
	for camera := range cameras {
		if was[camera], err = damageIn(ctx, x, camera); err != nil {
			return done, err
		}
	}
	change := func(t *index.Tx) error {
		for _, info := range forget {
			if _, _, err := t.Remove(ctx, info.Path); err != nil {
				return err
			}
		}
		for _, info := range found.infos {
			if err := t.Add(ctx, info); err != nil {
				return err
			}
		}
		for camera, h := range done.harm {
			if !h.known {
				continue
			}
			if err := t.RecordAgain(ctx, camera, h.after); err != nil {
				return err
			}
		}
		elsewhere := heldByCamera(rows, forget, found.infos)
		for camera := range cameras {
			missing := unreadable.gapBetween(elsewhere[camera])
			err := t.Between(ctx, camera, func(prev, next segment.Info) (frame.Gap, bool) {
				gap, ok := missing(prev, next)
				if ok && found.tornEnd[prev.Path] {
					gap.Reason = frame.GapDamage
				}
				return gap, ok
			})
			if err != nil {
				return err
			}
		}
		return nil
	}
	switch {
	case anew:
		err = x.Rebuild(ctx, change)
	case len(cameras) > 0:
		err = x.Update(ctx, change)
	}
	if err != nil {
		return done, err
	}
	if err := done.countDamage(ctx, x, was); err != nil {
		return done, err
	}
	return done, count(ctx, x, &done)
}

// salvageAll closes what was left open. A file that the disk does not let it close is noted.
func salvageAll(ctx context.Context, folder *segment.Folder, done *Reindexed) error {
	var parts []segment.Entry
	for e, err := range folder.List("") {
		if err == nil && (e.State == segment.StatePart || e.State == segment.StateStuck) {
			parts = append(parts, e)
		}
	}
	for _, e := range parts {
		if ctx.Err() != nil {
			return fmt.Errorf("closing what was left open: %w", context.Cause(ctx))
		}
		s, err := folder.Salvage(e.Path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			done.Unreadable = append(done.Unreadable, BadFile{e.Path, err.Error()})
			if e.State == segment.StatePart {
				done.Open = append(done.Open, e.Path)
			}
		case s.Outcome == segment.Salvaged:
			done.Salvaged = append(done.Salvaged, s.Info.Path)
		case s.Outcome == segment.Removed:
			done.Removed = append(done.Removed, e.Path)
		}
	}
	return nil
}

func rowsByPath(ctx context.Context, x *index.Index) (map[string]segment.Info, error) {
	rows := map[string]segment.Info{}
	for info, err := range x.OldestFirst(ctx, "") {
		if err != nil {
			return rows, err
		}
		rows[info.Path] = info
	}
	return rows, nil
}

// compare says which files have to be read, and which rows have no file.
func compare(folder *Folder, rows map[string]segment.Info, files []segment.Entry) (read []segment.Entry, forget []segment.Info) {
	gone := maps.Clone(rows)
	for _, e := range files {
		row, known := rows[e.Path]
		if !known || row.Bytes != e.Bytes {
			read = append(read, e)
		}
		delete(gone, e.Path)
	}
	for path, info := range gone {
		// Not only because it is not in a list: a folder that cannot be read has files all the same.
		if _, err := folder.written(path); errors.Is(err, fs.ErrNotExist) {
			forget = append(forget, info)
		}
	}
	return read, forget
}

// found is what was read of files.
type found struct {
	infos               []segment.Info
	damaged, unreadable []BadFile
	empty, unread       []segment.Entry // these
	tornEnd             map[string]bool // by path: frames may be missing after the last that can be read
}

// readInfos looks into files, several at a time: it is waiting for the disk mostly.
func readInfos(ctx context.Context, folder *segment.Folder, files []segment.Entry, progress func(Progress)) (found, error) {
	all := found{tornEnd: map[string]bool{}}
	var mu sync.Mutex
	done := 0
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(2 * runtime.GOMAXPROCS(0))
	for _, e := range files {
		group.Go(func() error {
			if ctx.Err() != nil {
				return fmt.Errorf("reading segments: %w", context.Cause(ctx))
			}
			info, torn, err := readInfo(folder, e.Path)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case errors.Is(err, fs.ErrNotExist):
			case errors.Is(err, segment.ErrDamaged):
				all.damaged = append(all.damaged, BadFile{e.Path, err.Error()})
				all.empty = append(all.empty, e)
			case err != nil:
				all.unreadable = append(all.unreadable, BadFile{e.Path, err.Error()})
				all.unread = append(all.unread, e)
			default:
				all.infos = append(all.infos, info)
				if torn {
					all.tornEnd[e.Path] = true
				}
			}
			done++
			if progress != nil {
				progress(Progress{Done: done, Total: len(files), Path: e.Path})
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return found{}, err
	}
	byPath := func(a, b BadFile) int { return strings.Compare(a.Path, b.Path) }
	slices.SortFunc(all.damaged, byPath)
	slices.SortFunc(all.unreadable, byPath)
	return all, nil
}

// readInfo is what a file says of itself, with a gap for each damage that has a beginning and an end
// in time.
func readInfo(folder *segment.Folder, path string) (info segment.Info, torn bool, err error) {
	r, err := folder.Open(path)
	if err != nil {
		return segment.Info{}, false, err
	}
	defer func() { _ = r.Close() }()
	info = r.Info()
	info.Gaps = slices.Clone(info.Gaps)
	for _, d := range r.Damage() {
		switch {
		case d.Kind == segment.DamageTorn || d.To.IsZero():
			torn = true
		case d.Kind == segment.DamageParts && !d.From.IsZero():
			gap := frame.Gap{From: d.From, To: d.To, Reason: frame.GapDamage}
			if d.LastSeq >= d.FirstSeq {
				gap.Missing = d.LastSeq - d.FirstSeq + 1
			}
			info.Gaps = append(info.Gaps, gap)
		}
	}
	return info, torn, nil
}

// count sums up what the index holds.
func count(ctx context.Context, x *index.Index, done *Reindexed) error {
	cameras, err := x.Cameras(ctx)
	if err != nil {
		return err
	}
	for _, camera := range cameras {
		usage, err := x.Usage(ctx, camera)
		if err != nil {
			return err
		}
		done.Segments += usage.Segments
		done.Frames += usage.Frames
		done.Bytes += usage.Bytes
	}
	return nil
}
