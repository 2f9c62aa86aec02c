package web

import (
	"context"
	"time"
)

// command does what the client says.
func (v *replayViewer) command(ctx context.Context, m clientMessage, now time.Time) {
	v.re = m.ID
	switch m.Type {
	case "pause":
		v.stand(now)
	case "play":
		v.play(m, now)
	case "speed":
		v.head.setSpeed(m.Speed, now)
		// A source that leaves out as many frames as the other speed needs is of no use.
		if v.source != nil && v.source.every != every(m.Speed) {
			v.drop()
		}
	case "seek":
		at, _ := atMillis(*m.Position) // parseClientMessage has checked
		v.seek(at, now)
	case "step":
		v.step(ctx, m.Frames, now)
	}
}

// play goes on; where the client says from where, its clock holds: it keeps several cameras in step.
func (v *replayViewer) play(m clientMessage, now time.Time) {
	v.stopLooking()
	if m.Position != nil {
		at, _ := atMillis(*m.Position) // parseClientMessage has checked
		if ahead := at.Sub(v.mark); ahead > time.Duration(float64(farBehind)*max(v.head.speed, 1)) && v.pending == nil || ahead < -farBehind {
			v.drop() // far from what is being read
			v.mark = at
		}
		v.head.set(at, now)
		v.hold = false
	}
	v.head.play(now)
	if v.source != nil && v.source.every != every(v.head.speed) {
		v.drop() // it was for steps
	}
	v.retry = time.Time{}
}

// seek goes to a moment: the first picture at or after it is shown, then the clock goes on.
func (v *replayViewer) seek(at, now time.Time) {
	v.stopLooking()
	v.drop()
	v.mark, v.last, v.behind = at, time.Time{}, nil
	v.finding, v.hold, v.atEnd, v.steps = true, true, false, 0
	v.gap, v.stood = nil, now
	v.head.set(at, now)
}

// step stands still and shows the next picture or the one before.
func (v *replayViewer) step(ctx context.Context, frames int, now time.Time) {
	v.stand(now)
	if frames > 0 {
		v.stopLooking()
		if v.source != nil && v.source.every > 0 {
			v.drop() // it leaves out what would be next
		}
		v.steps = min(v.steps+1, mostSteps)
		return
	}
	v.backs = min(v.backs+1, mostBehind)
	if v.looking != nil {
		return
	}
	v.drop()
	v.finding, v.hold, v.steps = false, false, 0
	if len(v.behind) > 0 {
		v.back()
		return
	}
	before := v.last
	if before.IsZero() {
		before = v.head.position
	}
	looking, cancel := context.WithCancel(ctx)
	v.looking, v.looked = cancel, make(chan lookedBack, 1)
	go func(answer chan<- lookedBack) {
		frames, err := lookBack(looking, v.server.bus, v.id, before)
		answer <- lookedBack{frames, err}
	}(v.looked)
}

// stopLooking forgets steps back that have not been taken.
func (v *replayViewer) stopLooking() {
	v.backs = 0
	if v.looking == nil {
		return
	}
	v.looking()
	<-v.looked
	v.looking, v.looked = nil, nil
}

// found takes what came before.
func (v *replayViewer) found(l lookedBack) error {
	v.looking()
	v.looking, v.looked = nil, nil
	if l.err != nil {
		v.backs = 0
		_, reason := v.server.recorderStatus(v.id, l.err)
		return v.tell(reason)
	}
	v.behind = l.frames
	if len(v.behind) == 0 {
		v.backs = 0
		return v.state(replayState{Type: "state", Re: v.re, Speed: v.head.speed, Begin: true, Position: v.positionMillis()})
	}
	v.back()
	return nil
}

// back makes the pending picture the one as many steps back as are wanted, or the first that is known.
func (v *replayViewer) back() {
	n := min(v.backs, len(v.behind))
	v.backs = 0
	at := len(v.behind) - n
	v.pending = &replayItem{frame: v.behind[at], back: true}
	v.behind = v.behind[:at]
	v.steps = 1
	v.atEnd = false
}
