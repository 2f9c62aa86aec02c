package index

import (
	"context"
	"fmt"
	"slices"
	"sort"
	"time"

	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/recorder/segment"
)

// Between looks for gaps between the segments of a camera: it calls gap for each two that follow
// each other, unless a gap is noted in the second that ends where that one starts, and notes what it
// answers. All gaps of the camera that are in no segment go first.
//
// Damage that was noted stays the reason, also of a gap that is only a piece of that: what can be computed
// later is only that frames are missing.
func (t *Tx) Between(ctx context.Context, camera frame.CameraID, gap func(prev, next segment.Info) (frame.Gap, bool)) error {
	failed := func(err error) error {
		return fmt.Errorf("look for gaps of camera %s: %w", camera, explain(err))
	}
	t.changes(camera)
	rows, err := t.tx.QueryContext(ctx, `SELECT start_ns, until_ns, missing, reason FROM gaps WHERE camera = ? AND segment IS NULL`, string(camera))
	if err != nil {
		return failed(err)
	}
	old, err := collect(rows, scanGap)
	if err != nil {
		return failed(err)
	}
	damage := newDamage(old)
	if err := t.exec(ctx, `DELETE FROM gaps WHERE camera = ? AND segment IS NULL`, string(camera)); err != nil {
		return failed(err)
	}
	rows, err = t.tx.QueryContext(ctx, `SELECT `+columns+`,
 EXISTS (SELECT 1 FROM gaps WHERE gaps.segment = segments.id AND gaps.until_ns = segments.start_ns)
 FROM segments WHERE camera = ? ORDER BY start_ns, path`, string(camera))
	if err != nil {
		return failed(err)
	}
	type row struct {
		info  segment.Info
		noted bool
	}
	all, err := collect(rows, func(scan func(...any) error) (r row, err error) {
		r.info, err = scanSegment(func(into ...any) error { return scan(append(into, &r.noted)...) })
		return r, err
	})
	if err != nil {
		return failed(err)
	}
	for i := 1; i < len(all); i++ {
		if all[i].noted {
			continue
		}
		g, ok := gap(all[i-1].info, all[i].info)
		if !ok {
			continue
		}
		if damage.has(g) {
			g.Reason = frame.GapDamage
		}
		if err := t.AddGap(ctx, camera, g); err != nil {
			return err
		}
	}
	return nil
}

// damage is gaps of that reason, by From.
type damage []struct {
	from  time.Time
	until time.Time // up to where those go that begin up to from
}

func newDamage(gaps []frame.Gap) damage {
	gaps = slices.DeleteFunc(gaps, func(g frame.Gap) bool { return g.Reason != frame.GapDamage })
	slices.SortFunc(gaps, func(a, b frame.Gap) int { return a.From.Compare(b.From) })
	d := make(damage, len(gaps))
	for i, g := range gaps {
		d[i].from, d[i].until = g.From, g.To
		if i > 0 && d[i-1].until.After(g.To) {
			d[i].until = d[i-1].until
		}
	}
	return d
}

// has says whether a gap is one of them, or within one.
func (d damage) has(g frame.Gap) bool {
	after := sort.Search(len(d), func(i int) bool { return d[i].from.After(g.From) })
	return after > 0 && !d[after-1].until.Before(g.To)
}
