package bus

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// position is where a Durable is in its stream. It belongs to the run loop.
type position struct {
	// last is the number of the last message that was handed over or that the caller has; what
	// comes next is last+1, or there is a hole.
	last uint64
	// safe is the number of the last message that the caller had before, or was given before the
	// connection was lost; 0 where that says nothing.
	safe uint64
	// bound says that last is of the stream and the consumer that were made at these times; of the
	// stream's the zero time says that this user may not see it.
	bound            bool
	streamAt, madeAt time.Time
	restarted        bool      // is told with the next message
	renumbered       bool      // it was told, or is to be: numbers are not those of the caller's frames
	verify           uint64    // the message of this number is one that the caller has, or the stream is another one
	doubt            [2]uint64 // a hole that was seen once: from the first number to the second
	pullBytes        int       // what is asked for at a time
	pullBatch        int       // messages
	pullExpires      time.Duration
	rewinds          int // without a new message
	suspected        int // losses since suspectedAt
	suspectedAt      time.Time
	told             told   // what is wrong, as far as it was logged lately
	trouble          string // that was logged and not taken back; "": nothing is wrong
}

// What makes a Durable wait for the stream.
var (
	errNoStream    = errors.New("the camera has no stream yet")
	errNotRecorded = errors.New("the camera's stream keeps only the newest frame: it is not set up for recording")
)

// bind finds or makes the consumer, sets d.last, and has everything delivered again that was
// delivered after it and has not arrived.
func (d *Durable) bind(ctx context.Context) error {
	info, err := d.consumerInfo(ctx)
	if err != nil && !errors.Is(err, jetstream.ErrConsumerNotFound) {
		return err
	}
	stream, err := d.streamInfo(ctx)
	refusal := new(refusedError)
	switch {
	case err == nil:
	case errors.As(err, &refusal) && info != nil:
		stream = nil // a consumer that an administrator has made is enough
	case errors.As(err, &refusal):
		return fmt.Errorf("the durable consumer %s of camera %s is missing and not made here: %w", d.o.Name, d.id, err)
	default:
		return err
	}
	if stream != nil && stream.Config.Storage != jetstream.FileStorage {
		return errNotRecorded
	}
	info, err = d.place(ctx, info, stream)
	switch {
	case errors.Is(err, errPlaceAgain):
		return d.bind(ctx)
	case err != nil:
		return err
	}
	if err := d.suits(info); err != nil {
		return err
	}
	d.bound, d.madeAt = true, info.Created
	if d.streamAt = (time.Time{}); stream != nil {
		d.streamAt = stream.Created
	}
	d.pullBatch, d.pullExpires = pullBatch, pullExpires
	if most := info.Config.MaxRequestBatch; most > 0 {
		d.pullBatch = min(d.pullBatch, most)
	}
	if most := info.Config.MaxRequestExpires; most > 0 {
		d.pullExpires = min(d.pullExpires, most)
	}
	if most := info.Config.MaxRequestMaxBytes; most > 0 {
		d.pullBytes = min(d.pullBytes, most)
	}
	var limits *KeptLimits
	if stream != nil {
		limits = &KeptLimits{Age: max(0, stream.Config.MaxAge), Bytes: max(0, stream.Config.MaxBytes)}
		if stream.State.Msgs > 0 {
			limits.Mean = int64(stream.State.Bytes / stream.State.Msgs)
		}
	}
	d.count(func(s *DurableState) {
		s.Pending, s.Limits = info.NumPending+uint64(info.NumAckPending), limits
	})
	return d.rewind(ctx, info)
}

// place decides where to go on, and makes the consumer where it is missing or in the wrong place.
// stream is nil where this user may not see it.
func (d *Durable) place(ctx context.Context, info *jetstream.ConsumerInfo, stream *jetstream.StreamInfo) (*jetstream.ConsumerInfo, error) {
	again, err := d.isAnother(ctx, info, stream)
	if err != nil {
		return nil, err
	}
	if again {
		d.log.Warn("the stream's numbers begin anew: it was made anew, or is an older copy of itself", "number_before", d.last)
		d.restart()
	}
	if info == nil {
		return d.create(ctx, stream)
	}
	if d.bound && !info.Created.Equal(d.madeAt) { // somebody else has made it anew
		d.generate()
	}
	floor := info.AckFloor.Stream
	switch {
	case stream != nil && isAhead(info, stream):
		return d.turnBack(ctx, info, stream)
	case d.last == 0 && !d.o.Again: // the caller knows nothing
		d.last = floor
	case d.last < floor && (stream == nil || stream.State.FirstSeq <= floor):
		return d.fillIn(ctx, info, stream)
	case d.last < floor:
		d.last = floor
	case d.o.Has != nil:
		// The stream may be another one than the caller's frames are of, or have lost its end in a
		// power cut and used its numbers again: what comes again is known by its own numbers (Has).
		d.safe = max(d.safe, d.last)
		d.last = floor
	}
	return info, nil
}

