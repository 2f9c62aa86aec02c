package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/lensbus/lensbus/frame"
)

// One request for messages: for how many, how long it stands, and how often the server says
// meanwhile that it is there.
const (
	pullBatch     = 1024
	pullExpires   = 30 * time.Second
	pullHeartbeat = 5 * time.Second
	pullSilence   = 2*pullHeartbeat + time.Second
)

// How long to wait before the next try, by what is wrong.
const (
	absentWait   = 2 * time.Second
	firstBackoff = 250 * time.Millisecond
	mostBackoff  = 5 * time.Second
)

// errLost: messages have not arrived. They are asked for again.
var errLost = errors.New("frames did not arrive and are asked for again")

// manyRewinds in a row without a new message are no accident.
const manyRewinds = 5

// run binds and receives, for ever.
func (d *Durable) run(ctx context.Context) {
	backoff := firstBackoff
	for ctx.Err() == nil {
		err := d.awaitConnection(ctx)
		if err == nil {
			err = d.bind(ctx)
		}
		if err == nil {
			before := d.reached()
			err = d.receive(ctx)
			if d.reached() != before {
				backoff, d.rewinds = firstBackoff, 0
			}
		}
		if ctx.Err() != nil {
			return
		}
		switch {
		case errors.Is(err, ErrDisconnected): // the connection comes back by itself
			d.explain(err)
			sleep(ctx, firstBackoff/4)
			continue
		case errors.Is(err, errLost):
			elsewhere := fmt.Errorf("frames of the consumer %s do not arrive here: does another recorder use it? Give each its own --durable", d.o.Name)
			d.suspect(elsewhere)
			if d.rewinds++; d.rewinds < manyRewinds {
				d.log.Debug("stored frames", "error", err, "after", d.last)
				continue
			}
			err = elsewhere
		}
		d.explain(err)
		if errors.Is(err, errNoStream) || errors.Is(err, errNotRecorded) {
			sleep(ctx, absentWait)
			continue
		}
		sleep(ctx, backoff)
		backoff = min(2*backoff, mostBackoff)
	}
}

// suspect says once a minute that messages are lost more often than connections are.
func (d *Durable) suspect(err error) {
	now := time.Now()
	if now.Sub(d.suspectedAt) > suspectFor {
		d.suspectedAt, d.suspected = now, 0
	}
	if d.suspected++; d.suspected == manyRewinds && d.told.may(err.Error(), now) {
		d.log.Warn("stored frames come late", "error", err)
	}
}

const suspectFor = time.Minute

// explain makes err the reason why nothing comes, and logs it when it is a new one: each at most once a minute,
// because with two that use one consumer it comes and goes for ever.
func (d *Durable) explain(err error) {
	d.mu.Lock()
	d.state.Ready, d.state.Reason = false, err.Error()
	d.state.Absent = errors.Is(err, errNoStream) || errors.Is(err, errNotRecorded)
	now := d.state
	d.mu.Unlock()
	switch {
	case d.trouble == now.Reason || !d.told.may(now.Reason, time.Now()):
		return
	case now.Absent:
		d.log.Info("nothing to record so far", "reason", now.Reason)
	default:
		d.log.Warn("stored frames do not come", "error", err)
	}
	d.trouble = now.Reason
}

func (d *Durable) ready() {
	d.mu.Lock()
	d.state.Ready, d.state.Absent, d.state.Reason = true, false, ""
	d.mu.Unlock()
	if d.trouble != "" {
		d.log.Info("stored frames come again", "was", d.trouble)
		d.trouble = ""
	}
}

// told is what was logged in the last minute, and when. The run loop's own.
type told map[string]time.Time

// may says whether text may be logged now, and notes that it is.
func (t told) may(text string, now time.Time) bool {
	maps.DeleteFunc(t, func(_ string, at time.Time) bool { return now.Sub(at) >= suspectFor })
	if _, lately := t[text]; lately {
		return false
	}
	t[text] = now
	return true
}

