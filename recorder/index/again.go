package index

import (
	"context"
	"fmt"
	"math"

	"github.com/lensbus/lensbus/frame"
)

// tableAgain is of version 1 too, but later than the others: an index without it gets it when it is opened.
const tableAgain = `CREATE TABLE IF NOT EXISTS again (
	camera TEXT PRIMARY KEY,
	after INTEGER NOT NULL -- number in the stream
) STRICT`

// RecordAgain notes that what the stream holds of a camera after a number is to be looked through for what files
// have lost, until [Index.RecordedAgain]: whoever begins with it may be killed before it is done. Of several numbers the
// lowest stays.
func (t *Tx) RecordAgain(ctx context.Context, camera frame.CameraID, after uint64) error {
	err := t.exec(ctx, `INSERT INTO again (camera, after) VALUES (?, ?)
ON CONFLICT (camera) DO UPDATE SET after = min(after, excluded.after)`, string(camera), int64(min(after, math.MaxInt64)))
	if err != nil {
		return fmt.Errorf("note what is to be recorded again of camera %s: %w", camera, explain(err))
	}
	return nil
}

// RecordedAgain notes that it is done.
func (x *Index) RecordedAgain(ctx context.Context, camera frame.CameraID) error {
	return x.Update(ctx, func(t *Tx) error {
		if err := t.exec(ctx, `DELETE FROM again WHERE camera = ?`, string(camera)); err != nil {
			return fmt.Errorf("note what was recorded again of camera %s: %w", camera, explain(err))
		}
		return nil
	})
}

// Again returns the cameras of which something is to be recorded again, and after which number in the stream.
func (x *Index) Again(ctx context.Context) (map[frame.CameraID]uint64, error) {
	failed := func(err error) error {
		return fmt.Errorf("ask the index what is to be recorded again: %w", explain(err))
	}
	rows, err := x.read.QueryContext(ctx, `SELECT camera, after FROM again`)
	if err != nil {
		return nil, failed(err)
	}
	all := make(map[frame.CameraID]uint64)
	_, err = collect(rows, func(scan func(...any) error) (struct{}, error) {
		var name string
		var after int64
		if err := scan(&name, &after); err != nil {
			return struct{}{}, err
		}
		camera, err := parseCamera(name)
		all[camera] = uint64(after)
		return struct{}{}, err
	})
	if err != nil {
		return nil, failed(err)
	}
	return all, nil
}