// reached is the number of the newest message that the caller has or was given.
func (p *position) reached() uint64 { return max(p.last, p.safe) }

// restart makes the numbers begin anew.
func (d *Durable) restart() {
	d.restarted, d.renumbered, d.last, d.safe, d.verify, d.doubt = true, true, 0, 0, 0, [2]uint64{}
	d.generate()
}

// generate makes worthless what was to be acknowledged.
func (d *Durable) generate() {
	d.acking.Lock()
	defer d.acking.Unlock()
	d.generation++
}

// isAnother says whether the stream is not the one that d.last is a number of.
func (d *Durable) isAnother(ctx context.Context, info *jetstream.ConsumerInfo, stream *jetstream.StreamInfo) (bool, error) {
	switch {
	case d.last == 0:
		return false, nil
	case stream == nil: // a consumer ends with its stream
		return d.bound && !info.Created.Equal(d.madeAt), nil
	case d.bound && !d.streamAt.IsZero() && !stream.Created.Equal(d.streamAt):
		return true, nil
	case stream.State.LastSeq >= d.last:
		return false, nil
	}
	// A replica may answer that is a moment behind.
	sleep(ctx, lookAgain)
	stream, err := d.streamInfo(ctx)
	if err != nil {
		return false, err
	}
	return stream.State.LastSeq < d.last, nil
}

const lookAgain = time.Second

// recreate replaces the consumer by one that delivers what comes after d.last.
func (d *Durable) recreate(ctx context.Context, stream *jetstream.StreamInfo) (*jetstream.ConsumerInfo, error) {
	name := d.id.StreamName()
	err := d.ask(ctx, "$JS.API.CONSUMER.DELETE."+name+"."+d.o.Name, func(ctx context.Context) error {
		return d.js.DeleteConsumer(ctx, name, d.o.Name)
	})
	if err != nil && !errors.Is(err, jetstream.ErrConsumerNotFound) {
		return nil, fmt.Errorf("remove the consumer %s of camera %s: %w", d.o.Name, d.id, err)
	}
	return d.create(ctx, stream)
}

