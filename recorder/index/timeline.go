package index

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"iter"
	"time"

	"github.com/lensbus/lensbus/frame"
)

// The queries for what a timeline needs of each row, and no more: there may be many.
const (
	stretchColumns = `start_ns, duration_ns, frames, bytes, width, height`
	notThese       = ` AND (?4 = '' OR path NOT IN (SELECT value FROM json_each(nullif(?4, ''))))`
	queryStretches = `SELECT ` + stretchColumns + `, path FROM segments` + inStretch + notThese + `
 UNION ALL SELECT ` + stretchColumns + `, path FROM segments INDEXED BY segments_long` + overStretch + notThese + ` ORDER BY start_ns, path`
	queryExtent = `SELECT (SELECT min(start_ns) FROM segments WHERE camera = ?1),
 (SELECT start_ns + duration_ns FROM segments WHERE camera = ?1 ORDER BY start_ns DESC LIMIT 1)`
)

// Stretch is what a segment is on a camera's timeline.
type Stretch struct {
	From, Until   time.Time // until when the last frame stands
	Frames        uint64
	Bytes         int64 // of the file
	Width, Height int   // pixels
}

// Stretches goes through what [Index.Segments] would return, by Start, without holding it, and leaves out the
// segments of the paths without. An error is the last thing that it yields. The loop must ask the index
// nothing else: it has one of few readers.
func (x *Index) Stretches(ctx context.Context, camera frame.CameraID, from, to time.Time, without []string) iter.Seq2[Stretch, error] {
	first, last := stretch(from, to)
	leftOut := ""
	if len(without) > 0 {
		data, _ := json.Marshal(without) // strings: it has no error
		leftOut = string(data)
	}
	return through(ctx, x.read, camera, func(scan func(...any) error) (s Stretch, err error) {
		var start, duration, frames int64
		var path sql.RawBytes
		err = scan(&start, &duration, &frames, &s.Bytes, &s.Width, &s.Height, &path)
		s.From, s.Frames = time.Unix(0, start).UTC(), uint64(frames)
		s.Until = s.From.Add(time.Duration(duration))
		return s, err
	}, queryStretches, string(camera), first, last, leftOut)
}

// EachGap goes through what [Index.Gaps] would return, without holding it, as [Index.Stretches] does.
func (x *Index) EachGap(ctx context.Context, camera frame.CameraID, from, to time.Time) iter.Seq2[frame.Gap, error] {
	first, last := stretch(from, to)
	return through(ctx, x.read, camera, scanGap, queryGaps, string(camera), first, last)
}

// through yields what a statement answers, row by row.
func through[T any](ctx context.Context, db *sql.DB, camera frame.CameraID, read func(scan func(...any) error) (T, error), statement string, args ...any) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		rows, err := db.QueryContext(ctx, statement, args...)
		if err == nil {
			defer func() { _ = rows.Close() }()
			for rows.Next() {
				var one T
				if one, err = read(rows.Scan); err != nil {
					break
				}
				if !yield(one, nil) {
					return
				}
			}
			if err == nil {
				err = rows.Err()
			}
		}
		if err != nil {
			var none T
			yield(none, fmt.Errorf("ask the index what there is of camera %s: %w", camera, explain(err)))
		}
	}
}

// Extent returns where the segment of a camera that starts first begins, and until when the last frame of
// the one that starts last stands; ok is false where there is none. It costs the same however many there are.
func (x *Index) Extent(ctx context.Context, camera frame.CameraID) (from, until time.Time, ok bool, err error) {
	var first, last sql.NullInt64
	err = x.read.QueryRowContext(ctx, queryExtent, string(camera)).Scan(&first, &last)
	if err != nil {
		return from, until, false, fmt.Errorf("ask the index how far camera %s goes: %w", camera, explain(err))
	}
	return time.Unix(0, first.Int64).UTC(), time.Unix(0, last.Int64).UTC(), first.Valid, nil
}

// Version is another number after each change of what there is of a camera. One that was the same before and
// after something was read of the index says that it still holds.
func (x *Index) Version(camera frame.CameraID) uint64 {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.all + x.changes[camera]
}

// changed counts a change that has been made.
func (x *Index) changed(t *Tx) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if t.all {
		x.all++
	}
	for camera := range t.cameras {
		x.changes[camera]++
	}
}
