package bus

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// A consumer may be at a place that is not the caller's. Where it cannot be put right from here, what it
// does not deliver is read from the stream itself: a recorder may read any message by its number, and
// needs no right to make or remove consumers for it.

// directFrames and directBytes are how much is read of the stream at a time.
const (
	directFrames = 64
	directBytes  = 1 << 20
)

// aheadEvery is how often the stream is looked at while the consumer is of no use.
const aheadEvery = time.Second

// errPlaceAgain: the consumer is another one now, or in another place.
var errPlaceAgain = errors.New("the consumer has changed")

// turnBack deals with a consumer that is ahead of its stream.
func (d *Durable) turnBack(ctx context.Context, info *jetstream.ConsumerInfo, stream *jetstream.StreamInfo) (*jetstream.ConsumerInfo, error) {
	log := d.log.With("consumer", max(info.AckFloor.Stream, info.Delivered.Stream), "stream", stream.State.LastSeq)
	d.restart()
	anew, err := d.recreate(ctx, stream)
	refusal := new(refusedError)
	if errors.As(err, &refusal) {
		log.Warn("the consumer is ahead of its stream, which is an older copy of itself, and these credentials may not make it anew: frames are read from the stream itself until somebody does: lensbus's own broker within seconds, for another NATS server `lensbus provision`")
		return nil, d.withoutConsumer(ctx, info)
	}
	if err == nil {
		log.Warn("the consumer was ahead of its stream, which is an older copy of itself: it is made anew")
	}
	return anew, err
}

// fillIn hands over what was acknowledged and is not in the caller's files, as far as the stream has it:
// files were lost, or another recorder uses the consumer. Usually it is only what is no frame.
func (d *Durable) fillIn(ctx context.Context, info *jetstream.ConsumerInfo, stream *jetstream.StreamInfo) (*jetstream.ConsumerInfo, error) {
	floor := info.AckFloor.Stream
	log := d.log.With("recorded", d.last, "acknowledged", floor)
	handed, err := d.catchUp(ctx, floor, true)
	if what := "more was acknowledged than is recorded here: it is read from the stream again"; handed > 0 && d.told.may(what, time.Now()) {
		log.Warn(what, "messages", handed)
	}
	switch {
	case err == nil:
		d.last = floor
		return info, nil
	case errors.Is(err, ErrDisconnected) || ctx.Err() != nil:
		return nil, err
	}
	// The stream gives nothing away by numbers; the consumer may.
	now := d.last
	refusal := new(refusedError)
	mayNot := errors.As(err, &refusal) || errors.Is(err, ErrNoPicture)
	if stream != nil {
		anew, again := d.recreate(ctx, stream)
		if again == nil {
			if what := "more was acknowledged than is recorded here: the consumer is set back"; d.told.may(what, time.Now()) {
				log.Warn(what)
			}
			return anew, nil
		}
		d.last, mayNot = now, mayNot && errors.As(again, &refusal)
	}
	if !mayNot { // then it may be possible later
		return nil, err
	}
	log.Error("frames that were acknowledged are not recorded here, and this user may neither read the stream nor set the consumer back: does another recorder use it?")
	d.last = floor
	return info, nil
}

// catchUp hands over what the stream holds after d.last, up to that number, but for frames that the caller
// has. What is no frame is left out where acknowledged says that all of it was acknowledged: it was dealt
// with then. Where it does not, and the stream gives nothing, d.last stays: it is asked again from there. It returns
// how many messages were handed over.
func (d *Durable) catchUp(ctx context.Context, to uint64, acknowledged bool) (handed int, err error) {
	history := History{nc: d.nc.Conn, id: d.id}
	for d.last < to {
		var batch Batch
		err := d.ask(ctx, "$JS.API.DIRECT.GET."+d.id.StreamName(), func(ctx context.Context) (err error) {
			batch, err = history.Read(ctx, d.last+1, directFrames, directBytes)
			return err
		})
		if err != nil {
			return handed, err
		}
		for i, s := range batch.Messages {
			if s.Number > to {
				break
			}
			if acknowledged && s.Rejected != nil || d.has(s) {
				d.last = s.Number
				continue
			}
			if before := d.reached(); before > 0 && s.Number > before {
				s.Skipped = s.Number - before - 1
			}
			s.Pending = batch.Pending + uint64(len(batch.Messages)-1-i)
			if err := d.hand(ctx, s, false); err != nil {
				return handed, err
			}
			handed++
		}
		switch {
		case batch.Next > to:
			d.last = max(d.last, to) // there is nothing more below it
		case len(batch.Messages) > 0:
		case acknowledged:
			d.last = to
		default:
			// Any replica may have answered, and this one may be behind what the leader says: who takes that
			// for a hole leaves frames out for good.
			return handed, nil
		}
	}
	return handed, nil
}

// withoutConsumer receives from the stream while the consumer is ahead of it and cannot be made anew from
// here, and returns errPlaceAgain once somebody else has made it anew, or the stream has reached it.
func (d *Durable) withoutConsumer(ctx context.Context, ahead *jetstream.ConsumerInfo) error {
	for ctx.Err() == nil {
		stream, err := d.streamInfo(ctx)
		if err != nil {
			return err
		}
		if _, err := d.catchUp(ctx, stream.State.LastSeq, false); err != nil {
			return err
		}
		d.ready()
		info, err := d.consumerInfo(ctx)
		if err != nil && !errors.Is(err, jetstream.ErrConsumerNotFound) {
			return err
		}
		if err != nil || !info.Created.Equal(ahead.Created) || !isAhead(info, stream) {
			return errPlaceAgain
		}
		sleep(ctx, aheadEvery)
	}
	return context.Cause(ctx)
}

// isAhead says whether a consumer has delivered, or heard to be safe, what its stream has not got: then
// the stream is an older copy of itself, or has lost its end.
func isAhead(info *jetstream.ConsumerInfo, stream *jetstream.StreamInfo) bool {
	return max(info.AckFloor.Stream, info.Delivered.Stream) > stream.State.LastSeq
}
