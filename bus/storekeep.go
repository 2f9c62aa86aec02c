package bus

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/lensbus/lensbus/frame"
)

// Recorded are the cameras that are recorded, with the limits of their streams.
type Recorded map[frame.CameraID]StreamLimits

// How often the streams are looked after besides at every change and connect.
const (
	keepEvery    = 5 * time.Second
	keepDeadline = 5 * time.Second // for one stream
	keepGiveUp   = time.Minute     // after a refusal that will last: no room, no right, somebody else's
)

// KeepStreams provisions the streams of the newest wanted cameras (see [Conn.Provision]), and again
// whenever one is missing, until ctx is done. What it does, and what it cannot do, is logged. It never
// deletes a stream with frames in it: that of a camera that is not recorded any more is left as it is.
//
// With each stream it looks after the consumers of its recorders (see [Conn.MakeDurable]): of those that
// durables names, which is asked each time and may be nil, and of [DefaultDurable].
func (c *Conn) KeepStreams(ctx context.Context, wanted *Latest[Recorded], durables func(frame.CameraID) []string) {
	if durables == nil {
		durables = func(frame.CameraID) []string { return nil }
	}
	k := keeper{conn: c, durables: durables, said: make(map[frame.CameraID]string), next: make(map[frame.CameraID]time.Time), made: make(map[frame.CameraID]bool),
		once: make(map[frame.CameraID]bool), left: make(map[frame.CameraID]bool), others: make(map[frame.CameraID]bool)}
	connected := c.control.StatusChanged(nats.CONNECTED)
	defer c.control.RemoveStatusListener(connected)
	reader := wanted.Reader()
	var now Recorded
	known := false // until then it would be none
	for {
		if known && c.control.IsConnected() {
			k.provision(ctx, now)
		}
		select {
		case <-time.After(keepEvery):
		case <-connected:
			clear(k.next) // it may be another server
		case <-reader.Ready():
			next, _, err := reader.Next(ctx)
			if err != nil {
				return
			}
			now, known = next, true
			clear(k.next)
		case <-ctx.Done():
			return
		}
	}
}

// keeper remembers what has been said, so as to say it once.
type keeper struct {
	conn     *Conn
	durables func(frame.CameraID) []string

	said map[frame.CameraID]string    // the last error
	next map[frame.CameraID]time.Time // when to try again after a refusal
	made map[frame.CameraID]bool      // streams that have been there
	once map[frame.CameraID]bool      // cameras that were wanted at some time
	left map[frame.CameraID]bool      // of these, those that are not and whose streams are still there, which has been said

	// others are cameras that were never wanted here, and whose streams are there, which has been said: those of
	// publishers that make their own, of another file, or of this one before the last start.
	others map[frame.CameraID]bool
}

func (k *keeper) provision(ctx context.Context, wanted Recorded) {
	maps.DeleteFunc(k.made, func(id frame.CameraID, _ bool) bool { _, still := wanted[id]; return !still })
	maps.DeleteFunc(k.said, func(id frame.CameraID, _ string) bool { _, still := wanted[id]; return !still })
	for _, id := range slices.Sorted(maps.Keys(wanted)) {
		k.once[id] = true
		delete(k.left, id)
		if time.Now().Before(k.next[id]) {
			continue
		}
		asking, cancel := context.WithTimeout(ctx, keepDeadline)
		plan, err := k.conn.Provision(asking, id, wanted[id])
		if ctx.Err() == nil {
			k.tell(id, plan, err)
		}
		if err == nil {
			if err = k.makeDurables(asking, id); err != nil && ctx.Err() == nil {
				k.say(id, "the camera's stream has not the consumers of its recorders", err)
			}
		}
		cancel()
		if ctx.Err() != nil {
			return
		}
		switch {
		case errors.Is(err, ErrNoJetStream), errors.Is(err, context.DeadlineExceeded):
			return // the others would fare no better
		case err != nil:
			k.next[id] = time.Now().Add(keepGiveUp)
		default:
			delete(k.said, id)
		}
	}
	if len(k.said) == 0 {
		k.lookForOthers(ctx, wanted)
	}
}

