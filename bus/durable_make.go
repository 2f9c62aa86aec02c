package bus

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/lensbus/lensbus/frame"
)

// ConsumerAction is what is done to a recorder's consumer.
type ConsumerAction string

// What is done to a recorder's consumer.
const (
	ConsumerKept    ConsumerAction = "kept"      // it is there, and where it can be
	ConsumerCreated ConsumerAction = "created"   // there was none
	ConsumerAnew    ConsumerAction = "made anew" // it was ahead of its stream, and would have left out what comes
)

// MakeDurable makes a recorder's consumer of a camera's stream where it is missing, and makes it anew where
// it is ahead of the stream, as after an older copy of that was put back: for whoever looks after streams,
// so that recorders need no right to it. name is [DefaultDurable], or that of a further recorder.
func (c *Conn) MakeDurable(ctx context.Context, id frame.CameraID, name string) (ConsumerAction, error) {
	failed := func(err error) (ConsumerAction, error) {
		return "", fmt.Errorf("recorder's consumer %.40s of camera %s: %w", name, id, err)
	}
	if !frame.ValidName(name) {
		return failed(errDurableName)
	}
	js, err := jetstream.New(c.control)
	if err != nil {
		return failed(err)
	}
	stream, err := js.Stream(ctx, id.StreamName())
	if err != nil {
		return failed(err)
	}
	action := ConsumerKept
	consumer, err := stream.Consumer(ctx, name)
	if err == nil {
		ahead, err := staysAhead(ctx, stream, consumer)
		if err != nil {
			return failed(err)
		}
		if !ahead {
			return action, nil
		}
		if err := stream.DeleteConsumer(ctx, name); err != nil && !errors.Is(err, jetstream.ErrConsumerNotFound) {
			return failed(err)
		}
		action = ConsumerAnew
	} else if !errors.Is(err, jetstream.ErrConsumerNotFound) {
		return failed(err)
	}
	o := DurableOptions{Name: name, AckWait: DefaultAckWait, MaxAckPending: DefaultMaxAckPending}
	_, err = stream.CreateConsumer(ctx, o.consumer(id))
	switch {
	case errors.Is(err, jetstream.ErrConsumerExists): // a recorder was quicker
		return ConsumerKept, nil
	case err != nil:
		return failed(err)
	case action == ConsumerKept:
		action = ConsumerCreated
	}
	return action, nil
}

// staysAhead says whether the consumer is ahead of the stream. It looks twice, because a replica may
// answer that is a moment behind. Frames come meanwhile and are delivered: each time the stream is
// asked after the consumer.
func staysAhead(ctx context.Context, stream jetstream.Stream, consumer jetstream.Consumer) (bool, error) {
	before := consumer.CachedInfo()
	now, err := stream.Info(ctx)
	if err != nil || !isAhead(before, now) {
		return false, err
	}
	sleep(ctx, lookAgain)
	info, err := consumer.Info(ctx)
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		return true, nil // somebody else is at it
	}
	if err != nil {
		return false, err
	}
	if now, err = stream.Info(ctx); err != nil {
		return false, err
	}
	return info.Created.Equal(before.Created) && isAhead(info, now), nil
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
