package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/lensbus/lensbus/frame"
)

// job is the asker's end of a replay or export: it grants the recorder what there is room for, and
// hands on what comes, in order and nothing missing. next is for one goroutine.
type job struct {
	id     frame.CameraID
	verb   string
	nc     *nats.Conn
	sub    *nats.Subscription
	inbox  string
	about  frame.Job
	window int64

	number uint64 // of the last message
	end    frame.JobEnd
	gone   bool  // the server says that the recorder does not listen any more
	err    error // that next returns from now on
	stop   context.CancelFunc
	closed context.Context // done after close
	pulse  sync.WaitGroup

	mu       sync.Mutex
	consumed int64
	granted  int64
}

// defaultWindow is how much of a recording may be on its way to an asker: enough to keep a link of
// 100 Mbit/s and 160 ms busy, little enough to be forgotten when the asker seeks.
const defaultWindow = 2 << 20

// lastWords is how long what a recorder has sent may still be on its way once it does not listen.
const lastWords = 2 * time.Second

// startJob asks who has most of it, or any recorder, and waits for it to begin. ctx is for that only.
func (c *Conn) startJob(ctx context.Context, id frame.CameraID, verb string, from, to time.Time, request any, window int64) (*job, error) {
	ctx, cancel := context.WithTimeout(ctx, frame.JobSilence)
	defer cancel()
	if instance := c.choose(ctx, id, verb, from, to); instance != "" {
		j, err := c.startJobOf(ctx, id, verb, id.RecorderInstanceSubject(verb, instance), request, window)
		switch {
		case errors.Is(err, ErrNoRecorder): // it has gone just now
			c.recorders.forget(id, instance)
		case errors.Is(err, ErrNotAllowed): // but any of them, maybe
			c.recorders.tell(c.log, err)
		default:
			return j, err
		}
	}
	return c.startJobOf(ctx, id, verb, id.RecorderSubject(verb), request, window)
}

// startJobOf asks on a subject.
func (c *Conn) startJobOf(ctx context.Context, id frame.CameraID, verb, subject string, request any, window int64) (*job, error) {
	failed := func(err error) error { return fmt.Errorf("%s of camera %s: %w", verb, id, err) }
	data, err := json.Marshal(request)
	if err != nil {
		return nil, failed(err)
	}
	recordings, err := c.forRecordings()
	if err != nil {
		return nil, failed(err)
	}
	nc := recordings.Conn
	if err := awaitConnected(ctx, nc); err != nil {
		return nil, failed(err)
	}
	inbox := recordings.replies + "." + strings.ToLower(frame.NewEpoch())
	sub, err := nc.SubscribeSync(inbox)
	if err != nil {
		return nil, failed(err)
	}
	j := &job{id: id, verb: verb, nc: nc, sub: sub, inbox: inbox, window: window, granted: window}
	// What an honest recorder sends fits; what another sends is dropped, and missed by its number.
	if err := sub.SetPendingLimits(1<<16, int(window)+4*frame.DefaultLimits().Bytes); err != nil {
		return nil, failed(errors.Join(err, sub.Unsubscribe()))
	}
	if err := j.begin(ctx, &c.refused, subject, data); err != nil {
		_ = sub.Unsubscribe() // fails only where the connection has ended
		return nil, err
	}
	j.closed, j.stop = context.WithCancel(context.Background())
	j.pulse.Go(j.beat)
	return j, nil
}

func (j *job) begin(ctx context.Context, refused *denials, subject string, request []byte) error {
	failed := func(err error) error { return fmt.Errorf("%s of camera %s: %w", j.verb, j.id, err) }
	watched, stop := refused.watch(ctx, subject)
	defer stop()
	if err := j.nc.PublishRequest(subject, j.inbox, request); err != nil {
		return failed(err)
	}
	msg, err := j.sub.NextMsgWithContext(watched)
	if err != nil && refusalOf(watched) != nil {
		return &notAllowedError{j.id, verbWords(j.verb)}
	}
	if errors.Is(err, nats.ErrNoResponders) || err == nil && nobodyThere(msg) {
		return failed(ErrNoRecorder)
	}
	if err != nil {
		return failed(err)
	}
	return j.take(msg)
}

