package publisher

import (
	"context"
	"time"

	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
)

// What a snapshot may be: no older than one and a half intervals between frames, and what a busy
// machine takes besides. Where the newest frame is older, the next one is waited for.
const (
	snapshotSlack = 100 * time.Millisecond
	snapshotWait  = 2 * time.Second
	snapshotWay   = 10 * time.Second // a frame that has been longer on its way is one of before the clock was set
)

// snapshot answers with the newest frame, smaller where that is asked.
func (c *camera) snapshot(ctx context.Context, request []byte) (bus.Reply, error) {
	var r frame.SnapshotRequest
	if err := decode(request, &r); err != nil {
		return bus.Reply{}, err
	}
	if r.Width < 0 || r.Width > frame.MaxSnapshotWidth {
		return bus.Reply{}, refuse(400, "width %d: want 1 to %d pixels, or 0 for the frame as it is", r.Width, frame.MaxSnapshotWidth)
	}
	f, err := c.newest(ctx)
	if err != nil {
		return bus.Reply{}, err
	}
	if r.Width > 0 && r.Width < f.Width {
		if !c.shrinking.take(ctx) {
			return bus.Reply{}, refuse(503, "too many pictures are asked for")
		}
		small, err := shrinkTo(f, r.Width, c.tuning.settings().Quality)
		c.shrinking.done()
		if err != nil {
			return bus.Reply{}, refuse(500, "%v", err)
		}
		f = small
	}
	if f, err = c.sender.seal.outgoing(f, frame.VerbSnapshot); err != nil {
		return bus.Reply{}, refuse(500, "%v", err)
	}
	return bus.Reply{Data: f.Data, Header: f.Header(false)}, nil
}

// newest returns the newest frame where it is the present, or the next one, which it waits for. A
// frame that comes while it is waited for is the newest there can be, however long its way was.
func (c *camera) newest(ctx context.Context) (frame.Frame, error) {
	reader := c.sender.newest.Reader()
	f, ok := c.sender.newest.Newest()
	state := c.state.status()
	if !ok {
		return f, refuse(503, "no picture so far: the camera is %s", state.State)
	}
	age := c.state.now().Sub(f.Captured)
	if age.Abs() <= c.interval(state)*3/2+snapshotSlack { // one from the future is from before the clock was set
		return f, nil
	}
	if state.State != frame.StateLive && state.State != frame.StateOpening {
		return f, refuse(503, "the camera is %s, and its newest picture %v old", state.State, age.Round(time.Second))
	}
	ctx, cancel := context.WithTimeout(ctx, snapshotWait)
	defer cancel()
	for {
		next, _, err := reader.Next(ctx)
		if err != nil {
			return f, refuse(503, "the newest picture is %v old, and no new one has come for %v", age.Round(time.Millisecond), snapshotWait)
		}
		if !next.Captured.Equal(f.Captured) && c.state.now().Sub(next.Captured).Abs() < snapshotWay {
			return next, nil
		}
	}
}

// interval is how long it takes the camera from one frame to the next: as it has been of late, else as
// it is asked for.
func (c *camera) interval(now frame.Status) time.Duration {
	for _, fps := range []float64{now.FPS, c.tuning.rate(), c.tuning.ownRate()} {
		if fps > 0 {
			return time.Duration(float64(time.Second) / fps)
		}
	}
	return time.Second
}
