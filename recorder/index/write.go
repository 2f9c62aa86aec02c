package index

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"time"

	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/recorder/segment"
)

// Tx is one change of the index: all of it happens, or nothing. It is used by one goroutine and
// only until the function that it was given to returns.
type Tx struct {
	tx      *sql.Tx
	cameras map[frame.CameraID]struct{} // that it changes
	all     bool                        // it changes all
}

func (t *Tx) changes(camera frame.CameraID) { t.cameras[camera] = struct{}{} }

// Update calls change and makes everything that it does in one step; an error of change takes all of
// it back and is returned.
func (x *Index) Update(ctx context.Context, change func(*Tx) error) error {
	tx, err := x.write.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("change the index: %w", explain(err))
	}
	defer func() { _ = tx.Rollback() }()
	t := &Tx{tx: tx, cameras: make(map[frame.CameraID]struct{})}
	if err := change(t); err != nil {
		return err
	}
	// Also after an error: it may be made all the same.
	defer x.changed(t)
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("change the index: %w", explain(err))
	}
	return nil
}

// Rebuild is [Index.Update] on an index from which everything has been removed. Until fill has
// returned, everybody else sees what was there before.
func (x *Index) Rebuild(ctx context.Context, fill func(*Tx) error) error {
	return x.Update(ctx, func(t *Tx) error {
		t.all = true
		for _, statement := range []string{`DELETE FROM gaps`, `DELETE FROM segments`} {
			if err := t.exec(ctx, statement); err != nil {
				return fmt.Errorf("empty the index: %w", err)
			}
		}
		return fill(t)
	})
}

// Add notes a segment and its gaps, in place of what was known of its path.
func (x *Index) Add(ctx context.Context, info segment.Info) error {
	return x.Update(ctx, func(t *Tx) error { return t.Add(ctx, info) })
}

// Remove forgets the segment of that path, the gaps that are noted in it, and those of its camera
// that are older than everything that is left. It says what the segment was, gaps included, so that
// [Index.Add] can take it back; ok is false where there was none.
func (x *Index) Remove(ctx context.Context, path string) (was segment.Info, ok bool, err error) {
	err = x.Update(ctx, func(t *Tx) error {
		was, ok, err = t.Remove(ctx, path)
		return err
	})
	if err != nil {
		return segment.Info{}, false, err
	}
	return was, ok, nil
}

// Add is [Index.Add] as a part of a larger change.
func (t *Tx) Add(ctx context.Context, info segment.Info) error {
	if err := checkPath(info.Camera, info.Path); err != nil {
		return fmt.Errorf("note segment %q: %w", info.Path, err)
	}
	t.changes(info.Camera)
	start, end := nanos(info.Start), nanos(info.End)
	until := max(end, start, nanos(info.Start.Add(info.Duration)))
	var id int64
	err := t.tx.QueryRowContext(ctx, `INSERT INTO segments
(path, camera, epoch, codec, width, height, first_seq, last_seq, first_stored, last_stored,
 start_ns, end_ns, until_ns, duration_ns, frames, bytes)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (path) DO UPDATE SET camera = excluded.camera, epoch = excluded.epoch, codec = excluded.codec,
 width = excluded.width, height = excluded.height, first_seq = excluded.first_seq, last_seq = excluded.last_seq,
 first_stored = excluded.first_stored, last_stored = excluded.last_stored, start_ns = excluded.start_ns,
 end_ns = excluded.end_ns, until_ns = excluded.until_ns, duration_ns = excluded.duration_ns,
 frames = excluded.frames, bytes = excluded.bytes
RETURNING id`,
		info.Path, string(info.Camera), info.Epoch, string(info.Codec), info.Width, info.Height,
		int64(info.FirstSeq), int64(info.LastSeq), int64(info.FirstStored), int64(info.LastStored),
		start, end, until, int64(info.Duration), int64(info.Frames), info.Bytes).Scan(&id)
	if err == nil {
		err = t.exec(ctx, `DELETE FROM gaps WHERE segment = ?`, id)
	}
	for _, gap := range info.Gaps {
		if err == nil {
			err = t.addGap(ctx, info.Camera, gap, sql.NullInt64{Int64: id, Valid: true})
		}
	}
	if err != nil {
		return fmt.Errorf("note segment %s: %w", info.Path, explain(err))
	}
	return nil
}

