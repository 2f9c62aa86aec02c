package recorder

import (
	"context"
	"slices"
	"time"

	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/recorder/index"
	"github.com/lensbus/lensbus/recorder/segment"
)

// harm is what files have lost of a camera since they were written, as a start finds it. What the stream still
// has of it is recorded again; the rest is a gap.
type harm struct {
	// after is the number in the stream of the last frame before what was lost first. known says whether it is.
	after uint64
	known bool
	lost  []time.Time // when frames begin that are lost
	gaps  uint64      // of the reason damage that are noted now and were not before
}

// from makes what comes after a number be recorded again.
func (h *harm) from(after uint64) {
	if !h.known || after < h.after {
		h.after, h.known = after, true
	}
}

// harmed compares what is in files with what their rows say.
func harmed(found found, rows map[string]segment.Info, unreadable lost) map[frame.CameraID]*harm {
	all := make(map[frame.CameraID]*harm)
	of := func(camera frame.CameraID) *harm {
		if all[camera] == nil {
			all[camera] = new(harm)
		}
		return all[camera]
	}
	for camera, starts := range unreadable {
		of(camera).lost = slices.Clone(starts)
	}
	for _, e := range found.empty {
		if row, known := rows[e.Path]; known {
			of(e.Camera).from(max(row.FirstStored, 1) - 1)
		}
	}
	for _, info := range found.infos {
		row, known := rows[info.Path]
		if !known || info.Frames >= row.Frames {
			continue
		}
		h := of(info.Camera)
		if info.LastSeq < row.LastSeq { // what was behind it was cut off
			h.lost = append(h.lost, info.End)
			h.from(info.LastStored)
		}
		if slices.ContainsFunc(info.Gaps, func(g frame.Gap) bool { return g.Reason == frame.GapDamage }) {
			h.from(max(row.FirstStored, 1) - 1)
		}
	}
	return all
}

// damageIn are the gaps of a camera that are noted as damage.
func damageIn(ctx context.Context, x *index.Index, camera frame.CameraID) ([]frame.Gap, error) {
	gaps, err := x.Gaps(ctx, camera, time.Time{}, time.Time{})
	return slices.DeleteFunc(gaps, func(g frame.Gap) bool { return g.Reason != frame.GapDamage }), err
}

func (d *Reindexed) harmOf(camera frame.CameraID) *harm {
	if d.harm[camera] == nil {
		d.harm[camera] = new(harm)
	}
	return d.harm[camera]
}

// countDamage counts the gaps of cameras that are noted as damage, and were not before.
func (d *Reindexed) countDamage(ctx context.Context, x *index.Index, before map[frame.CameraID][]frame.Gap) error {
	for camera, was := range before {
		now, err := damageIn(ctx, x, camera)
		if err != nil {
			return err
		}
		old := make(map[[2]int64]bool, len(was))
		for _, g := range was {
			old[[2]int64{g.From.UnixNano(), g.To.UnixNano()}] = true
		}
		for _, g := range now {
			if old[[2]int64{g.From.UnixNano(), g.To.UnixNano()}] {
				continue
			}
			d.harmOf(camera).gaps++
		}
	}
	return nil
}

// lost is where files are that nothing can be read from.
type lost map[frame.CameraID][]time.Time

func lostFiles(bad []BadFile) lost {
	l := lost{}
	for _, b := range bad {
		if name, err := segment.ParsePath(b.Path); err == nil {
			l[name.Camera] = append(l[name.Camera], name.Start)
		}
	}
	return l
}

// within says whether one of them begins in a gap: then that is why frames are missing.
func (l lost) within(camera frame.CameraID, gap frame.Gap) bool {
	return slices.ContainsFunc(l[camera], func(start time.Time) bool {
		return !start.Before(gap.From) && !start.After(gap.To)
	})
}

// gapBetween says what is missing between two segments, where nothing was noted; elsewhere is what all segments of
// their camera hold.
func (l lost) gapBetween(elsewhere held) func(prev, next segment.Info) (frame.Gap, bool) {
	return func(prev, next segment.Info) (frame.Gap, bool) {
		gap, ok := laterGap(lastEdge(prev), firstEdge(next), elsewhere)
		if ok && l.within(next.Camera, gap) {
			gap.Reason = frame.GapDamage
		}
		return gap, ok
	}
}

// harmLeft is what is left of it when the camera ends, for when it is recorded once more: what is counted is not
// counted again.
func (c *camera) harmLeft() *harm {
	h := c.harm
	h.lost = c.lost[c.id]
	if !c.idle {
		h.gaps = 0
	}
	return &h
}

// recordedAgain notes that what was lost has been recorded again, as far as the stream had it.
func (c *camera) recordedAgain(ctx context.Context) {
	c.harm.known = false
	if err := c.r.index.RecordedAgain(context.WithoutCancel(ctx), c.id); err != nil {
		c.log.Warn("the next start looks once more for what files have lost", "error", err)
	}
}

// rejoin has the gaps between the camera's segments looked for again: frames that were lost have come into
// segments of their own.
func (c *camera) rejoin(ctx context.Context) {
	infos, err := c.r.index.Segments(ctx, c.id, time.Time{}, time.Time{})
	if err == nil {
		err = c.r.index.Update(context.WithoutCancel(ctx), func(t *index.Tx) error {
			return t.Between(ctx, c.id, c.lost.gapBetween(holding(infos)))
		})
	}
	if err != nil {
		c.log.Warn("gaps are told that may have been filled meanwhile", "error", err)
	}
}
