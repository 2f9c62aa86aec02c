package publisher

import (
	"context"
	"errors"
	"time"

	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
)

// announce publishes the camera's status on every change and every two seconds.
func (c *camera) announce(ctx context.Context) {
	tick := time.NewTicker(frame.StatusInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-c.state.changed:
		}
		if err := c.bus.PublishStatus(c.status()); err != nil && !errors.Is(err, bus.ErrDisconnected) {
			c.log.Debug("status", "error", err)
		}
	}
}
