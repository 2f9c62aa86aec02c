package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"github.com/lensbus/lensbus/frame"
)

// Errors that viewers of recordings decide on.
var (
	// ErrNoRecorder: no recorder has that camera now.
	ErrNoRecorder = errors.New("no recorder for that camera on the bus")
	// ErrInterrupted: the recorder or the connection to it went away in the middle. What came before
	// is right; whoever wants the rest asks anew, from the last frame on.
	ErrInterrupted = errors.New("interrupted")
)

// RecorderError is a recorder's refusal, or its word on why it stopped.
type RecorderError struct {
	Camera frame.CameraID
	Verb   string
	// Code is like an HTTP status: 400 a request that makes no sense, 404 nothing is recorded there,
	// 408 the asker was not heard of for too long, 409 the size changes in the range, 413 too long,
	// 423 the pictures are sealed, which can only be replayed, 429 too many at a time, 500 it went wrong, 503 not now.
	Code int
	Text string
}

func (e *RecorderError) Error() string {
	return fmt.Sprintf("recorder of camera %s: %s: %s", e.Camera, e.Verb, e.Text)
}

// Ranges asks what is recorded of the camera between two moments, zero ones for no bound, and what
// is missing: what all its recorders have together. Times are by the publisher's clock. Nothing recorded there is no
// error: the answer is empty. Its errors are [ErrNoRecorder], [ErrNotAllowed], a [*RecorderError], and ctx's.
func (c *Conn) Ranges(ctx context.Context, id frame.CameraID, from, to time.Time) (frame.Ranges, error) {
	request := frame.RangesRequest{From: from, To: to}
	if err := request.Check(); err != nil {
		return frame.Ranges{}, &RecorderError{Camera: id, Verb: frame.VerbRanges, Code: 400, Text: err.Error()}
	}
	answers, err := c.askEach(ctx, id, request)
	if err != nil {
		return frame.Ranges{}, err
	}
	return joinRanges(answers), nil
}

// RecorderCameras asks which cameras recorders have, until no further answer comes for quiet, and returns them
// sorted. No recorder is no error. Who may not ask all recorders at once gets those of its own cameras,
// and [ErrNotAllowed] where they are not known here.
func (c *Conn) RecorderCameras(ctx context.Context, quiet time.Duration) ([]frame.CameraID, error) {
	failed := func(err error) ([]frame.CameraID, error) { return nil, fmt.Errorf("list recorded cameras: %w", err) }
	var ids []frame.CameraID
	err := c.discover(ctx, micro.InfoVerb, frame.RecorderServiceName, quiet, func(data []byte) (more bool) {
		var info micro.Info
		if json.Unmarshal(data, &info) != nil {
			return true
		}
		if id, err := frame.ParseCameraID(info.Metadata[frame.ServiceMetadataCamera]); err == nil {
			ids = append(ids, id)
		}
		return len(ids) < frame.MaxRanges
	})
	if errors.Is(err, ErrNotAllowed) && c.scope != nil {
		err = nil
		for _, id := range c.scope {
			if _, err := c.Ranges(ctx, id, time.Now(), time.Time{}); err == nil {
				ids = append(ids, id)
			}
		}
	}
	if err != nil {
		return failed(err)
	}
	slices.Sort(ids)
	return slices.Compact(ids), ctx.Err()
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

// forRecordings returns the connection that replays, exports and the reading of streams share, so
// that recorded pictures delay neither live ones nor control.
func (c *Conn) forRecordings() (*framesConn, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, ErrClosed
	}
	if c.recordings == nil {
		recordings := new(framesConn)
		nc, err := c.dial("recordings", nats.WriteBufferSize(2<<20), recordings.option, recordings.watch)
		if err != nil {
			return nil, fmt.Errorf("connect to NATS: %w", err)
		}
		recordings.Conn = nc
		recordings.replies = nc.NewInbox()
		c.recordings = recordings
	}
	return c.recordings, nil
}

// awaitConnected waits until nc is connected.
func awaitConnected(ctx context.Context, nc *nats.Conn) error {
	if nc.IsConnected() {
		return nil
	}
	if _, err := roundTrip(ctx, nc); err != nil {
		return fmt.Errorf("%w: %w", ErrDisconnected, err)
	}
	return nil
}
