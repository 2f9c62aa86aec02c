package web

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/lensbus/lensbus/bus"
)

// Where a replayViewer's pictures come from: when a source is needed, what it gives, and its end.

// needs says whether the next picture is needed.
func (v *replayViewer) needs() bool {
	return v.pending == nil && v.looking == nil && (v.head.playing || v.finding || v.steps > 0)
}

// wanted is where the next picture comes from; nil where none is needed.
func (v *replayViewer) wanted() <-chan replayItem {
	if v.source == nil {
		return nil
	}
	blocked := v.pending != nil && v.ahead == nil && v.steps == 0 && v.isDue(v.pending, time.Now())
	if v.needs() || blocked {
		return v.source.items
	}
	return nil
}

// supply starts a source where one is needed and there is none.
func (v *replayViewer) supply(ctx context.Context, now time.Time) {
	if v.source != nil || v.ended != nil || !v.needs() || now.Before(v.retry) {
		return
	}
	o := sourceOptions(v.mark, v.asked.to, v.follow, v.head.speed)
	if v.steps > 0 {
		o.Every = 0
	}
	v.source = startSource(ctx, v.server.bus, v.id, o, nil, v.reaped)
	v.reaped = nil
}

// drop ends the source without waiting for it; what it had given and was not sent is forgotten.
func (v *replayViewer) drop() {
	if v.source != nil {
		v.source.cancel()
		v.reaped, v.source = v.source, nil
	}
	v.pending, v.ahead, v.ended, v.told = nil, nil, nil, false
	v.follow, v.failures, v.retry = false, 0, time.Time{}
}

// rest gives the recorder back when nothing has been wanted of it for a while.
func (v *replayViewer) rest(now time.Time) {
	if v.head.playing || v.finding || v.steps > 0 || v.source == nil || now.Sub(v.stood) < idleSource {
		return
	}
	v.drop()
}

// take takes what the source gives.
func (v *replayViewer) take(item replayItem, now time.Time) error {
	if item.err != nil {
		v.sourceEnded(item.err)
		return nil
	}
	v.failures, v.ended = 0, nil
	if v.pending != nil {
		v.ahead = &item
		return nil
	}
	v.pending, v.told = &item, false
	if err := v.arrive(now); err != nil {
		return err
	}
	if v.atEnd {
		v.atEnd = false
		return v.tell("")
	}
	return nil
}

// arrive decides about the pending picture where it is the first of where the client wants to be, or
// after a hole.
func (v *replayViewer) arrive(now time.Time) error {
	captured := v.pending.frame.Captured
	if v.finding {
		v.finding = false
		near := v.head.position.IsZero() || captured.Sub(v.head.position) <= nearby
		if v.hold {
			v.hold = false
			v.head.set(v.head.position, now)
			if !v.asked.wait || v.head.position.IsZero() {
				v.head.set(captured, now)
			}
		}
		if near || !v.asked.wait {
			v.steps = max(v.steps, 1)
			return nil
		}
		return v.next()
	}
	if !v.head.playing || v.steps > 0 || v.pending.gap == nil && !v.asked.wait {
		return nil
	}
	if v.head.due(captured).Sub(now) <= nearby {
		return nil
	}
	if v.asked.wait {
		return v.next()
	}
	v.head.set(captured, now)
	return nil
}

// next tells the client when the next picture is, where that is far off.
func (v *replayViewer) next() error {
	if v.told {
		return nil
	}
	v.told = true
	v.buf = appendNextMessage(v.buf[:0], v.re, v.pending.frame.Captured, v.pending.gap)
	return v.text(v.buf)
}

// sourceEnded notes that nothing more comes from the source.
func (v *replayViewer) sourceEnded(err error) {
	v.reaped, v.source, v.ended = v.source, nil, err
}

// finish acts on the end of a source when all that it gave has been sent.
func (v *replayViewer) finish(now time.Time) error {
	if v.ended == nil || v.pending != nil {
		return nil
	}
	err := v.ended
	v.ended = nil
	if errors.Is(err, io.EOF) {
		told := v.atEnd
		v.atEnd, v.steps, v.finding, v.hold = true, 0, false, false
		if !v.head.playing || !v.asked.to.IsZero() {
			told = told && !v.head.playing
			v.stand(now)
		} else { // go on with what comes, when it comes
			if !v.last.IsZero() {
				v.head.set(v.last, now)
			}
			v.finding, v.hold = true, true
			if v.follow {
				v.retry = now.Add(time.Second)
			}
			v.follow = true
		}
		if told {
			return nil
		}
		return v.tell("")
	}
	if gone := errors.Is(err, bus.ErrInterrupted) || errors.Is(err, bus.ErrNoRecorder); gone && v.failures < mostFailures {
		v.failures++
		v.retry = now.Add(time.Duration(v.failures) * time.Second / 2)
		return nil
	}
	v.finding, v.hold, v.steps, v.failures = false, false, 0, 0
	v.stand(now)
	_, reason := v.server.recorderStatus(v.id, err)
	return v.tell(reason)
}
