package index

import (
	"context"
	"database/sql"
	"fmt"
	"iter"
	"math"
	"time"

	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/recorder/segment"
)

// columns are those that scanSegment reads.
const columns = `path, camera, epoch, codec, width, height, first_seq, last_seq, first_stored, last_stored,
 start_ns, end_ns, duration_ns, frames, bytes`

// The two halves of a query for a stretch of time: what starts in it or at most an hour before, and
// what lasts longer than that. Each is answered by an index, however much there is.
const (
	inStretch = ` WHERE camera = ?1 AND start_ns >= max(?2 - ` + long + `, 0) AND start_ns < ?3
 AND (until_ns > ?2 OR start_ns >= ?2) AND until_ns - start_ns <= ` + long
	overStretch = ` WHERE camera = ?1 AND until_ns - start_ns > ` + long + ` AND start_ns < ?3 AND until_ns > ?2`
)

const (
	querySegments = `SELECT ` + columns + ` FROM segments` + inStretch + `
 UNION ALL SELECT ` + columns + ` FROM segments INDEXED BY segments_long` + overStretch + ` ORDER BY start_ns, path`
	queryGaps = `SELECT start_ns, until_ns, missing, reason FROM gaps` + inStretch + `
 UNION ALL SELECT start_ns, until_ns, missing, reason FROM gaps INDEXED BY gaps_long` + overStretch + ` ORDER BY start_ns, until_ns`
	// Each step looks up the next name, so that it takes as many as there are cameras, not rows.
	queryCameras = `WITH RECURSIVE c (camera) AS (SELECT min(camera) FROM segments
 UNION ALL SELECT (SELECT min(camera) FROM segments WHERE camera > c.camera) FROM c WHERE c.camera IS NOT NULL)
 SELECT camera FROM c WHERE camera IS NOT NULL`
	// total never overflows; what says to be longer than a day is not believed.
	queryUsage = `SELECT count(*), coalesce(sum(frames), 0), coalesce(sum(bytes), 0),
 cast(total(min(duration_ns, 86400000000000)) AS INTEGER) FROM segments WHERE camera = ?`
	queryOldest    = `SELECT ` + columns + ` FROM segments WHERE camera = ? ORDER BY start_ns, path`
	queryOldestAll = `SELECT ` + columns + ` FROM segments ORDER BY start_ns, path`
	queryNewest    = `SELECT ` + columns + ` FROM segments WHERE camera = ? ORDER BY start_ns DESC, path DESC LIMIT 1`
	queryNewestAll = `SELECT ` + columns + ` FROM segments ORDER BY start_ns DESC, path DESC LIMIT 1`
)

// Segments returns the segments of a camera that have something between from (included) and to
// (excluded), ordered by Start. A zero from or to is no limit on that side. Their Gaps are empty:
// see [Index.Gaps].
func (x *Index) Segments(ctx context.Context, camera frame.CameraID, from, to time.Time) ([]segment.Info, error) {
	first, last := stretch(from, to)
	infos, err := query(ctx, x.read, scanSegment, querySegments, string(camera), first, last)
	if err != nil {
		return nil, fmt.Errorf("ask the index for segments of camera %s: %w", camera, err)
	}
	return infos, nil
}

// Gaps returns the gaps of a camera that reach into the stretch from (included) to (excluded),
// ordered by From and not cut to it. A zero from or to is no limit on that side.
func (x *Index) Gaps(ctx context.Context, camera frame.CameraID, from, to time.Time) ([]frame.Gap, error) {
	first, last := stretch(from, to)
	gaps, err := query(ctx, x.read, scanGap, queryGaps, string(camera), first, last)
	if err != nil {
		return nil, fmt.Errorf("ask the index for gaps of camera %s: %w", camera, err)
	}
	return gaps, nil
}

// Cameras returns the cameras of which there is a segment, by name.
func (x *Index) Cameras(ctx context.Context) ([]frame.CameraID, error) {
	ids, err := query(ctx, x.read, func(scan func(...any) error) (id frame.CameraID, err error) {
		var name string
		if err := scan(&name); err != nil {
			return "", err
		}
		return parseCamera(name)
	}, queryCameras)
	if err != nil {
		return nil, fmt.Errorf("ask the index for cameras: %w", err)
	}
	return ids, nil
}

// Usage is what there is of one camera.
type Usage struct {
	Segments uint64
	Frames   uint64
	Bytes    int64 // of the files
	// Duration is that of all segments together.
	Duration time.Duration
}

// Usage returns what there is of a camera: nothing, for one that is not known.
func (x *Index) Usage(ctx context.Context, camera frame.CameraID) (Usage, error) {
	all, err := query(ctx, x.read, func(scan func(...any) error) (u Usage, err error) {
		err = scan(&u.Segments, &u.Frames, &u.Bytes, &u.Duration)
		return u, err
	}, queryUsage, string(camera))
	if err != nil || len(all) != 1 {
		return Usage{}, fmt.Errorf("ask the index what there is of camera %s: %w", camera, err)
	}
	return all[0], nil
}

