package recorder

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/recorder/segment"
)

// State is how a camera's recording is. It is a label in metrics.
type State string

// The states of a camera's recording.
const (
	StateWaiting   State = "waiting"   // there is nothing to record: no stream, or no connection
	StateRecording State = "recording" // what comes is written
	StateBlocked   State = "blocked"   // the broker does not give the frames: a right is missing
	StateStopped   State = "stopped"   // the disk does not take them: they wait in the stream
)

// states are all of them.
func states() []State { return []State{StateWaiting, StateRecording, StateBlocked, StateStopped} }

// camera records one camera.
type camera struct {
	r    *recorder
	id   frame.CameraID
	log  *slog.Logger
	idle bool   // it is not recorded: what there is of it is served
	end  func() // ends it and waits

	hearsay bool // it was only heard: nobody has seen a stream of it. Run's goroutine's.

	known known // the frames that are in files, or on their way there

	// left are segments that could not be closed in order, and lost is when those began of them that were
	// put aside. They are the recording goroutine's.
	left []stuckPart
	lost lost
	harm harm // that the start has found, or was left when the camera ended; known is, until it is recorded again
	rows rowsDue

	mu      sync.Mutex
	state   State
	reason  string
	now     segment.Info // that is being written, as far as it is on disk; no frames: none is
	newest  segment.Info // closed, that was written last; no frames: not known
	counts  counts
	pending uint64    // messages that are in the stream and not on disk
	since   time.Time // when the broker stored the newest frame that is on disk
	flushed time.Time // since when the disk has been taking a part; zero: it is not
}

// stuckAfter is how long the disk may take for a part without a word.
const stuckAfter = 10 * time.Second

// counts are a camera's numbers since the recorder began.
type counts struct {
	frames, bytes, segments, duplicates, failures uint64
	gaps                                          map[frame.GapReason]uint64
	quarantined                                   map[frame.Reason]uint64
}

func newCamera(r *recorder, id frame.CameraID) *camera {
	c := &camera{
		r: r, id: id, log: r.log.With("camera", id), state: StateWaiting, reason: "starting",
		left: r.left[id], lost: make(lost), rows: rowsDue{infos: r.unindexed[id]},
		counts: counts{gaps: make(map[frame.GapReason]uint64), quarantined: make(map[frame.Reason]uint64)},
	}
	c.known.numbers = c.numbersIn
	if h := r.harm[id]; h != nil {
		c.harm = *h
		c.lost[id] = slices.Clone(h.lost)
		c.counts.gaps[frame.GapDamage] = h.gaps
	}
	return c
}

// run records until ctx is done, and tries again whatever goes wrong.
func (c *camera) run(ctx context.Context) {
	alarmed := false
	wait := firstRetry
	for ctx.Err() == nil {
		if why := c.r.whyFull(); why != "" {
			if !alarmed {
				c.log.Error("recording has stopped: frames wait in the stream", "reason", why)
			}
			alarmed = true
			c.set(StateStopped, why)
			sleep(ctx, fullWait)
			continue
		}
		before := c.frames()
		err := c.record(ctx, func() {
			if alarmed {
				c.log.Info("recording goes on")
			}
			alarmed, wait = false, firstRetry
		})
		if err == nil || ctx.Err() != nil {
			continue
		}
		if c.frames() != before {
			wait = firstRetry
		}
		c.mu.Lock()
		c.counts.failures++
		c.mu.Unlock()
		if !alarmed {
			c.log.Error("recording has stopped: frames wait in the stream", "error", err)
		}
		alarmed = true
		c.set(StateStopped, err.Error())
		c.r.sweepNow() // it may be for want of room
		awaitRoom(ctx, err, c.r.folder.Room, wait)
		wait = min(2*wait, mostRetry)
	}
}

// fullWait is how often a camera looks whether there is room again.
const fullWait = 250 * time.Millisecond

// tick is how often a camera looks after what nothing tells it.
const tick = 500 * time.Millisecond

// record receives and writes until ctx is done, nothing may be written any more, or the disk fails.
// saved is called when a part is on disk. An error is the disk's or the index's.
func (c *camera) record(ctx context.Context, saved func()) error {
	if err := c.repair(ctx); err != nil {
		return err
	}
	last, err := c.lookBack(ctx)
	if err != nil {
		return err
	}
	c.setNewest(last)
	cfg := c.r.config()
	after := last.LastStored
	if c.harm.known {
		after = min(after, c.harm.after)
	}
	durable, err := c.r.deps.Bus.Durable(c.id, bus.DurableOptions{
		// Again: whatever this consumer has acknowledged, what is not in the files was lost, or never came here.
		Name: cfg.Durable, After: after, Again: true, Has: c.known.has, AckWait: c.r.deps.AckWait,
	})
	if err != nil {
		return err
	}
	defer func() { _ = durable.Close() }() // has no error
	t := &tape{camera: c, durable: durable, cfg: cfg, saved: saved, from: last.LastStored}
	if last.Frames > 0 {
		t.last, t.interval = lastEdge(last), usualInterval(last)
		t.before, t.front = t.last, t.last
	}
	err = c.follow(ctx, t)
	// Also when ctx is done: what has come is written, and acknowledged.
	if err == nil {
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), endLimit)
		err = t.finish(ending)
		cancel()
	}
	if err != nil {
		t.abort()
	}
	return err
}

