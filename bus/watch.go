package bus

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/lensbus/lensbus/frame"
)

// How a lease is kept: renewed well before it ends, and seldom where the camera does not answer
// (a publisher that does not know leases, or a user that may not ask).
const (
	leaseSeconds  = 20
	leaseRenew    = 5 * time.Second
	leaseRetry    = 2 * time.Second
	leaseGiveUp   = time.Minute
	firstExchange = 4 // in a row, for a good first look at the other clock
)

// Watch tells the camera that somebody watches, until the function that it returns is called,
// which waits and is safe twice. A camera on demand is open while somebody does; with preview it
// publishes cam.<id>.preview. What it costs is one small request every five seconds, which tells
// the offset of the publisher's clock besides. A camera that is not there yet is asked again.
func (c *Conn) Watch(id frame.CameraID, preview bool) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { c.keepLease(ctx, id, preview) })
	return func() {
		cancel()
		running.Wait()
	}
}

// watchFor is Watch for a Live. A camera that has never answered leaves no clock behind: somebody may
// try out names.
func (c *Conn) watchFor(id frame.CameraID, preview bool) (stop func()) {
	clock, unwatch := c.clockOf(id), c.Watch(id, preview)
	return func() {
		unwatch()
		if _, known := clock.estimate(time.Now()); !known {
			c.clocks.CompareAndDelete(id, clock)
		}
	}
}

func (c *Conn) keepLease(ctx context.Context, id frame.CameraID, preview bool) {
	request := frame.WatchRequest{Watcher: frame.NewEpoch(), Preview: preview, Seconds: leaseSeconds}
	ask := func(ctx context.Context) error {
		if !c.control.IsConnected() {
			return ErrNoCamera
		}
		asking, cancel := context.WithTimeout(ctx, leaseRetry)
		defer cancel()
		return c.Control(asking, id, frame.VerbWatch, request, nil)
	}
	answered, silent, held := 0, 0, false
	for ctx.Err() == nil {
		wait := leaseRenew
		err := ask(ctx)
		// A request that was not waited for to its end may have been heard.
		held = held || err == nil || ctx.Err() != nil && !errors.Is(err, ErrNoCamera)
		switch {
		case err == nil:
			silent = 0
			if answered++; answered < firstExchange {
				wait = 50 * time.Millisecond
			}
		case errors.Is(err, ErrNoCamera):
			wait = leaseRetry
		default:
			if silent++; silent > 3 {
				wait = leaseGiveUp
			}
		}
		sleep(ctx, wait)
	}
	if !held || !c.control.IsConnected() {
		return
	}
	// Give the lease back; nobody waits for the answer.
	request.Seconds = 0
	_ = c.publishJSON(id.ControlSubject(frame.VerbWatch), c.control.NewRespInbox(), request)
}
