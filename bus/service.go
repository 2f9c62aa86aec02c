package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go/micro"

	"github.com/lensbus/lensbus/frame"
)

// Verb answers one kind of request to a camera. request is at most frame.MaxControlBytes long and
// may be anything. An error that is a [*ControlError] is told to the asker with its code; any
// other with code 500.
type Verb func(ctx context.Context, request []byte) (Reply, error)

// Reply is the answer to a request.
type Reply struct {
	Data   []byte
	Header map[string][]string
}

// JSONReply is a Reply that carries v.
func JSONReply(v any) (Reply, error) {
	data, err := json.Marshal(v)
	return Reply{Data: data}, err
}

// ServeCamera answers requests to a camera as an instance of the NATS micro service "camera" until
// the function that it returns is called, which is safe twice. A verb answers one request at a
// time; the ctx with which it is called ends with the service.
// now is the clock that answers are stamped with; nil means time.Now.
func (c *Conn) ServeCamera(ctx context.Context, id frame.CameraID, version string, status func() frame.Status, now func() time.Time, verbs map[string]Verb) (stop func(), err error) {
	if now == nil {
		now = time.Now
	}
	ctx, cancel := context.WithCancel(ctx)
	refusals := c.metrics.refusalsOf(id)
	service, err := newService(c.control, micro.Config{
		Name:        frame.ServiceName,
		Version:     version,
		Description: "a camera on a lensbus",
		Metadata:    map[string]string{frame.ServiceMetadataCamera: string(id)},
	}, c.leftUnanswered(id))
	if err != nil {
		cancel()
		return nil, fmt.Errorf("service of camera %s: %w", id, err)
	}
	service.data = func(endpoint string) any {
		if endpoint != frame.VerbGet { // once is enough
			return nil
		}
		return status()
	}
	stop = func() {
		cancel()
		service.stop()
	}
	for name, verb := range verbs {
		// No queue: one process answers for a camera, and a queue would hide a second one.
		err := service.endpoint(name, id.ControlSubject(name), "", func(r micro.Request) {
			if code := serve(ctx, verb, now, r); code != 0 {
				refusals.count(reasonOf(code))
			}
		})
		if err != nil {
			stop()
			return nil, fmt.Errorf("service of camera %s, %s: %w", id, name, err)
		}
	}
	return stop, nil
}

// serve answers a request, and returns the code of a refusal, else 0.
func serve(ctx context.Context, verb Verb, now func() time.Time, r micro.Request) (refused int) {
	received := now()
	var reply Reply
	var err error
	if len(r.Data()) > frame.MaxControlBytes {
		err = &ControlError{Code: 413, Text: fmt.Sprintf("a request of %d bytes, at most %d", len(r.Data()), frame.MaxControlBytes)}
	} else {
		reply, err = verb(ctx, r.Data())
	}
	header := micro.Headers{}
	for key, values := range reply.Header {
		header[key] = values
	}
	header[frame.HeaderReceived] = []string{strconv.FormatInt(received.UnixNano(), 10)}
	header[frame.HeaderSent] = []string{strconv.FormatInt(now().UnixNano(), 10)}
	if err != nil {
		code, text := 500, err.Error()
		if refusal := new(ControlError); errors.As(err, &refusal) {
			code, text = refusal.Code, refusal.Text
		}
		_ = r.Error(strconv.Itoa(code), oneLine(text), nil, micro.WithHeaders(header)) // the asker may be gone
		return code
	}
	_ = r.Respond(reply.Data, micro.WithHeaders(header))
	return 0
}

// oneLine makes an error fit a header.
func oneLine(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > 1000 {
		text = text[:1000] + "…"
	}
	return text
}

// List asks all cameras for their status and calls found with each answer, until ctx is done or no
// further answer comes for quiet. found is called from one goroutine. Who may not ask all cameras at
// once, as nobody but an administrator may where there are users, gets [ErrNotAllowed] at once.
func (c *Conn) List(ctx context.Context, quiet time.Duration, found func(frame.Status)) error {
	err := c.discover(ctx, micro.StatsVerb, frame.ServiceName, quiet, func(data []byte) (more bool) {
		var stats struct {
			Endpoints []struct {
				Data json.RawMessage `json:"data"`
			} `json:"endpoints"`
		}
		if json.Unmarshal(data, &stats) != nil {
			return true
		}
		for _, endpoint := range stats.Endpoints {
			var who struct {
				ID frame.CameraID `json:"id"`
			}
			if json.Unmarshal(endpoint.Data, &who) != nil {
				continue
			}
			// As strictly as a published one: anybody may call himself a camera.
			if s, err := frame.DecodeStatus(who.ID.StatusSubject(), endpoint.Data); err == nil {
				found(s)
			}
		}
		return true
	})
	if err != nil {
		return fmt.Errorf("list cameras: %w", err)
	}
	return nil
}

// discover asks all instances of a micro service, and calls answer with each answer until it wants no
// more, none comes for quiet, or ctx is done. Its errors are ctx's and [ErrNotAllowed].
func (c *Conn) discover(ctx context.Context, verb micro.Verb, service string, quiet time.Duration, answer func([]byte) (more bool)) error {
	if c.narrow.Load() {
		return ErrNotAllowed
	}
	inbox := c.control.NewRespInbox()
	sub, err := c.control.SubscribeSync(inbox)
	if err != nil {
		return err
	}
	defer func() { _ = sub.Unsubscribe() }()
	subject, err := micro.ControlSubject(verb, service, "")
	if err != nil {
		return err
	}
	watched, stop := c.refused.watch(ctx, subject)
	defer stop()
	if err := c.control.PublishRequest(subject, inbox, nil); err != nil {
		return err
	}
	for {
		waiting, cancel := context.WithTimeout(watched, quiet)
		msg, err := sub.NextMsgWithContext(waiting)
		cancel()
		switch {
		case refusalOf(watched) != nil:
			c.narrow.Store(true) // the server would log every further try
			return ErrNotAllowed
		case err != nil: // no responders, quiet, or ctx
			return ctx.Err()
		case !answer(msg.Data):
			return nil
		}
	}
}