// take reads the recorder's first message.
func (j *job) take(msg *nats.Msg) error {
	failed := func(err error) error { return fmt.Errorf("%s of camera %s: %w", j.verb, j.id, err) }
	if err := refusal(j.id, j.verb, msg); err != nil {
		return err
	}
	if j.number = numberOf(msg); j.number != 1 || msg.Header.Get(frame.HeaderJob) != frame.JobBegin {
		return failed(errors.New("the recorder begins with something else than an answer"))
	}
	if err := json.Unmarshal(msg.Data, &j.about); err != nil {
		return failed(err)
	}
	if !frame.ValidName(j.about.Job) { // it becomes part of a subject
		return failed(fmt.Errorf("the recorder's name for it is none: %.40q", j.about.Job))
	}
	return nil
}

func nobodyThere(msg *nats.Msg) bool {
	return len(msg.Data) == 0 && msg.Header.Get("Status") == "503"
}

func numberOf(msg *nats.Msg) uint64 {
	n, _ := strconv.ParseUint(msg.Header.Get(frame.HeaderJobNumber), 10, 64)
	return n
}

// beat tells the recorder that somebody is still there, until close.
func (j *job) beat() {
	tick := time.NewTicker(frame.CreditInterval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			j.grant(0)
		case <-j.closed.Done():
			return
		}
	}
}

// grant takes n bytes as used up and tells the recorder where it would soon have to wait, or
// where n is 0. The server answers where the recorder is gone.
func (j *job) grant(n int) {
	j.mu.Lock()
	j.consumed += int64(n)
	total := j.consumed + j.window
	due := n == 0 || j.granted-j.consumed <= j.window/2
	if due {
		j.granted = total
	}
	j.mu.Unlock()
	if due {
		j.say(frame.Credit{Bytes: total})
	}
}

func (j *job) say(credit frame.Credit) {
	data, err := json.Marshal(credit)
	if err == nil {
		// One that is lost is made up for by the next: the numbers are totals.
		_ = j.nc.PublishRequest(j.id.CreditSubject(j.about.Job), j.inbox, data)
	}
}

// next returns the next message that means something and what it is: "" for a frame. It returns
// io.EOF after the last; then end says how it was.
func (j *job) next(ctx context.Context) (*nats.Msg, string, error) {
	for j.err == nil {
		patience := frame.JobSilence
		if j.gone {
			patience = lastWords
		}
		waiting, cancel := context.WithTimeout(ctx, patience)
		msg, err := j.sub.NextMsgWithContext(waiting)
		cancel()
		switch {
		case j.closed.Err() != nil:
			return nil, "", ErrClosed
		case err != nil && ctx.Err() != nil:
			return nil, "", ctx.Err()
		case errors.Is(err, context.DeadlineExceeded) && j.gone:
			j.err = j.interrupted("the recorder is gone")
			continue
		case errors.Is(err, context.DeadlineExceeded):
			j.err = j.interrupted(fmt.Sprintf("nothing was heard for %s", frame.JobSilence))
			continue
		case errors.Is(err, nats.ErrNoResponders):
			j.gone = true
			continue
		case errors.Is(err, nats.ErrSlowConsumer): // the number will tell whether something is missing
			continue
		case err != nil:
			j.err = j.interrupted(err.Error())
			continue
		}
		if kind, is := j.heard(msg); is {
			return msg, kind, nil
		}
	}
	return nil, "", j.err
}

// heard takes a message and says of what kind it is, and false where it means nothing to the caller: the
// recorder is still there, or is gone, or that was the last one and j.err says how it was.
func (j *job) heard(msg *nats.Msg) (kind string, is bool) {
	if nobodyThere(msg) {
		j.gone = true
		return "", false
	}
	if number := numberOf(msg); number != j.number+1 {
		j.err = j.interrupted(fmt.Sprintf("message %d came after %d", number, j.number))
		return "", false
	}
	j.number++
	switch kind = msg.Header.Get(frame.HeaderJob); kind {
	case frame.JobIdle:
		return "", false
	case frame.JobLast:
		j.err = io.EOF
		if err := json.Unmarshal(msg.Data, &j.end); err != nil {
			j.err = j.interrupted("its last message makes no sense")
		} else if j.end.Error != "" {
			j.err = &RecorderError{Camera: j.id, Verb: j.verb, Code: j.end.Code, Text: j.end.Error}
		}
		return "", false
	}
	return kind, true
}

func (j *job) interrupted(why string) error {
	return fmt.Errorf("%s of camera %s: %w: %s", j.verb, j.id, ErrInterrupted, why)
}

// close ends the job at both ends. It is safe twice and while next waits.
func (j *job) close() {
	if j.closed.Err() == nil {
		j.say(frame.Credit{End: true})
	}
	j.stop()
	_ = j.sub.Unsubscribe() // fails where it has ended
	j.pulse.Wait()
}
