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

// Errors that viewers of recordings decide on.
var (
	// ErrNoRecorder: no recorder has that camera now, or this user may not ask it.
	ErrNoRecorder = errors.New("no recorder for that camera on the bus")
	// ErrInterrupted: the recorder or the connection to it went away in the middle. What came before
	// is right; whoever wants the rest asks anew, from the last frame on.
	ErrInterrupted = errors.New("the recorder went away in the middle")
)

// RecorderError is a recorder's refusal, or its word on why it stopped.
type RecorderError struct {
	Camera frame.CameraID
	Verb   string
	// Code is like an HTTP status: 400 a request that makes no sense, 404 nothing is recorded there,
	// 409 the size changes in the range, 413 too long, 429 too many at a time, 500 it went wrong,
	// 503 not now.
	Code int
	Text string
}

func (e *RecorderError) Error() string {
	return fmt.Sprintf("recorder of camera %s: %s: %s", e.Camera, e.Verb, e.Text)
}

// Ranges asks what is recorded of the camera between two moments, zero ones for no bound, and what
// is missing. Times are by the publisher's clock. Nothing recorded there is no error: the answer is
// empty. Its errors are [ErrNoRecorder], a [*RecorderError], and ctx's.
func (c *Conn) Ranges(ctx context.Context, id frame.CameraID, from, to time.Time) (frame.Ranges, error) {
	data, err := json.Marshal(frame.RangesRequest{From: from, To: to})
	if err != nil {
		return frame.Ranges{}, fmt.Errorf("ask for what is recorded of camera %s: %w", id, err)
	}
	msg, err := c.control.RequestWithContext(ctx, id.RecorderSubject(frame.VerbRanges), data)
	switch {
	case errors.Is(err, nats.ErrNoResponders):
		return frame.Ranges{}, fmt.Errorf("ask for what is recorded of camera %s: %w", id, ErrNoRecorder)
	case err != nil:
		return frame.Ranges{}, fmt.Errorf("ask for what is recorded of camera %s: %w", id, err)
	}
	if err := refusal(id, frame.VerbRanges, msg); err != nil {
		return frame.Ranges{}, err
	}
	var ranges frame.Ranges
	if err := json.Unmarshal(msg.Data, &ranges); err != nil {
		return frame.Ranges{}, fmt.Errorf("recorder of camera %s answers ranges: %w", id, err)
	}
	return ranges, nil
}

// refusal is the *RecorderError that msg is, or nil.
func refusal(id frame.CameraID, verb string, msg *nats.Msg) error {
	text := msg.Header.Get(micro.ErrorHeader)
	if text == "" {
		return nil
	}
	code, _ := strconv.Atoi(msg.Header.Get(micro.ErrorCodeHeader))
	return &RecorderError{Camera: id, Verb: verb, Code: code, Text: text}
}
