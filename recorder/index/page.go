package index

import (
	"context"
	"fmt"
	"time"

	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/recorder/segment"
)

// queryPage is querySegments from a place on.
const queryPage = `SELECT ` + columns + ` FROM segments
 WHERE camera = ?1 AND start_ns >= max(?2 - ` + long + `, ?4, 0) AND start_ns < ?3
 AND (until_ns > ?2 OR start_ns >= ?2) AND until_ns - start_ns <= ` + long + ` AND (start_ns > ?4 OR path > ?5)
 UNION ALL SELECT ` + columns + ` FROM segments INDEXED BY segments_long
 WHERE camera = ?1 AND until_ns - start_ns > ` + long + ` AND start_ns >= ?4 AND start_ns < ?3
 AND until_ns > ?2 AND (start_ns > ?4 OR path > ?5)
 ORDER BY start_ns, path LIMIT ?6`

// Page returns those of what [Index.Segments] returns that come after one of them, at most so many: there may be
// very many. The zero one is before all.
func (x *Index) Page(ctx context.Context, camera frame.CameraID, from, to time.Time, after segment.Info, most int) ([]segment.Info, error) {
	first, last := stretch(from, to)
	infos, err := query(ctx, x.read, scanSegment, queryPage, string(camera), first, last, nanos(after.Start), after.Path, most)
	if err != nil {
		return nil, fmt.Errorf("ask the index for segments of camera %s: %w", camera, err)
	}
	return infos, nil
}