// follow writes what comes; nil when ctx is done or nothing may be written any more.
func (c *camera) follow(ctx context.Context, t *tape) error {
	due := time.NewTimer(time.Hour)
	due.Stop()
	defer due.Stop()
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	resume := time.NewTimer(time.Hour)
	resume.Stop()
	defer resume.Stop()
	frames, held := t.durable.Frames(), throttle{lane: &c.r.catching}
	quiet, armed := time.Now(), false
	for {
		if owing := t.owing(); owing != armed {
			if armed = owing; armed {
				due.Reset(t.cfg.Part)
			} else {
				due.Stop()
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-t.landed():
			if err := t.land(ctx); err != nil {
				return err
			}
		case <-resume.C:
			frames = t.durable.Frames()
		case s, open := <-frames:
			if !open {
				return errors.New("the connection was closed")
			}
			quiet = time.Now()
			if err := t.take(ctx, s); err != nil {
				return err
			}
			if !held.took(s) {
				continue
			}
			if wait := held.wait(s, t.durable.State().Limits, int64(c.r.config().CatchUp)); wait > 0 {
				frames = nil
				resume.Reset(wait)
			}
		case <-due.C:
			armed = false // and again, where the broker was not there
			if err := t.begin(ctx); err != nil {
				return err
			}
		case <-ticker.C:
			if c.r.whyFull() != "" {
				return nil
			}
			c.index(ctx, false)
			c.observe(t)
			if time.Since(quiet) > idleClose {
				if err := t.close(ctx); err != nil {
					return err
				}
			}
		}
	}
}

// endLimit is how long the broker has to take the last acknowledgement.
const endLimit = 500 * time.Millisecond

// idleClose is after which time without a frame the segment is closed: the next one would begin
// another anyway.
const idleClose = 15 * time.Second

// observe makes how the broker delivers the camera's state.
func (c *camera) observe(t *tape) {
	s := t.durable.State()
	c.mu.Lock()
	c.pending = s.Pending + t.buffered()
	c.counts.duplicates += s.Duplicates - t.duplicates
	c.mu.Unlock()
	t.duplicates = s.Duplicates
	switch {
	case s.Ready:
		c.set(StateRecording, "")
	case s.Absent, !c.r.deps.Bus.Connected():
		c.set(StateWaiting, s.Reason)
	default:
		c.set(StateBlocked, s.Reason)
	}
}

func (c *camera) set(state State, reason string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.state, c.reason = state, reason
}

func (c *camera) frames() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.counts.frames
}

// ready says why nothing is recorded although there is something to record.
func (c *camera) ready() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if state, reason := c.current(); state == StateStopped || state == StateBlocked {
		return fmt.Errorf("camera %s is not recorded: %s", c.id, reason)
	}
	return nil
}

// current is the state, that of a disk that does not return included. mu is held.
func (c *camera) current() (State, string) {
	if !c.flushed.IsZero() {
		if took := time.Since(c.flushed); took > stuckAfter {
			return StateStopped, fmt.Sprintf("the disk has not taken a part for %v", took.Round(time.Second))
		}
	}
	return c.state, c.reason
}

// writing is the segment that is being written, as far as it is on disk.
func (c *camera) writing() (segment.Info, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now, c.now.Frames > 0
}

// serve answers for the camera's recordings until ctx is done.
func (c *camera) serve(ctx context.Context) {
	for told := false; ctx.Err() == nil; {
		stop, err := serve(ctx, served{
			Bus: c.r.deps.Bus, ID: c.id, Version: c.r.deps.Version, Folder: c.r.folder.Folder, Index: c.r.index,
			Writing: c.writing, Unlisted: c.unlisted, Last: c.newestClosed, Replays: c.r.replays, Log: c.log,
		})
		if err == nil {
			<-ctx.Done()
			stop()
			return
		}
		if !told {
			c.log.Warn("recordings are not served, and it is tried again", "error", err)
		}
		told = true
		sleep(ctx, mostRetry)
	}
}

// snapshot is what metrics show.
func (c *camera) snapshot() (State, counts, uint64, time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := c.counts
	all.gaps, all.quarantined = maps.Clone(all.gaps), maps.Clone(all.quarantined)
	state, _ := c.current()
	return state, all, c.pending, c.since
}
