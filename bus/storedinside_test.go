package bus

import (
	"context"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/lensbus/lensbus/frame"
)

// FramesSubscriptions is how many subscriptions the connection has that publishes frames.
func (c *Conn) FramesSubscriptions() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.frames.NumSubscriptions()
}

// PlannedProvision is the first half of Provision; carry is the second, for what was planned.
func (c *Conn) PlannedProvision(ctx context.Context, id frame.CameraID, limits StreamLimits) (plan StreamPlan, carry func() error, err error) {
	js, err := jetstream.New(c.control)
	if err != nil {
		return StreamPlan{}, nil, err
	}
	plan, config, err := planStream(ctx, js, id, limits)
	return plan, func() error { return carryOut(ctx, js, plan, config) }, err
}