// Oldest returns the segment of a camera that starts first; of all cameras, for "". ok is false
// where there is none.
func (x *Index) Oldest(ctx context.Context, camera frame.CameraID) (info segment.Info, ok bool, err error) {
	for info, err := range x.OldestFirst(ctx, camera) {
		return info, err == nil, err
	}
	return segment.Info{}, false, nil
}

// Newest returns the segment of a camera that starts last; of all cameras, for "". ok is false
// where there is none.
func (x *Index) Newest(ctx context.Context, camera frame.CameraID) (info segment.Info, ok bool, err error) {
	for info, err := range x.each(ctx, camera, queryNewest, queryNewestAll) {
		return info, err == nil, err
	}
	return segment.Info{}, false, nil
}

// OldestFirst goes through the segments of a camera by Start; through those of all cameras, for "".
// It shows what was there when the loop began: the loop may remove what it is given. An error is
// the last thing that it yields.
func (x *Index) OldestFirst(ctx context.Context, camera frame.CameraID) iter.Seq2[segment.Info, error] {
	return x.each(ctx, camera, queryOldest, queryOldestAll)
}

func (x *Index) each(ctx context.Context, camera frame.CameraID, one, all string) iter.Seq2[segment.Info, error] {
	return func(yield func(segment.Info, error) bool) {
		statement, args := one, []any{string(camera)}
		if camera == "" {
			statement, args = all, nil
		}
		rows, err := x.read.QueryContext(ctx, statement, args...)
		if err == nil {
			defer func() { _ = rows.Close() }()
			for rows.Next() {
				var info segment.Info
				if info, err = scanSegment(rows.Scan); err != nil {
					break
				}
				if !yield(info, nil) {
					return
				}
			}
			if err == nil {
				err = rows.Err()
			}
		}
		if err != nil {
			yield(segment.Info{}, fmt.Errorf("ask the index for segments: %w", explain(err)))
		}
	}
}

// query reads all that a statement answers.
func query[T any](ctx context.Context, db *sql.DB, read func(scan func(...any) error) (T, error), statement string, args ...any) ([]T, error) {
	rows, err := db.QueryContext(ctx, statement, args...)
	if err != nil {
		return nil, explain(err)
	}
	all, err := collect(rows, read)
	return all, explain(err)
}

// collect reads rows to their end and closes them.
func collect[T any](rows *sql.Rows, read func(scan func(...any) error) (T, error)) (all []T, err error) {
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		one, err := read(rows.Scan)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, rows.Err()
}

func scanSegment(scan func(...any) error) (segment.Info, error) {
	var i segment.Info
	var camera, codec string
	var firstSeq, lastSeq, firstStored, lastStored, start, end, duration, frames int64
	err := scan(&i.Path, &camera, &i.Epoch, &codec, &i.Width, &i.Height, &firstSeq, &lastSeq, &firstStored, &lastStored,
		&start, &end, &duration, &frames, &i.Bytes)
	if err != nil {
		return segment.Info{}, err
	}
	if i.Camera, err = parseCamera(camera); err != nil {
		return segment.Info{}, err
	}
	if err := checkPath(i.Camera, i.Path); err != nil {
		return segment.Info{}, fmt.Errorf("%w: a row of segment %q: %w", ErrUnusable, i.Path, err)
	}
	i.Codec = frame.Codec(codec)
	i.FirstSeq, i.LastSeq = uint64(firstSeq), uint64(lastSeq)
	i.FirstStored, i.LastStored = uint64(firstStored), uint64(lastStored)
	i.Start, i.End = time.Unix(0, start).UTC(), time.Unix(0, end).UTC()
	i.Duration, i.Frames = time.Duration(duration), uint64(frames)
	return i, nil
}

func scanGap(scan func(...any) error) (frame.Gap, error) {
	var from, to, missing int64
	var reason string
	if err := scan(&from, &to, &missing, &reason); err != nil {
		return frame.Gap{}, err
	}
	return frame.Gap{
		From: time.Unix(0, from).UTC(), To: time.Unix(0, to).UTC(), Missing: uint64(missing), Reason: frame.GapReason(reason),
	}, nil
}

func parseCamera(name string) (frame.CameraID, error) {
	id, err := frame.ParseCameraID(name)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrUnusable, err)
	}
	return id, nil
}

// stretch is the limits of a query in nanoseconds.
func stretch(from, to time.Time) (first, last int64) {
	last = math.MaxInt64
	if !to.IsZero() {
		last = nanos(to)
	}
	return nanos(from), last
}
