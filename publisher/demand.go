package publisher

import (
	"context"
	"errors"
	"time"

	"github.com/lensbus/lensbus/frame"
)

// errUnwatched ends the capture of an on_demand camera that nobody watches any more.
var errUnwatched = errors.New("nobody watches")

// awaitWatcher returns true when the source is to be open: at once, or for an on_demand camera
// when somebody watches. It is false when ctx is done.
func (c *camera) awaitWatcher(ctx context.Context) bool {
	for c.cfg.OnDemand {
		if all, _ := c.leases.watchers(time.Now()); all > 0 {
			break
		}
		c.state.set(frame.StateIdle, "on demand: nobody watches")
		select {
		case <-c.leases.changed:
		case <-ctx.Done():
			return false
		}
	}
	return ctx.Err() == nil
}

// watchWatchers ends the capture of an on_demand camera when nobody has watched for its grace.
// The function that it returns ends the watching.
func (c *camera) watchWatchers(ctx context.Context, end context.CancelCauseFunc) (stop func()) {
	if !c.cfg.OnDemand {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(max(min(c.cfg.Grace/4, time.Second), 10*time.Millisecond))
		defer tick.Stop()
		last := time.Now()
		for {
			select {
			case <-ctx.Done():
				return
			case now := <-tick.C:
				if all, _ := c.leases.watchers(now); all > 0 {
					last = now
				}
				if now.Sub(last) >= c.cfg.Grace {
					c.log.Info("nobody watches: the source is closed")
					end(errUnwatched)
					return
				}
			}
		}
	}()
	return func() { cancel(); <-done }
}