func (d *Durable) awaitConnection(ctx context.Context) error {
	connected := d.nc.StatusChanged(nats.CONNECTED)
	defer d.nc.RemoveStatusListener(connected)
	for !d.nc.IsConnected() {
		d.explain(ErrDisconnected)
		select {
		case <-connected:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// receive hands messages over until something is wrong.
func (d *Durable) receive(ctx context.Context) error {
	lost := d.nc.StatusChanged(nats.RECONNECTING, nats.DISCONNECTED, nats.CLOSED)
	defer d.nc.RemoveStatusListener(lost)
	arrived := make(chan *nats.Msg, 2*d.pullBatch+64) // more does not come of two requests
	inbox := d.nc.NewInbox()
	sub, err := d.nc.ChanSubscribe(inbox+".*", arrived)
	if err != nil {
		return ErrDisconnected
	}
	defer func() { _ = sub.Unsubscribe() }() // fails only where the connection has gone
	subject := "$JS.API.CONSUMER.MSG.NEXT." + d.id.StreamName() + "." + d.o.Name
	ctx, stop := d.refused.watch(ctx, subject)
	defer stop()
	silence := time.NewTimer(pullSilence)
	defer silence.Stop()
	asked := asking{open: make(map[string]bool)}
	for n := 1; ; {
		for asked.room(d.pullBytes, d.pullBytes <= d.o.PullBytes/2) {
			reply := fmt.Sprintf("%s.%d", inbox, n)
			n++
			request, err := json.Marshal(struct {
				Expires   time.Duration `json:"expires"`
				Batch     int           `json:"batch"`
				MaxBytes  int           `json:"max_bytes"`
				Heartbeat time.Duration `json:"idle_heartbeat"`
			}{d.pullExpires, d.pullBatch, d.pullBytes, min(pullHeartbeat, d.pullExpires/3)})
			if err != nil {
				return fmt.Errorf("ask for stored frames: %w", err)
			}
			if err := d.nc.PublishRequest(subject, reply, request); err != nil {
				return ErrDisconnected
			}
			asked.add(reply, d.pullBatch, d.pullBytes)
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-lost:
			return ErrDisconnected
		case <-silence.C:
			if len(arrived) == 0 { // the caller may have taken long, and not the server
				return fmt.Errorf("%w for %v", errNoAnswer, pullSilence)
			}
		case m := <-arrived:
			if err := d.take(ctx, m, &asked); err != nil {
				return err
			}
		}
		silence.Reset(pullSilence)
	}
}

// take handles one message of the server.
func (d *Durable) take(ctx context.Context, m *nats.Msg, asked *asking) error {
	if strings.HasPrefix(m.Reply, "$JS.ACK.") {
		asked.messages--
		asked.bytes -= m.Size()
		return d.accept(ctx, m)
	}
	status, text := m.Header.Get("Status"), strings.ToLower(m.Header.Get("Description"))
	switch {
	case status == "":
		d.log.Debug("a message that is neither a frame nor the server's", "subject", m.Subject)
	case !asked.open[m.Subject] && status != "503": // of a request that counts no more
	case status == "100": // the server is there
		d.ready()
	case status == "404", status == "408", strings.Contains(text, "batch completed"): // none for so long
		asked.end(m)
	case strings.Contains(text, "message size exceeds"):
		if asked.end(m) < d.pullBytes {
			return nil // it had brought others
		}
		if d.pullBytes >= mostPullBytes {
			return fmt.Errorf("a stored frame does not fit %d bytes, which is all that can be asked for at a time", d.pullBytes)
		}
		d.pullBytes = min(max(2*d.pullBytes, d.o.PullBytes), mostPullBytes)
		d.log.Info("a stored frame is larger than what is asked for at a time: asking for more", "bytes", d.pullBytes)
	case status == "503":
		return errors.New("the consumer does not answer")
	default: // consumer deleted, leadership change, server shutdown
		return fmt.Errorf("the server ends the delivery: %.80s", text)
	}
	return nil
}

// mostPullBytes is the largest message that a NATS server can be made to take.
const mostPullBytes = 64<<20 + 64<<10

// accept hands a message over if it is the next one.
func (d *Durable) accept(ctx context.Context, m *nats.Msg) error {
	meta, err := m.Metadata()
	if err != nil || meta.Stream != d.id.StreamName() || meta.Consumer != d.o.Name {
		d.log.Debug("a message of another consumer", "reply", m.Reply)
		return nil
	}
	number := meta.Sequence.Stream
	s := Stored{Number: number, At: meta.Timestamp, Pending: meta.NumPending, Header: m.Header, Data: m.Data, reply: m.Reply, generation: d.generation}
	switch {
	case number <= d.last:
		d.again(s)
		return nil
	case number > d.last+1:
		gone, err := d.isGone(ctx, number)
		if err != nil {
			return err
		}
		if !gone {
			return errLost
		}
		if before := d.reached(); before > 0 && number > before { // or the stream begins here, for this caller
			s.Skipped = number - before - 1
		}
	}
	s.Frame, err = frame.Decode(m.Subject, m.Header, m.Data, frame.Limits{})
	if err == nil && s.Frame.Camera != d.id {
		err = &frame.RejectError{Reason: frame.ReasonSubject, Detail: "a frame of camera " + string(s.Frame.Camera)}
	}
	if rejected := new(frame.RejectError); errors.As(err, &rejected) {
		s.Rejected, s.Frame = rejected, frame.Frame{}
	}
	known := d.has(s)
	if verify := d.verify; verify != 0 {
		d.verify = 0
		if number == verify && !known && d.o.Has != nil {
			return d.startOver(ctx)
		}
		known = known || number == verify // who has no Has is believed
	}
	return d.hand(ctx, s, known)
}

// has says whether s is a frame that the caller has.
func (d *Durable) has(s Stored) bool {
	if s.Rejected != nil || d.o.Has == nil {
		return false
	}
	number := s.Number
	if d.renumbered {
		number = 0
	}
	return d.o.Has(s.Frame.Epoch, s.Frame.Seq, number)
}

// hand gives s to the caller, unless it has it.
func (d *Durable) hand(ctx context.Context, s Stored, known bool) error {
	d.ready()
	if known {
		d.last = s.Number
		d.again(s)
		return nil
	}
	d.doubt = [2]uint64{}
	s.Restarted = d.restarted
	d.mu.Lock()
	d.handed++
	s.order = d.handed
	d.mu.Unlock()
	select {
	case d.out <- s:
	case <-ctx.Done():
		d.mu.Lock()
		d.handed--
		d.mu.Unlock()
		return context.Cause(ctx)
	}
	d.last, d.restarted = s.Number, false
	d.count(func(state *DurableState) {
		state.Pending = s.Pending
		state.Lost += s.Skipped
	})
	return nil
}

// again deals with a message that the caller has. It is acknowledged where nothing up to it waits for
// the caller's own acknowledgement: a server that waits for too many delivers no further ones.
func (d *Durable) again(s Stored) {
	d.mu.Lock()
	d.state.Duplicates++
	d.state.Pending = s.Pending
	safe := d.handed == d.acked
	d.mu.Unlock()
	if safe {
		_ = d.acknowledge(s) // or it comes again
	}
}

func (d *Durable) count(note func(*DurableState)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	note(&d.state)
}

// isGone says whether the stream has dropped everything between d.last and the message of that
// number. Otherwise it was lost on the way here: to acknowledge the message would lose it for good.
func (d *Durable) isGone(ctx context.Context, number uint64) (bool, error) {
	stream, err := d.streamInfo(ctx)
	refusal := new(refusedError)
	switch {
	case err == nil && stream.State.FirstSeq >= number:
		return true, nil
	case err != nil && !errors.As(err, &refusal):
		return false, err
	}
	// A hole in the middle, or a user who may not see the stream. What was delivered and has not
	// arrived is delivered again, and before all else; where the next message is the same
	// even then, there is nothing between.
	hole := [2]uint64{d.last, number}
	if d.doubt == hole {
		return true, nil
	}
	d.doubt = hole
	return false, nil
}

// startOver begins with the first message of a stream that turned out to be another one.
func (d *Durable) startOver(ctx context.Context) error {
	d.log.Warn("the stream is not the one that was recorded before: all that it has is looked at", "number_before", d.last+1)
	d.restart()
	stream, err := d.streamInfo(ctx)
	if err != nil {
		return err
	}
	if _, err := d.recreate(ctx, stream); err != nil {
		return err
	}
	return errLost
}
