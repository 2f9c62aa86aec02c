package web

import (
	"context"
	"encoding/json"
	"io"
	"time"

	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
)

const (
	// nearby is how far from where the client is a picture may be to count as one of that moment.
	nearby = 2 * time.Second
	// lateFrame is when a frame that is late gives way to the next, where that is there.
	lateFrame = 100 * time.Millisecond
	// farBehind is how late frames may be before the rest is left out and read from the playhead on.
	farBehind = 3 * time.Second
	// idleSource is how long a replay that stands still keeps its recorder.
	idleSource = 20 * time.Second
	// mostFailures is how often in a row a recorder may go away before the replay stands still.
	mostFailures = 3
	mostSteps    = 8 // forward, that wait
)

// replayViewer sends one client recorded pictures, when the playhead gets to them. All of it but the
// sources belongs to run.
type replayViewer struct {
	*client
	server   *Server
	id       frame.CameraID
	asked    replayAsked
	commands <-chan clientMessage

	head playhead
	mark time.Time // the first moment that has not been sent
	last time.Time // of the picture that was sent last; zero: none since the last seek

	source  *replaySource // nil: none is needed now, or it has ended
	reaped  *replaySource // the one before, which may still be ending
	ended   error         // why the source has ended
	pending *replayItem   // the next to be sent
	ahead   *replayItem   // the one after, where pending is due and the client is busy
	behind  []frame.Frame // right before last, for steps back

	finding bool // no picture of where the client wants to be has come yet
	hold    bool // until one does, the clock waits
	told    bool // that pending is far off
	steps   int  // pictures to be sent whatever the clock says
	backs   int  // steps back that wait for looking back
	looking context.CancelFunc
	looked  chan lookedBack

	re       uint64 // the newest command
	gap      *frame.Gap
	skipped  uint64
	atEnd    bool // the client knows
	follow   bool // the end was reached: new frames are waited for
	failures int
	retry    time.Time // no new source before
	caught   time.Time // when the rest was left out last
	stood    time.Time // since when it stands still
}

// lookedBack is what lookBack found.
type lookedBack struct {
	frames []frame.Frame
	err    error
}

func newReplayViewer(s *Server, id frame.CameraID, c *client, asked replayAsked, commands <-chan clientMessage) *replayViewer {
	now := time.Now()
	v := &replayViewer{client: c, server: s, id: id, asked: asked, commands: commands, stood: now}
	v.head = playhead{position: asked.from, since: now, speed: asked.speed, playing: !asked.paused}
	v.mark, v.finding, v.hold = asked.from, true, true
	return v
}

// close ends what is read for the client and waits for it.
func (v *replayViewer) close() {
	if v.looking != nil {
		v.looking()
		<-v.looked
	}
	v.source.stop()
	v.reaped.stop()
}

// run serves the client; first is the replay that is open already, or nil where nothing is recorded.
func (v *replayViewer) run(ctx context.Context, first *bus.Replay) error {
	if first != nil {
		o := sourceOptions(v.asked.from, v.asked.to, false, v.head.speed)
		v.source = startSource(ctx, v.server.bus, v.id, o, first, nil)
	} else {
		v.ended = io.EOF
	}
	if err := v.tell(""); err != nil {
		return err
	}
	stall := time.NewTicker(v.socket.stall / 4)
	defer stall.Stop()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		sent, err := v.advance(ctx)
		if err != nil {
			return err
		}
		if sent {
			continue
		}
		timer.Reset(v.wake(time.Now()))
		select {
		case <-ctx.Done():
			return ctx.Err()
		case n := <-v.acks:
			v.acked(n)
		case t := <-v.times:
			err = v.text(appendTimeMessage(v.buf[:0], t, time.Now()))
		case m := <-v.commands:
			for more := true; more; { // of many that wait, only what they come to counts
				v.command(ctx, m, time.Now())
				select {
				case m = <-v.commands:
				default:
					more = false
				}
			}
			err = v.tell("")
		case item := <-v.wanted():
			err = v.take(item, time.Now())
		case found := <-v.looked:
			err = v.found(found)
		case <-timer.C:
		case now := <-stall.C:
			v.rest(now)
			err = v.stalled(now)
		}
		if err != nil {
			return err
		}
	}
}

