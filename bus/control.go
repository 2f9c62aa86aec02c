package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"github.com/lensbus/lensbus/frame"
)

// ErrNoCamera: nobody publishes that camera now.
var ErrNoCamera = errors.New("no such camera on the bus")

// ControlError is a camera's refusal.
type ControlError struct {
	Camera frame.CameraID
	Verb   string
	// Code is like an HTTP status: 400 a request that makes no sense, 404 no such thing, 409 the
	// camera cannot do that, 413 too long, 503 not now.
	Code int
	Text string
}

func (e *ControlError) Error() string {
	return fmt.Sprintf("camera %s refuses %s: %s", e.Camera, e.Verb, e.Text)
}

// Control asks a camera: verb is one of frame's, request is sent as JSON (nil sends nothing), and
// the answer is decoded into answer (nil drops it). Its errors are [ErrNoCamera], [ErrNotAllowed], a
// [*ControlError], and ctx's. Every answer adds to what is known of the publisher's clock.
func (c *Conn) Control(ctx context.Context, id frame.CameraID, verb string, request, answer any) error {
	msg, err := c.ask(ctx, id, verb, request)
	if err != nil {
		return err
	}
	if answer == nil {
		return nil
	}
	if err := json.Unmarshal(msg.Data, answer); err != nil {
		return fmt.Errorf("camera %s answers %s: %w", id, verb, err)
	}
	return nil
}

// Snapshot asks a camera for its newest frame, scaled down to width pixels where width is over 0.
func (c *Conn) Snapshot(ctx context.Context, id frame.CameraID, width int) (frame.Frame, error) {
	msg, err := c.ask(ctx, id, frame.VerbSnapshot, frame.SnapshotRequest{Width: width})
	if err != nil {
		return frame.Frame{}, err
	}
	f, err := frame.Decode(id.FrameSubject(), msg.Header, msg.Data, frame.Limits{})
	if err == nil {
		f, err = c.opener.OpenAs(f, frame.VerbSnapshot)
	}
	if err != nil {
		return frame.Frame{}, fmt.Errorf("snapshot of camera %s: %w", id, err)
	}
	return f, nil
}

func (c *Conn) ask(ctx context.Context, id frame.CameraID, verb string, request any) (*nats.Msg, error) {
	var data []byte
	if request != nil {
		var err error
		if data, err = json.Marshal(request); err != nil {
			return nil, fmt.Errorf("ask camera %s to %s: %w", id, verb, err)
		}
	}
	asked := time.Now()
	msg, err := c.request(ctx, id.ControlSubject(verb), data)
	answered := time.Now()
	if refusal := new(refusedError); errors.As(err, &refusal) {
		return nil, &notAllowedError{id, verbWords(verb)}
	}
	if errors.Is(err, nats.ErrNoResponders) {
		return nil, fmt.Errorf("ask camera %s to %s: %w", id, verb, ErrNoCamera)
	}
	if err != nil {
		return nil, fmt.Errorf("ask camera %s to %s: %w", id, verb, err)
	}
	received, okR := unixNano(msg.Header.Get(frame.HeaderReceived))
	sent, okS := unixNano(msg.Header.Get(frame.HeaderSent))
	if okR && okS {
		c.clockOf(id).observe(asked, received, sent, answered)
	}
	if text := msg.Header.Get(micro.ErrorHeader); text != "" {
		code, _ := strconv.Atoi(msg.Header.Get(micro.ErrorCodeHeader))
		return nil, &ControlError{Camera: id, Verb: verb, Code: code, Text: text}
	}
	return msg, nil
}

func (c *Conn) publishJSON(subject, reply string, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return c.control.PublishRequest(subject, reply, data)
}

func unixNano(text string) (time.Time, bool) {
	n, err := strconv.ParseInt(text, 10, 64)
	return time.Unix(0, n), err == nil && n > 0
}

// Offset returns how far the clock of the camera's publisher is from this machine's, as the
// answers of Control and the leases of Watch have shown; false while nothing is known.
func (c *Conn) Offset(id frame.CameraID) (Offset, bool) {
	known, ok := c.clocks.Load(id)
	if !ok {
		return Offset{}, false
	}
	return known.(*clock).estimate(time.Now())
}

func (c *Conn) clockOf(id frame.CameraID) *clock {
	known, ok := c.clocks.Load(id)
	if !ok {
		known, _ = c.clocks.LoadOrStore(id, new(clock))
	}
	return known.(*clock)
}
