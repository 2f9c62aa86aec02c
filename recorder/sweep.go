package recorder

import (
	"context"
	"fmt"
	"time"

	"github.com/lensbus/lensbus/frame"
)

// How often retention looks: as a rule, and while recording waits for room. When a write has failed
// it looks at once.
const (
	sweepEvery = 5 * time.Second
	sweepFull  = time.Second
)

// sweep removes what is too old or too much, until ctx is done, and stops recording where that does
// not make enough room.
func (r *recorder) sweep(ctx context.Context) {
	cfg := r.config()
	keep := func(id frame.CameraID) Keep { return r.config().keep(id) }
	retention := newRetention(r.folder, r.index, keep, cfg.MinFree.bytes(), r.log)
	retention.asides = &r.asides
	timer := time.NewTimer(sweepEvery)
	defer timer.Stop()
	told := ""
	for {
		r.indexIdle(ctx)
		s, err := retention.Sweep(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil && err.Error() != told:
			told = err.Error()
			r.log.Error("what is too old or too much is not removed", "error", err)
		case err == nil:
			told = ""
		}
		r.noteSweep(s, cfg.MinFree)
		timer.Reset(sweepEvery)
		if r.whyFull() != "" {
			timer.Reset(sweepFull)
		}
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-r.sweeping:
		}
	}
}

// noteSweep decides whether there is room to record.
func (r *recorder) noteSweep(s Sweep, least MinFree) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.removed == nil {
		r.removed = make(map[RemoveReason]Removed)
	}
	for reason, n := range s.Removed {
		all := r.removed[reason]
		r.removed[reason] = Removed{Segments: all.Segments + n.Segments, Bytes: all.Bytes + n.Bytes}
	}
	if s.Room.Total == 0 { // not known: a write that fails says it too
		r.free, r.full = -1, ""
		return
	}
	r.free = s.Room.Free
	want := least.bytes()
	if r.full != "" { // not to begin and stop all the time
		want += want / 8
	}
	r.full = ""
	if s.Short > 0 || want > least.bytes() && r.free < want {
		r.full = fmt.Sprintf("the volume has %d MiB free, min_free keeps %s, and there is nothing left to remove", r.free>>20, least)
	}
}

// sweepNow makes retention look at once.
func (r *recorder) sweepNow() {
	select {
	case r.sweeping <- struct{}{}:
	default: // it is about to
	}
}
