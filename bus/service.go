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
	service, err := micro.AddService(c.control, micro.Config{
		Name:        frame.ServiceName,
		Version:     version,
		Description: "a camera on a lensbus",
		Metadata:    map[string]string{frame.ServiceMetadataCamera: string(id)},
		StatsHandler: func(e *micro.Endpoint) any {
			if e.Name != frame.VerbGet { // once is enough
				return nil
			}
			return status()
		},
		// One process answers for a camera: a queue group would hide a second one.
		QueueGroupDisabled: true,
	})
	if err != nil {
		cancel()
		return nil, fmt.Errorf("service of camera %s: %w", id, err)
	}
	stop = func() {
		cancel()
		_ = service.Stop() // fails only where the connection has ended already
	}
	for name, verb := range verbs {
		handler := micro.HandlerFunc(func(r micro.Request) { serve(ctx, id, name, verb, now, r) })
		err := service.AddEndpoint(name, handler, micro.WithEndpointSubject(id.ControlSubject(name)))
		if err != nil {
			stop()
			return nil, fmt.Errorf("service of camera %s, %s: %w", id, name, err)
		}
	}
	return stop, nil
}

func serve(ctx context.Context, id frame.CameraID, name string, verb Verb, now func() time.Time, r micro.Request) {
	received := now()
	// An answer goes to an inbox and nowhere else: the asker chooses where, and must not make a
	// camera speak on a subject that the asker has no right to.
	if !strings.HasPrefix(r.Reply(), "_INBOX") {
		return
	}
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
		return
	}
	_ = r.Respond(reply.Data, micro.WithHeaders(header))
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
// further answer comes for quiet. found is called from one goroutine.
func (c *Conn) List(ctx context.Context, quiet time.Duration, found func(frame.Status)) error {
	inbox := c.control.NewRespInbox()
	sub, err := c.control.SubscribeSync(inbox)
	if err != nil {
		return fmt.Errorf("list cameras: %w", err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	subject, err := micro.ControlSubject(micro.StatsVerb, frame.ServiceName, "")
	if err != nil {
		return fmt.Errorf("list cameras: %w", err)
	}
	if err := c.control.PublishRequest(subject, inbox, nil); err != nil {
		return fmt.Errorf("list cameras: %w", err)
	}
	for {
		waiting, cancel := context.WithTimeout(ctx, quiet)
		msg, err := sub.NextMsgWithContext(waiting)
		cancel()
		if err != nil { // no responders, quiet, or ctx
			return ctx.Err()
		}
		var stats struct {
			Endpoints []struct {
				Data json.RawMessage `json:"data"`
			} `json:"endpoints"`
		}
		if json.Unmarshal(msg.Data, &stats) != nil {
			continue
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
	}
}
