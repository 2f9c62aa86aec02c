package bus

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/lensbus/lensbus/frame"
)

// MakeDurable makes the recorder's consumer of a camera's stream, [DefaultDurable], where it is
// missing: for whoever looks after streams, so that recorders need no right to make consumers.
func (c *Conn) MakeDurable(ctx context.Context, id frame.CameraID) error {
	js, err := jetstream.New(c.control)
	if err == nil {
		_, err = js.Consumer(ctx, id.StreamName(), DefaultDurable)
	}
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		o := DurableOptions{Name: DefaultDurable, AckWait: DefaultAckWait, MaxAckPending: DefaultMaxAckPending}
		_, err = js.CreateConsumer(ctx, id.StreamName(), o.consumer(id))
		if errors.Is(err, jetstream.ErrConsumerExists) { // a recorder was quicker
			err = nil
		}
	}
	if err != nil {
		return fmt.Errorf("recorder's consumer of camera %s: %w", id, err)
	}
	return nil
}

// consumer is how the camera's consumer is made.
func (o DurableOptions) consumer(id frame.CameraID) jetstream.ConsumerConfig {
	return jetstream.ConsumerConfig{
		Name: o.Name, Durable: o.Name,
		Description:   "recorder of camera " + string(id),
		FilterSubject: id.FrameSubject(),
		DeliverPolicy: jetstream.DeliverAllPolicy,
		AckPolicy:     jetstream.AckAllPolicy,
		AckWait:       o.AckWait,
		MaxAckPending: o.MaxAckPending,
		MaxDeliver:    -1, // what is no frame is put aside by the recorder, and acknowledged
		ReplayPolicy:  jetstream.ReplayInstantPolicy,
	}
}
