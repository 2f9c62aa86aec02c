package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"github.com/lensbus/lensbus/frame"
)

// Job is the recorder's end of a replay or export: it sends what the asker has granted, and no
// more. Its methods are for one goroutine.
type Job struct {
	nc     *framesConn
	id     frame.CameraID
	name   string
	inbox  string
	silent time.Duration
	cancel context.CancelCauseFunc

	frames uint64
	bytes  int64
	rest   time.Time

	mu      sync.Mutex
	number  uint64 // of the last message; 0: not begun
	sent    time.Time
	heard   time.Time
	granted int64
	more    chan struct{} // closed and replaced when granted grows
}

// begin runs a job for the request in a goroutine of the service's own.
func begin[T interface{ Check() error }](ctx context.Context, s *recorderServer, r micro.Request, verb string, run func(context.Context, T, *Job) error) error {
	request, err := decodeRequest[T](r.Data())
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errServiceEnds
	}
	s.jobs.Go(func() {
		ctx, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		j := &Job{
			nc: s.nc, id: s.Camera, name: strings.ToLower(frame.NewEpoch()), inbox: r.Reply(),
			silent: s.Silence, cancel: cancel, heard: time.Now(), more: make(chan struct{}),
		}
		switch request := any(request).(type) {
		case frame.ReplayRequest:
			j.granted = request.Credit
		case frame.ExportRequest:
			j.granted = request.Credit
		}
		// The credit subject last: an asker takes its end for the recorder's.
		credit, err := j.nc.Subscribe(j.id.CreditSubject(j.name), j.hear)
		if err == nil {
			defer func() { _ = credit.Unsubscribe() }() // fails only where the connection has ended
			err = j.run(ctx, func() error { return run(ctx, request, j) })
		}
		j.finish(ctx, verb, err)
	})
	return nil
}

// Asker says who asks, as far as its inbox tells: for a broker with users the user, who has an inbox of its
// own, for one without, the connection. It is no name to trust beyond that: whoever may send to any inbox can
// be anybody.
func (j *Job) Asker() string { return askerOf(j.inbox) }

// askerOf is the part of an inbox's subject that is the same for all inboxes of one asker. Those of no asker
// that can be told from others, _INBOX.<random>, are all one.
func askerOf(inbox string) string {
	first, rest, _ := strings.Cut(inbox, ".")
	second, _, more := strings.Cut(rest, ".")
	if first != inboxes || !more {
		return first
	}
	return first + "." + second
}

// run shows that the recorder is there while work goes on.
func (j *Job) run(ctx context.Context, work func() error) error {
	var pulse sync.WaitGroup
	defer pulse.Wait()
	beating, stop := context.WithCancel(ctx)
	defer stop()
	pulse.Go(func() { j.beat(beating) })
	return work()
}

// hear takes a Credit, which may be anything, or the server's word that nobody receives what is sent.
func (j *Job) hear(m *nats.Msg) {
	if nobodyThere(m) {
		j.cancel(errAskerEnded)
		return
	}
	var credit frame.Credit
	if json.Unmarshal(m.Data, &credit) != nil {
		return
	}
	if credit.End {
		j.cancel(errAskerEnded)
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.heard = time.Now()
	if credit.Bytes > j.granted {
		j.granted = credit.Bytes
		close(j.more)
		j.more = make(chan struct{})
	}
}

// beat shows the asker that the recorder is there, and ends the job of one that is not.
func (j *Job) beat(ctx context.Context) {
	tick := time.NewTicker(min(frame.CreditInterval, j.silent) / 2)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		now := time.Now()
		j.mu.Lock()
		gone := now.Sub(j.heard) > j.silent
		quiet := j.number > 0 && now.Sub(j.sent) >= frame.CreditInterval/2
		j.mu.Unlock()
		if gone {
			j.cancel(errAskerSilent)
			return
		}
		if quiet {
			_ = j.send(frame.JobIdle, nil, nil) // the next one that matters says it
		}
	}
}