// makeDurables looks after the consumers of a camera's recorders.
func (k *keeper) makeDurables(ctx context.Context, id frame.CameraID) error {
	names := append([]string{DefaultDurable}, k.durables(id)...)
	slices.Sort(names)
	var faults []error
	for _, name := range slices.Compact(names) {
		action, err := k.conn.MakeDurable(ctx, id, name)
		if action == ConsumerAnew {
			k.conn.log.Warn("the recorder's consumer was ahead of the camera's stream, which is an older copy of itself: it has been made anew", "camera", id, "durable", name)
		}
		faults = append(faults, err)
	}
	return errors.Join(faults...)
}

// say logs what cannot be done for a camera, unless that was the last that was said of it.
func (k *keeper) say(id frame.CameraID, what string, err error) {
	if text := err.Error(); text != k.said[id] {
		k.conn.log.Error(what, "camera", id, "stream", id.StreamName(), "error", text)
		k.said[id] = text
	}
}

func (k *keeper) tell(id frame.CameraID, plan StreamPlan, err error) {
	if err != nil {
		k.say(id, "the camera's frames have no stream to be recorded from", err)
		return
	}
	log := k.conn.log.With("camera", id, "stream", id.StreamName())
	switch {
	case plan.Action == StreamCreated && k.made[id], plan.Action == StreamReplaced && k.made[id]:
		log.Error("the camera's stream was deleted, with what was in it and not yet recorded: it has been made anew")
	case plan.Action != StreamKept:
		log.Info("stream "+string(plan.Action), "changes", plan.Changes)
	}
	k.made[id] = true
}

// lookForOthers says which streams on file are not wanted: as a warning where they were.
func (k *keeper) lookForOthers(ctx context.Context, wanted Recorded) {
	asking, cancel := context.WithTimeout(ctx, keepDeadline)
	defer cancel()
	others, err := k.conn.UnwantedStreams(asking, wanted)
	if err != nil {
		return // somebody else may look
	}
	left := make(map[frame.CameraID]bool)
	for _, s := range others {
		log := k.conn.log.With("camera", s.Camera, "stream", s.Stream, "frames", s.Frames, "bytes", s.Bytes)
		switch {
		case k.once[s.Camera]:
			if left[s.Camera] = true; !k.left[s.Camera] {
				log.Warn("the camera is not recorded any more: its stream and its frames stay, and new ones are stored, until somebody deletes it")
			}
		case !k.others[s.Camera]:
			k.others[s.Camera] = true
			log.Info("the camera's frames are stored, and it is not in this broker's file: its stream is left as it is")
		}
	}
	k.left = left
}

// UnwantedStream is a camera's stream on file although the camera is not to be recorded.
type UnwantedStream struct {
	Camera frame.CameraID `json:"camera"`
	Stream string         `json:"stream"`
	Frames uint64         `json:"frames"`
	Bytes  uint64         `json:"bytes"`
}

// UnwantedStreams lists the cameras' streams on file that are not among the wanted, by name.
func (c *Conn) UnwantedStreams(ctx context.Context, wanted Recorded) ([]UnwantedStream, error) {
	js, err := jetstream.New(c.control)
	if err != nil {
		return nil, fmt.Errorf("list streams: %w", err)
	}
	var found []UnwantedStream
	list := js.ListStreams(ctx)
	for info := range list.Info() {
		id, is := fileStreamOf(info.Config)
		if _, want := wanted[id]; !is || want {
			continue
		}
		found = append(found, UnwantedStream{Camera: id, Stream: info.Config.Name, Frames: info.State.Msgs, Bytes: info.State.Bytes})
	}
	if err := list.Err(); err != nil {
		return nil, fmt.Errorf("list streams: %w", err)
	}
	slices.SortFunc(found, func(a, b UnwantedStream) int { return strings.Compare(a.Stream, b.Stream) })
	return found, nil
}
