package publisher

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
)

// claimDeadline is how long whoever has the camera may take to answer.
const claimDeadline = 2 * time.Second

// claim makes sure that nobody else publishes the camera, or, with replace, asks whoever does to
// end. Where there is no server yet, or no answer, the camera is taken for free: watchTwins sees
// later if it is not.
func (c *camera) claim(ctx context.Context) error {
	asking, cancel := context.WithTimeout(ctx, claimDeadline)
	defer cancel()
	if c.bus.WaitConnected(asking) != nil {
		return nil
	}
	var other frame.Detail
	if err := c.bus.Control(asking, c.id, frame.VerbGet, nil, &other); err != nil {
		return nil
	}
	if !c.replace {
		return c.taken(other.Status)
	}
	return c.takeOver(asking, other.Status)
}

func (c *camera) taken(by frame.Status) error {
	return fmt.Errorf("camera %s: %w by %s (%s): choose another id, or take it over with --replace", c.id, ErrTaken, by.Host, by.Source)
}

// takeOver asks whoever publishes the camera to end.
func (c *camera) takeOver(ctx context.Context, from frame.Status) error {
	c.log.Warn("taking the camera over", "from", from.Host, "epoch", from.Epoch)
	err := c.bus.Control(ctx, c.id, frame.VerbRelease, frame.ReleaseRequest{Epoch: from.Epoch}, nil)
	var refusal *bus.ControlError
	if err == nil || errors.Is(err, bus.ErrNoCamera) || errors.As(err, &refusal) && refusal.Code == 404 {
		return nil // it ends, or has ended
	}
	return fmt.Errorf("camera %s: %w by %s, which does not give it up: %w", c.id, ErrTaken, from.Host, err)
}

// watchTwins listens for another publisher of the same camera: two may both have begun while there
// was no server. Both hear of each other, and the one that began later ends, unless it is to replace.
func (c *camera) watchTwins(ctx context.Context, end context.CancelCauseFunc) {
	own := c.state.status() // its epoch
	twins := make(chan frame.Status, 1)
	stop, err := c.bus.Statuses(func(s frame.Status) {
		if s.Epoch == own.Epoch || s.Epoch == "" || s.State == frame.StateEnded {
			return
		}
		select {
		case twins <- s:
		default:
		}
	}, c.id)
	if err != nil {
		c.log.Debug("listen for another publisher of the camera", "error", err)
		return
	}
	defer stop()
	for {
		select {
		case <-ctx.Done():
			return
		case heard := <-twins:
			// A status is easily made up. Who really has the camera answers for it.
			twin, answers := c.confirm(ctx, heard.Epoch)
			if !answers {
				continue
			}
			own := c.state.status()
			switch {
			case c.replace:
				asking, cancel := context.WithTimeout(ctx, claimDeadline)
				if err := c.takeOver(asking, twin); err != nil {
					c.log.Warn("the camera is published twice", "error", err)
				}
				cancel()
			case twin.Started.Before(own.Started) || twin.Started.Equal(own.Started) && twin.Epoch < own.Epoch:
				end(c.taken(twin))
				return
			default:
				c.log.Warn("the camera is published twice: the other, which began later, is to end", "other", twin.Host, "epoch", twin.Epoch)
			}
		}
	}
}

// confirm asks all cameras on the bus and returns what the one of that epoch says of itself.
func (c *camera) confirm(ctx context.Context, epoch string) (twin frame.Status, answers bool) {
	asking, cancel := context.WithTimeout(ctx, claimDeadline)
	defer cancel()
	err := c.bus.List(asking, claimDeadline/4, func(s frame.Status) {
		if s.ID == c.id && s.Epoch == epoch && !s.Started.IsZero() {
			twin, answers = s, true
		}
	})
	return twin, err == nil && answers
}