// advance does what is to be done now: it sends the pending picture where it is time, and sees to it
// that there is a source where one is needed. It says whether it sent one.
func (v *replayViewer) advance(ctx context.Context) (sent bool, err error) {
	now := time.Now()
	if err := v.finish(now); err != nil {
		return false, err
	}
	v.supply(ctx, now)
	if v.pending == nil {
		return false, nil
	}
	if v.ahead != nil && v.isDue(v.ahead, now) {
		v.overtake()
	}
	if v.steps == 0 && !v.isDue(v.pending, now) {
		return false, nil
	}
	if !v.window.open() {
		v.window.wait()
		return false, nil
	}
	if v.steps == 0 && v.late(now) {
		return true, nil // once more
	}
	return true, v.send(now)
}

func (v *replayViewer) isDue(item *replayItem, now time.Time) bool {
	return v.head.playing && !v.hold && !now.Before(v.head.due(item.frame.Captured))
}

// overtake leaves the pending picture out for the one after it.
func (v *replayViewer) overtake() {
	v.noteGap(v.pending.gap)
	v.pending, v.ahead = v.ahead, nil
	v.skipped++
	v.count.skip(1)
}

// late sees to a pending picture that is late: it says whether that has been left out.
func (v *replayViewer) late(now time.Time) bool {
	late := now.Sub(v.head.due(v.pending.frame.Captured))
	if late < lateFrame || v.source == nil {
		return false
	}
	if late > farBehind && now.Sub(v.caught) > farBehind {
		v.caught = now
		v.drop()
		v.mark = v.head.at(now)
		return true
	}
	if v.ahead == nil {
		select {
		case item := <-v.source.items:
			if item.err != nil {
				v.sourceEnded(item.err)
				return false
			}
			v.ahead = &item
		default:
			return false
		}
	}
	if !v.isDue(v.ahead, now) {
		return false
	}
	v.overtake()
	return true
}

// wake is how long nothing has to be done.
func (v *replayViewer) wake(now time.Time) time.Duration {
	const longest = time.Minute
	wait := longest
	for _, item := range []*replayItem{v.pending, v.ahead} {
		// What is due already waits for the client.
		if item != nil && v.head.playing && !v.hold && !v.isDue(item, now) {
			wait = min(wait, v.head.due(item.frame.Captured).Sub(now))
		}
	}
	if v.source == nil && v.needs() {
		wait = min(wait, v.retry.Sub(now))
	}
	return max(wait, 0)
}

// stand stops the clock.
func (v *replayViewer) stand(now time.Time) {
	v.head.pause(now)
	v.stood = now
}

func (v *replayViewer) noteGap(gap *frame.Gap) {
	if gap != nil {
		v.gap = gap
	}
}

// send sends the pending picture.
func (v *replayViewer) send(now time.Time) error {
	item := v.pending
	v.pending, v.ahead, v.told = v.ahead, nil, false
	if v.steps > 0 {
		v.steps--
	}
	if !item.back {
		v.behind = nil // what was right before another picture
	}
	f := &item.frame
	v.noteGap(item.gap)
	v.last, v.mark = f.Captured, f.Captured.Add(time.Nanosecond)
	if !v.head.playing {
		v.head.set(f.Captured, now)
		v.stood = now
	}
	v.buf = appendRecordedMessage(v.buf[:0], recordedFrame{f, v.n + 1, v.re, v.skipped, v.gap}, now)
	v.gap = nil
	if err := v.picture(v.buf, f.Data, now, now); err != nil {
		return err
	}
	if v.pending != nil {
		return v.arrive(now)
	}
	return nil
}

// tell sends the state; reason is what went wrong, or empty.
func (v *replayViewer) tell(reason string) error {
	return v.state(replayState{
		Type: "state", Re: v.re, Playing: v.head.playing, Speed: v.head.speed, Position: v.positionMillis(),
		End: v.atEnd, Error: reason,
	})
}

// positionMillis is where the client is; 0 where that is not known yet.
func (v *replayViewer) positionMillis() float64 {
	position := v.head.position
	if !v.hold {
		position = v.head.at(time.Now())
	}
	if position.IsZero() {
		return 0
	}
	return float64(position.UnixMicro()) / 1e3
}

func (v *replayViewer) state(s replayState) error {
	data, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return v.text(data)
}