// Begin tells the asker that its request is granted, and about how much there is to come. What
// fails before is a refusal, what fails after it ends the job early.
func (j *Job) Begin(frames uint64, bytes int64) error {
	return j.sendJSON(frame.JobBegin, frame.Job{Job: j.name, Frames: frames, Bytes: bytes})
}

// Gap tells the asker that frames are missing before what is sent next.
func (j *Job) Gap(gap frame.Gap) error {
	return j.sendJSON(frame.JobGap, gap)
}

// Ready waits until the asker takes something. Its error is ctx's cause.
func (j *Job) Ready(ctx context.Context) error {
	for {
		j.mu.Lock()
		ready, more := j.bytes < j.granted, j.more
		j.mu.Unlock()
		if ready && ctx.Err() == nil {
			return nil
		}
		select {
		case <-more:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// Frame sends a frame as it was published, when the asker takes it.
func (j *Job) Frame(ctx context.Context, f *frame.Frame) error {
	if err := j.Ready(ctx); err != nil {
		return err
	}
	if err := j.send("", f.Header(false), f.Data); err != nil {
		return err
	}
	j.frames++
	j.bytes += int64(len(f.Data))
	return nil
}

// Data sends the next bytes of a file, when the asker takes them. captured says how far the file is.
func (j *Job) Data(ctx context.Context, data []byte, captured time.Time) error {
	if err := j.Ready(ctx); err != nil {
		return err
	}
	header := nats.Header{}
	if !captured.IsZero() {
		header.Set(frame.HeaderCaptured, strconv.FormatInt(captured.UnixNano(), 10))
	}
	if err := j.send(frame.JobData, header, data); err != nil {
		return err
	}
	j.bytes += int64(len(data))
	return nil
}

// Exported notes how many frames a file holds.
func (j *Job) Exported(frames uint64) { j.frames = frames }

// Rest notes where a split export goes on.
func (j *Job) Rest(captured time.Time) { j.rest = captured }

// finish sends the last message of a job, or the refusal of one that never began.
func (j *Job) finish(ctx context.Context, verb string, err error) {
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	switch {
	case errors.Is(err, errAskerEnded):
		return
	case j.number == 0 && err == nil:
		err = fmt.Errorf("%s: it never began", verb)
		fallthrough
	case j.number == 0:
		j.refuse(err)
		return
	}
	end := frame.JobEnd{Frames: j.frames, Bytes: j.bytes, Rest: j.rest}
	if err != nil {
		said := saidOf(err)
		end.Error, end.Code = said.Text, said.Code
	}
	_ = j.sendJSON(frame.JobLast, end) // the asker may be gone
}

// refuse answers a request for a job that does not begin. The request itself is the service's again by
// then.
func (j *Job) refuse(err error) {
	said := saidOf(err)
	header := nats.Header{micro.ErrorHeader: {said.Text}, micro.ErrorCodeHeader: {strconv.Itoa(said.Code)}}
	_ = j.nc.PublishMsg(&nats.Msg{Subject: j.inbox, Header: header}) // the asker may be gone
}

func (j *Job) sendJSON(kind string, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return j.send(kind, nil, data)
}

// send publishes a message with its number. One that the connection does not take ends the job,
// because the asker would miss it.
func (j *Job) send(kind string, header nats.Header, data []byte) error {
	if header == nil {
		header = nats.Header{}
	}
	if kind != "" {
		header[frame.HeaderJob] = []string{kind}
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.number++
	header[frame.HeaderJobNumber] = []string{strconv.FormatUint(j.number, 10)}
	// With a reply subject the server tells where nobody receives it: an asker that was killed, or that
	// has changed its mind before the job began.
	m := &nats.Msg{Subject: j.inbox, Reply: j.id.CreditSubject(j.name), Header: header, Data: data}
	if err := j.nc.PublishMsg(m); err != nil {
		return fmt.Errorf("send to the asker: %w", err)
	}
	j.sent = time.Now()
	return nil
}
