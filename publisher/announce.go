package publisher

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go"

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

// How often the stream is looked after besides at every connect: it may be deleted, and a server
// that has lost its memory comes back without it.
const (
	streamCheck    = 30 * time.Second
	streamGiveUp   = 10 * time.Minute // after a refusal that will last: no JetStream, no right
	streamDeadline = 5 * time.Second
)

// keepStream makes sure that the camera's newest frame is kept, after every connect.
func (c *camera) keepStream(ctx context.Context) {
	nc := c.bus.NATS()
	connected := nc.StatusChanged(nats.CONNECTED)
	defer nc.RemoveStatusListener(connected)
	said := false
	for {
		next := time.Second
		if nc.IsConnected() {
			asking, cancel := context.WithTimeout(ctx, streamDeadline)
			storage, err := c.bus.EnsureStream(asking, c.id)
			cancel()
			c.state.stored(string(storage))
			next = streamCheck
			if err != nil && ctx.Err() == nil {
				next = streamGiveUp
				if !said {
					c.log.Warn("live only", "error", err)
					said = true
				}
			}
		}
		select {
		case <-time.After(next):
		case <-connected:
		case <-ctx.Done():
			return
		}
	}
}