// AddGap notes a gap that is in no segment: one that no frame has ended yet, or that was computed.
// One gap from the same moment to the same moment is kept, the last one that was noted.
func (t *Tx) AddGap(ctx context.Context, camera frame.CameraID, gap frame.Gap) error {
	_, err := frame.ParseCameraID(string(camera))
	if err == nil {
		err = t.addGap(ctx, camera, gap, sql.NullInt64{})
	}
	if err != nil {
		return fmt.Errorf("note a gap of camera %s: %w", camera, explain(err))
	}
	return nil
}

func (t *Tx) addGap(ctx context.Context, camera frame.CameraID, gap frame.Gap, owner sql.NullInt64) error {
	t.changes(camera)
	from := nanos(gap.From)
	return t.exec(ctx, `INSERT OR REPLACE INTO gaps (camera, segment, start_ns, until_ns, missing, reason) VALUES (?, ?, ?, ?, ?, ?)`,
		string(camera), owner, from, max(from, nanos(gap.To)), int64(gap.Missing), string(gap.Reason))
}

// Remove is [Index.Remove] as a part of a larger change.
func (t *Tx) Remove(ctx context.Context, path string) (was segment.Info, ok bool, err error) {
	failed := func(err error) (segment.Info, bool, error) {
		return segment.Info{}, false, fmt.Errorf("forget segment %s: %w", path, explain(err))
	}
	rows, err := t.tx.QueryContext(ctx, `SELECT `+columns+` FROM segments WHERE path = ?`, path)
	if err != nil {
		return failed(err)
	}
	found, err := collect(rows, scanSegment)
	if err != nil {
		return failed(err)
	}
	if len(found) == 0 {
		return segment.Info{}, false, nil
	}
	was = found[0]
	t.changes(was.Camera)
	rows, err = t.tx.QueryContext(ctx, `SELECT start_ns, until_ns, missing, reason FROM gaps
WHERE segment = (SELECT id FROM segments WHERE path = ?) ORDER BY start_ns, until_ns`, path)
	if err != nil {
		return failed(err)
	}
	if was.Gaps, err = collect(rows, scanGap); err != nil {
		return failed(err)
	}
	err = t.exec(ctx, `DELETE FROM segments WHERE path = ?`, path)
	if err == nil {
		err = t.exec(ctx, `DELETE FROM gaps WHERE camera = ?1 AND segment IS NULL
AND until_ns <= coalesce((SELECT min(start_ns) FROM segments WHERE camera = ?1), until_ns)`, string(was.Camera))
	}
	if err != nil {
		return failed(err)
	}
	return was, true, nil
}

func (t *Tx) exec(ctx context.Context, statement string, args ...any) error {
	_, err := t.tx.ExecContext(ctx, statement, args...)
	return err
}

// checkPath takes closed segments of the camera only: files are removed by these paths.
func checkPath(camera frame.CameraID, path string) error {
	name, err := segment.ParsePath(path)
	if err != nil {
		return err
	}
	if name.Camera != camera || name.State != segment.StateWhole {
		return fmt.Errorf("%s is no closed segment of camera %s", path, camera)
	}
	return nil
}

// nanos is t in Unix nanoseconds, at the ends of the range for what is out of it.
func nanos(t time.Time) int64 {
	switch {
	case t.Before(time.Unix(0, 0)):
		return 0
	case t.After(time.Unix(0, math.MaxInt64)):
		return math.MaxInt64
	}
	return t.UnixNano()
}