// create makes the consumer. Where the caller has frames, it begins with the last of them: if that
// is another one, the stream is too.
func (d *Durable) create(ctx context.Context, stream *jetstream.StreamInfo) (*jetstream.ConsumerInfo, error) {
	d.generate()
	cfg, first := d.o.consumer(d.id), stream.State.FirstSeq
	d.verify = 0
	switch {
	case d.last == 0:
	case d.last >= first && d.bound: // it is the same stream
		cfg.DeliverPolicy, cfg.OptStartSeq = jetstream.DeliverByStartSequencePolicy, d.last+1
	case d.last >= first && d.last <= stream.State.LastSeq:
		cfg.DeliverPolicy, cfg.OptStartSeq = jetstream.DeliverByStartSequencePolicy, d.last
		d.verify = d.last
		d.last--
	case d.last < first: // what lies between is told as a hole
	}
	subject := "$JS.API.CONSUMER.CREATE." + d.id.StreamName() + "." + d.o.Name + "." + cfg.FilterSubject
	var info *jetstream.ConsumerInfo
	err := d.ask(ctx, subject, func(ctx context.Context) error {
		consumer, err := d.js.CreateConsumer(ctx, d.id.StreamName(), cfg)
		if err == nil {
			info = consumer.CachedInfo()
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("make the consumer %s of camera %s: %w", d.o.Name, d.id, err)
	}
	d.log.Info("consumer made", "from", max(cfg.OptStartSeq, first))
	return info, nil
}

// ask runs a request to the subject, as denials.ask does. Where the connection is lost meanwhile, there
// will be no answer: its error is ErrDisconnected then, at once.
func (d *Durable) ask(ctx context.Context, subject string, request func(context.Context) error) error {
	lost := d.nc.StatusChanged(nats.RECONNECTING, nats.DISCONNECTED, nats.CLOSED)
	defer d.nc.RemoveStatusListener(lost)
	if !d.nc.IsConnected() {
		return ErrDisconnected
	}
	ctx, cancel := context.WithCancelCause(ctx)
	var watching sync.WaitGroup
	watching.Go(func() {
		select {
		case <-lost:
			cancel(ErrDisconnected)
		case <-ctx.Done():
		}
	})
	err := d.refused.ask(ctx, subject, request)
	if err != nil && errors.Is(context.Cause(ctx), ErrDisconnected) {
		err = ErrDisconnected
	}
	cancel(nil)
	watching.Wait()
	return err
}

// suits says why the consumer cannot be used.
func (d *Durable) suits(info *jetstream.ConsumerInfo) error {
	c := info.Config
	switch {
	case c.AckPolicy != jetstream.AckAllPolicy:
		return fmt.Errorf("the consumer %s has the acknowledgement policy %s, a recorder needs all: remove it, or give another --durable", d.o.Name, c.AckPolicy)
	case c.DeliverSubject != "":
		return fmt.Errorf("the consumer %s is a push consumer, a recorder needs a pull consumer: remove it, or give another --durable", d.o.Name)
	case c.MaxDeliver > 0:
		return fmt.Errorf("the consumer %s gives frames up after %d deliveries, a recorder needs them all: remove it, or give another --durable", d.o.Name, c.MaxDeliver)
	}
	return nil
}

// rewind asks for what the server has delivered, to this program or one before it, and what has not
// arrived. Without that it would come after AckWait, and everything else before it in vain.
func (d *Durable) rewind(ctx context.Context, info *jetstream.ConsumerInfo) error {
	from, to := max(d.last, info.AckFloor.Stream)+1, info.Delivered.Stream
	if info.NumAckPending == 0 || from > to || to-from > mostRewound {
		return nil
	}
	name := d.id.StreamName()
	// What names a delivery, but for what only statistics look at. The last one is asked to be
	// confirmed, and with it those before.
	subject := func(number uint64) string {
		return fmt.Sprintf("$JS.ACK.%s.%s.1.%d.%d.0.0", name, d.o.Name, number, info.Delivered.Consumer)
	}
	err := d.ask(ctx, "$JS.ACK."+name+"."+d.o.Name+".>", func(ctx context.Context) error {
		for number := from; number < to; number++ {
			if err := d.nc.Publish(subject(number), []byte("-NAK")); err != nil {
				return err
			}
		}
		_, err := d.nc.RequestWithContext(ctx, subject(to), []byte("-NAK"))
		return err
	})
	if err != nil {
		return fmt.Errorf("ask for frames again: %w", err)
	}
	return nil
}

// mostRewound is more than can be pending, so that a hole of millions is not asked for one by one.
const mostRewound = 1 << 16

func (d *Durable) consumerInfo(ctx context.Context) (*jetstream.ConsumerInfo, error) {
	var info *jetstream.ConsumerInfo
	err := d.ask(ctx, "$JS.API.CONSUMER.INFO."+d.id.StreamName()+"."+d.o.Name, func(ctx context.Context) error {
		consumer, err := d.js.Consumer(ctx, d.id.StreamName(), d.o.Name)
		if err == nil {
			info = consumer.CachedInfo()
		}
		return err
	})
	return info, d.plain(err)
}

func (d *Durable) streamInfo(ctx context.Context) (*jetstream.StreamInfo, error) {
	var info *jetstream.StreamInfo
	err := d.ask(ctx, "$JS.API.STREAM.INFO."+d.id.StreamName(), func(ctx context.Context) error {
		stream, err := d.js.Stream(ctx, d.id.StreamName())
		if err == nil {
			info = stream.CachedInfo()
		}
		return err
	})
	return info, d.plain(err)
}

// plain says in words for people what the server means.
func (d *Durable) plain(err error) error {
	switch {
	case errors.Is(err, jetstream.ErrStreamNotFound):
		return errNoStream
	case noJetStream(err):
		return errors.New("the server has no JetStream: nothing is stored, so there is nothing to record")
	}
	return err
}
