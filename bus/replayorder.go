package bus

import (
	"time"

	"github.com/lensbus/lensbus/frame"
)

// replayOrder is what a replay holds the recorder to where somebody has a key: frames of the time that was
// asked for, in order, each once, and a word about those that are missing. Number, epoch and time of an
// opened frame are the camera's own.
type replayOrder struct {
	from, to time.Time // zero: no bound
	all      bool      // no frames are left out on purpose
	epochs   map[string]*epochOrder
	last     *frame.Frame // without Data; nil before the first
}

// epochOrder is which frames of an epoch have come.
type epochOrder struct {
	runs []seqRun // the last one goes on
	// The one that was captured first.
	seq      uint64
	captured time.Time
}

// seqRun is frames that came in order.
type seqRun struct{ first, last uint64 }

// What is remembered. An honest recorder has never so many in one replay.
const (
	mostEpochs = 1 << 14
	mostRuns   = 64
)

// take says whether a frame may come now. Where it may, gap is what is missing before it beyond the gaps that
// were told; of no reason: nothing.
func (o *replayOrder) take(f *frame.Frame, told []frame.Gap) (gap frame.Gap, ok bool) {
	if f.Captured.Before(o.from) || !o.to.IsZero() && !f.Captured.Before(o.to) {
		return gap, false
	}
	epoch, known := o.epochs[f.Epoch]
	switch {
	case !known && len(o.epochs) == mostEpochs:
		return gap, false
	case !known:
		if o.epochs == nil {
			o.epochs = make(map[string]*epochOrder)
		}
		o.epochs[f.Epoch] = &epochOrder{runs: []seqRun{{f.Seq, f.Seq}}, seq: f.Seq, captured: f.Captured}
	case !epoch.take(f):
		return gap, false
	}
	if o.last != nil && o.all {
		gap = untold(o.last, f, told)
	}
	last := *f
	last.Data = nil
	o.last = &last
	return gap, true
}

// take says whether a frame may come after those before it. Numbers go up, but where the camera's clock was
// put back: what is recorded is in order of time, so that of an hour that is there twice the later numbers may
// come first. That is so where a later number has an earlier time, which nobody but the camera can have
// written.
func (e *epochOrder) take(f *frame.Frame) bool {
	for _, r := range e.runs {
		if f.Seq >= r.first && f.Seq <= r.last {
			return false
		}
	}
	if last := &e.runs[len(e.runs)-1]; f.Seq > last.last {
		last.last = f.Seq
	} else {
		if f.Seq > e.seq || !f.Captured.After(e.captured) || len(e.runs) == mostRuns {
			return false
		}
		e.runs = append(e.runs, seqRun{f.Seq, f.Seq})
	}
	if f.Captured.Before(e.captured) {
		e.seq, e.captured = f.Seq, f.Captured
	}
	return true
}

// untold is what is missing between two frames and not in the gaps that were told.
func untold(last, next *frame.Frame, told []frame.Gap) frame.Gap {
	gap := frame.Gap{From: last.Captured, To: next.Captured, Reason: frame.GapUnknown}
	if gap.To.Before(gap.From) { // the camera's clock was put back
		gap.From = gap.To
	}
	switch {
	case last.Epoch != next.Epoch && len(told) == 0: // how many is not known
		return gap
	case last.Epoch != next.Epoch || next.Seq <= last.Seq:
		return frame.Gap{}
	}
	gap.Missing = next.Seq - last.Seq - 1
	for _, t := range told {
		if t.Missing == 0 && t.Reason != frame.GapCamera || t.Missing >= gap.Missing { // the first: of an unknown number
			return frame.Gap{}
		}
		gap.Missing -= t.Missing
	}
	if gap.Missing == 0 {
		return frame.Gap{}
	}
	return gap
}
