package recorder

import (
	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
)

// gapsBefore says what is missing before a frame. follows says whether it may be in one segment with the last
// one: what is between two frames of a segment is in no other.
func (t *tape) gapsBefore(s bus.Stored) (gaps []frame.Gap, follows bool) {
	if t.last.epoch == "" {
		return nil, true
	}
	next, prev := t.edgeOf(s), t.last
	if t.camera.harm.known {
		switch {
		case s.Number > t.from && prev.stored <= t.from && t.front.epoch != "": // no more of what files had lost
			prev = t.front
			defer func() { follows = false }()
		case s.Number <= t.from && next.epoch != prev.epoch && s.Number != prev.stored+1:
			return nil, false // recorded was something else before it; the index knows the gaps
		}
	}
	follows = next.epoch != prev.epoch || next.seq > prev.seq
	if next.epoch == prev.epoch && next.seq != prev.seq+1 {
		// The last one had a number ahead, or these are frames of which the files were lost.
		below := t.camera.known.below(next.epoch, next.seq)
		follows = follows && below <= prev.seq
		switch {
		case t.before.epoch == next.epoch && t.before.seq < next.seq && t.before.seq >= below:
			prev = t.before
		case !follows:
			return nil, false // other files have what is before it; the index knows their gaps
		}
	}
	if s.Restarted {
		prev.stored = 0 // it is a number of another stream
	}
	gap, ok := gapBetween(prev, next, t.interval)
	if !ok {
		return nil, follows
	}
	if gap.Reason == frame.GapOverrun && next.skipped == prev.skipped { // what was stored between has come
		switch {
		case t.rejected > 0: // and is put aside
			gap.Reason = frame.GapRejected
		case prev != t.last: // with numbers ahead
			prev.stored = next.stored - 1
			gap, _ = gapBetween(prev, next, t.interval)
		}
	}
	if t.camera.lost.within(t.camera.id, gap) {
		gap.Reason = frame.GapDamage
	}
	return []frame.Gap{gap}, follows
}

func (t *tape) edgeOf(s bus.Stored) edge {
	e := edgeOf(s)
	e.skipped = t.skipped
	return e
}

func edgeOf(s bus.Stored) edge {
	return edge{epoch: s.Frame.Epoch, seq: s.Frame.Seq, stored: s.Number, captured: s.Frame.Captured, unsent: s.Frame.Unsent, at: s.At}
}
