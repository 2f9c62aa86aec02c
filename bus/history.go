package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/lensbus/lensbus/frame"
)

// History reads what the broker's stream still holds of a camera, at any place and without a
// consumer: nothing is kept in the server for it. It is for any number of goroutines; there is
// nothing to close.
type History struct {
	nc *nats.Conn
	id frame.CameraID
}

// Batch is what a [History] read at a time.
type Batch struct {
	// Messages in the order of the stream. Of each, Number, At, Header, Data, and Frame or Rejected are set.
	Messages []Stored
	// Next is the number of the stream to read on from.
	Next uint64
	// Pending is how many messages the stream held after these, where any came.
	Pending uint64
}

// History returns what reads the camera's stream. It takes the right to
// $JS.API.DIRECT.GET.FRAMES_<id>.
func (c *Conn) History(id frame.CameraID) (*History, error) {
	recordings, err := c.forRecordings()
	if err != nil {
		return nil, fmt.Errorf("history of camera %s: %w", id, err)
	}
	return &History{nc: recordings.Conn, id: id}, nil
}

// historyWait is how long the server has for one batch.
const historyWait = 10 * time.Second

// Read returns the messages of the stream from the number on, at most so many, and the one with
// which so many bytes are full is the last. Nothing there (yet) is no error: the batch is empty. Its errors are
// [ErrNoPicture] where there is no such stream or this user may not read it, and ctx's.
func (h *History) Read(ctx context.Context, from uint64, messages, bytes int) (Batch, error) {
	batch, err := h.read(ctx, map[string]any{
		"seq": max(from, 1), "next_by_subj": h.id.FrameSubject(), "batch": max(messages, 1), "max_bytes": max(bytes, 1),
	})
	batch.Next = max(batch.Next, from)
	return batch, err
}

// Newest returns the newest message of the stream, if there is one.
func (h *History) Newest(ctx context.Context) (Batch, error) {
	return h.read(ctx, map[string]any{"last_by_subj": h.id.FrameSubject()})
}

func (h *History) read(ctx context.Context, request map[string]any) (Batch, error) {
	failed := func(err error) (Batch, error) {
		return Batch{}, fmt.Errorf("history of camera %s: %w", h.id, err)
	}
	ctx, cancel := context.WithTimeout(ctx, historyWait)
	defer cancel()
	if err := awaitConnected(ctx, h.nc); err != nil {
		return failed(err)
	}
	data, err := json.Marshal(request)
	if err != nil {
		return failed(err)
	}
	inbox := h.nc.NewInbox()
	sub, err := h.nc.SubscribeSync(inbox)
	if err != nil {
		return failed(err)
	}
	defer func() { _ = sub.Unsubscribe() }()             // fails only where the connection has ended
	if err := sub.SetPendingLimits(-1, -1); err != nil { // the request bounds what comes
		return failed(err)
	}
	if err := h.nc.PublishRequest("$JS.API.DIRECT.GET."+h.id.StreamName(), inbox, data); err != nil {
		return failed(err)
	}
	_, many := request["batch"]
	var batch Batch
	for {
		msg, err := sub.NextMsgWithContext(ctx)
		if errors.Is(err, nats.ErrNoResponders) || err == nil && nobodyThere(msg) {
			return failed(ErrNoPicture)
		}
		if err != nil {
			return failed(err)
		}
		if status := msg.Header.Get("Status"); status != "" {
			switch {
			case strings.HasPrefix(status, "404"):
				return batch, nil
			case strings.HasPrefix(status, "204"):
				batch.Pending = headerNumber(msg, "Nats-Num-Pending")
				return batch, nil
			}
			return failed(fmt.Errorf("the server answers %s %s", status, msg.Header.Get("Description")))
		}
		m := Stored{Number: headerNumber(msg, jetstream.SequenceHeader), Header: msg.Header, Data: msg.Data}
		if m.Number < batch.Next || m.Number == 0 {
			return failed(errors.New("the server answers with messages that are out of order"))
		}
		batch.Next = m.Number + 1
		m.At, _ = time.Parse(time.RFC3339Nano, msg.Header.Get(jetstream.TimeStampHeaer))
		m.Frame, err = frame.Decode(h.id.FrameSubject(), msg.Header, msg.Data, frame.Limits{})
		if err != nil && !errors.As(err, &m.Rejected) {
			return failed(err)
		}
		batch.Messages = append(batch.Messages, m)
		if !many {
			return batch, nil
		}
	}
}

func headerNumber(msg *nats.Msg, header string) uint64 {
	n, _ := strconv.ParseUint(msg.Header.Get(header), 10, 64)
	return n
}

// Find returns the number to read on from for what was captured at or after t: no frame from there on
// is older, or nothing is there yet. It reads one message for each halving of the stream. Capture
// times are taken to grow with the numbers; where a clock was set, what it returns is near that.
func (h *History) Find(ctx context.Context, t time.Time) (uint64, error) {
	first, err := h.Read(ctx, 1, 1, 1)
	if err != nil || len(first.Messages) == 0 {
		return 1, err
	}
	newest, err := h.Newest(ctx)
	if err != nil {
		return 0, err
	}
	low, high := first.Messages[0].Number, max(newest.Next, first.Next) // what is looked for is in [low, high]
	for low < high {
		middle := low + (high-low)/2
		f, number, err := h.from(ctx, middle, high)
		switch {
		case err != nil:
			return 0, err
		case number > 0 && f.Captured.Before(t):
			low = number + 1
		default:
			high = middle
		}
	}
	return low, nil
}

// from returns the first frame from number n on and before end, with its number, 0 where there is none.
func (h *History) from(ctx context.Context, n, end uint64) (frame.Frame, uint64, error) {
	for messages := 1; n < end; messages = streamProbe { // most messages are frames
		batch, err := h.Read(ctx, n, messages, 1<<20)
		if err != nil || len(batch.Messages) == 0 {
			return frame.Frame{}, 0, err
		}
		for _, m := range batch.Messages {
			if m.Rejected == nil {
				return m.Frame, m.Number, nil
			}
		}
		n = batch.Next
	}
	return frame.Frame{}, 0, nil
}

const streamProbe = 64
