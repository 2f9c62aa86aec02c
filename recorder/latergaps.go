package recorder

import (
	"context"
	"slices"
	"time"

	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/recorder/segment"
)

// held are the numbers of frames that are in segments, by epoch. Those that are missing within one are its own
// gaps.
type held map[string]runs

func holding(infos []segment.Info) held {
	h := make(held)
	for _, i := range infos {
		h.add(i)
	}
	return h
}

// heldByCamera is what segments hold: those of rows that are not forgotten, and more.
func heldByCamera(rows map[string]segment.Info, forgotten, more []segment.Info) map[frame.CameraID]held {
	all := make(map[frame.CameraID]held)
	add := func(i segment.Info) {
		if all[i.Camera] == nil {
			all[i.Camera] = make(held)
		}
		all[i.Camera].add(i)
	}
	gone := make(map[string]bool)
	for _, i := range slices.Concat(forgotten, more) { // more may have grown or shrunk
		gone[i.Path] = true
	}
	for path, i := range rows {
		if !gone[path] {
			add(i)
		}
	}
	for _, i := range more {
		add(i)
	}
	return all
}

func (h held) add(i segment.Info) {
	if i.Frames > 0 && i.FirstSeq <= i.LastSeq {
		h[i.Epoch] = h[i.Epoch].with(run{i.FirstSeq, i.LastSeq})
	}
}

// absent is how many of the numbers from first to last are in no segment.
func (h held) absent(epoch string, first, last uint64) uint64 {
	n := last - first + 1
	all := h[epoch]
	for i := all.find(first); i < len(all) && all[i].first <= last; i++ {
		n -= min(all[i].last, last) - max(all[i].first, first) + 1
	}
	return n
}

// laterGap says what is missing between two frames that follow each other in time, in files, where no gap was
// noted. Whoever recorded them has noted what was missing then, so it is what has become of files since: no reason
// that only the stream knew, and no silence. Numbers that are in other segments are no hole: the publisher's clock
// was set, so that what follows in time is not what was recorded next.
func laterGap(prev, next edge, elsewhere held) (gap frame.Gap, ok bool) {
	gap = stretch(prev, next)
	gap.Reason = frame.GapUnknown
	var between uint64 // messages in the stream
	numbered := prev.stored > 0 && next.stored > prev.stored
	if numbered {
		between = next.stored - prev.stored - 1
	}
	if prev.epoch != next.epoch {
		switch {
		case next.seq > 1 && elsewhere[next.epoch].has(next.seq-1):
			return frame.Gap{}, false
		case next.seq <= 1 && between == 0:
			gap.Reason = frame.GapCamera
		default:
			gap.Missing = between
		}
		return gap, true
	}
	if next.seq <= prev.seq || next.seq == prev.seq+1 {
		return frame.Gap{}, false
	}
	gap.Missing = elsewhere.absent(next.epoch, prev.seq+1, next.seq-1)
	if numbered && between == 0 { // the stream never had them
		gap.Reason = frame.GapUnstored
	}
	return gap, gap.Missing > 0
}

// astray is by how much a clock may have been set where segments are looked for that are not where they belong.
const astray = 25 * time.Hour

// laterGap is what is missing before a frame in a file, where nothing was noted with it; inside says that the one
// before it is in the same file: then what is missing is in no other.
func (w *walker) laterGap(ctx context.Context, next edge, inside bool) (frame.Gap, bool) {
	if inside {
		return laterGap(w.last, next, nil)
	}
	gap, ok := laterGap(w.last, next, nil)
	if ok || w.shelf != nil { // without an index it is found out here
		for _, told := range w.gapsWithin(ctx, stretch(w.last, next).From, next.captured) {
			if told.To.Equal(next.captured) {
				return told, true
			}
		}
	}
	if !ok {
		return gap, false
	}
	infos, err := w.files(ctx, gap.From.Add(-astray), gap.To.Add(astray))
	if err != nil {
		w.log.Warn("what is missing may be in other segments", "camera", w.id, "error", err)
	}
	return laterGap(w.last, next, holding(infos))
}

// gapsWithin are the gaps that are known and reach into a stretch of time, whole; a zero from or to is no bound.
func (a *archive) gapsWithin(ctx context.Context, from, to time.Time) []frame.Gap {
	if a.gaps == nil {
		return nil
	}
	if !to.IsZero() {
		to = to.Add(1) // the end is included
	}
	gaps, err := a.gaps(ctx, from, to)
	if err != nil {
		a.log.Warn("gaps cannot be told", "camera", a.id, "error", err)
	}
	now, _ := a.writing()
	for _, info := range a.fresh(now) { // whose gaps come into the index with them
		for _, g := range info.Gaps {
			if within(g.From, g.To, frame.RangesRequest{From: from, To: to}) {
				gaps = append(gaps, g)
			}
		}
	}
	return gaps
}

// untold are the gaps that reach into a stretch of time of which nothing is given, but for those that are told
// already. A zero from or to is no bound.
func untold(all []frame.Gap, from, to time.Time, told []frame.Gap) []frame.Gap {
	return slices.DeleteFunc(slices.Clone(all), func(g frame.Gap) bool {
		return !from.IsZero() && !g.To.After(from) || !to.IsZero() && !g.From.Before(to) ||
			slices.ContainsFunc(told, func(t frame.Gap) bool { return t.From.Equal(g.From) && t.To.Equal(g.To) })
	})
}
