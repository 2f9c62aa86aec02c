package recorder

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/recorder/segment"
)

// ExportFolder is [bus.Conn.Export] without a recorder and a broker: it reads the files of a
// recorder's folder and nothing else, neither its lock nor its index, and changes nothing. A recorder
// may be at work in the folder; what it has not written yet is not in the export. What it cannot read
// is a gap in the result and a warning in log; nil discards. opener opens what is sealed; nil: there is no
// key; what none opens is a gap where there is something else. Its errors are one of the folder, an empty
// range (it wraps [ErrNothing]), nothing but sealed pictures without a key ([ErrSealed]), a change of size where o.Split is not set, and w's.
func ExportFolder(ctx context.Context, dir string, id frame.CameraID, o bus.ExportOptions, opener bus.Opener, w io.Writer, progress func(bus.ExportProgress), log *slog.Logger) (bus.ExportResult, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	if progress == nil {
		progress = func(bus.ExportProgress) {}
	}
	var result bus.ExportResult
	request := frame.ExportRequest{From: o.From, To: o.To, Format: o.Format, Split: o.Split}
	if err := request.Check(); err != nil {
		return result, err
	}
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return result, fmt.Errorf("recordings in %s: %w", dir, errors.Join(err, notFolder(err)))
	}
	folder, err := segment.OpenFolder(dir)
	if err != nil {
		return result, err
	}
	defer func() { _ = folder.Close() }() // was only read
	files := folderFiles{folder: folder, id: id, log: log}
	a := &archive{id: id, folder: folder, log: log, segments: files.between, gaps: files.gaps, writing: func() (segment.Info, bool) { return segment.Info{}, false }}
	var done bus.ExportProgress
	e := &exporting{
		from: o.From, to: o.To, split: o.Split,
		begin: func(frames uint64, bytes int64) error {
			done.Total, done.Frames = bytes, frames
			progress(done)
			return nil
		},
		gap: func(gap frame.Gap) error { result.Gaps = append(result.Gaps, gap); return nil },
	}
	if opener != nil {
		e.open = opener.Open
	}
	e.w = writerFunc(func(data []byte) (int, error) {
		n, err := w.Write(data)
		result.Bytes += int64(n)
		done.Bytes, done.Captured = result.Bytes, e.captured
		progress(done)
		return n, err
	})
	if err := a.export(ctx, e); err != nil {
		return result, fmt.Errorf("export of camera %s from %s: %w", id, dir, err)
	}
	result.Frames, result.Rest = e.frames, e.rest
	return result, nil
}

func notFolder(err error) error {
	if err == nil {
		return errors.New("it is not a folder")
	}
	return nil
}

// folderFiles finds segments by the names of the files alone.
type folderFiles struct {
	folder *segment.Folder
	id     frame.CameraID
	log    *slog.Logger
	known  map[string]segment.Info // by path: looked into already
	bad    map[string]time.Time    // by path: nothing can be read from them; when they begin
}

// reach is for how long before a stretch of time segments are looked into at least, and as long as the
// longest of those: where the clock was put back, more than the last one that begins before the stretch
// may reach into it.
const reach = time.Hour

// between opens the segments that may have something in a stretch of time. The names tell only when
// they begin.
func (f *folderFiles) between(ctx context.Context, from, to time.Time) ([]segment.Info, error) {
	var entries []segment.Entry
	for entry, err := range f.folder.List(f.id) {
		switch {
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case err != nil:
			f.log.Warn("a part of the folder cannot be read", "error", err)
		case !to.IsZero() && !entry.Start.Before(to):
		case entry.State == segment.StateDamaged:
			f.spoilt(entry, errors.New("nothing in it could be saved"))
		default:
			entries = append(entries, entry)
		}
	}
	slices.SortStableFunc(entries, func(a, b segment.Entry) int { return a.Start.Compare(b.Start) })
	var infos []segment.Info
	longest := reach
	for i, entry := range slices.Backward(entries) {
		last := i+1 == len(entries) || entries[i+1].Start.After(from) // that begins before the stretch, or in it
		if !from.IsZero() && !last && from.Sub(entry.Start) > longest {
			break
		}
		info, err := f.look(entry)
		switch {
		case err != nil:
			f.spoilt(entry, err)
		case overlaps(info, from, to):
			infos = append(infos, info)
		}
		longest = max(longest, info.Duration)
	}
	slices.Reverse(infos)
	return infos, nil
}

// spoilt notes a file that nothing can be read from, and says so once.
func (f *folderFiles) spoilt(entry segment.Entry, err error) {
	if _, said := f.bad[entry.Path]; said {
		return
	}
	if f.bad == nil {
		f.bad = make(map[string]time.Time)
	}
	f.bad[entry.Path] = entry.Start
	f.log.Warn("a segment cannot be read", "segment", entry.Path, "error", err)
}

// gaps are what the segments in a stretch of time, and those next to it, say of it: what was noted in them, what is
// missing between them, and where files are that nothing can be read from.
func (f *folderFiles) gaps(ctx context.Context, from, to time.Time) ([]frame.Gap, error) {
	wide := func(t time.Time, by time.Duration) time.Time {
		if t.IsZero() {
			return t
		}
		return t.Add(by)
	}
	infos, err := f.between(ctx, wide(from, -astray), wide(to, astray))
	if err != nil {
		return nil, err
	}
	elsewhere := holding(infos)
	var gaps []frame.Gap
	var ends edge // of what there was so far
	starts := slices.SortedFunc(maps.Values(f.bad), time.Time.Compare)
	for _, info := range infos {
		next := firstEdge(info)
		noted := slices.ContainsFunc(info.Gaps, func(g frame.Gap) bool { return g.To.Equal(info.Start) })
		gap, missing := frame.Gap{}, false
		if ends.epoch != "" && !noted {
			gap, missing = laterGap(ends, next, elsewhere)
		}
		before := 0 // files that begin before this one, and after the last one
		for before < len(starts) && !starts[before].After(info.Start) {
			before++
		}
		if before > 0 && !noted {
			if !missing {
				gap = frame.Gap{From: starts[0], To: info.Start}
			}
			gap.Reason, missing = frame.GapDamage, missing || ends.epoch == ""
		}
		if missing {
			gaps = append(gaps, gap)
		}
		starts, ends = starts[before:], lastEdge(info)
		gaps = append(gaps, info.Gaps...)
	}
	for _, start := range starts { // after all that can be read
		gap := frame.Gap{From: start, To: start, Reason: frame.GapDamage}
		if ends.epoch != "" && ends.captured.Before(start) {
			gap.From = ends.captured
		}
		gaps = append(gaps, gap)
	}
	stretch := frame.RangesRequest{From: from, To: to}
	return slices.DeleteFunc(gaps, func(g frame.Gap) bool { return !within(g.From, g.To, stretch) }), nil
}

func (f *folderFiles) look(entry segment.Entry) (segment.Info, error) {
	if info, ok := f.known[entry.Path]; ok && entry.State == segment.StateWhole {
		return info, nil
	}
	reader, err := f.folder.Open(entry.Path)
	if err != nil {
		return segment.Info{}, err
	}
	defer func() { _ = reader.Close() }() // was only read
	if f.known == nil {
		f.known = make(map[string]segment.Info)
	}
	f.known[entry.Path] = reader.Info()
	return reader.Info(), nil
}
