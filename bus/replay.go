package bus

import (
	"context"
	"io"
	"time"

	"github.com/lensbus/lensbus/frame"
)

// ReplayOptions say what to replay and how. The zero value replays all there is as fast as it is
// taken.
type ReplayOptions struct {
	// From is the first moment, by the publisher's clock; zero: the oldest frame there is.
	From time.Time
	// To is the moment after the last; zero: up to the newest frame there is when it is reached.
	To time.Time
	// Follow goes on with new frames instead of ending at the newest; To must be zero.
	Follow bool
	// Speed is how many seconds pass in the recording for one of the clock, 0.1 to 64; the recorder
	// keeps it. 0 sends as fast as Next takes: for those who keep their own clock.
	Speed float64
	// Every leaves out frames that were captured less than this after the last one; 0 sends all.
	Every time.Duration
	// Window is how many bytes may be under way and waiting for Next. Default 2 MiB. One frame always
	// may.
	Window int
}

// Replay receives recorded frames, in order, each once. Nothing queues for it but what its window
// holds: a pause is not calling Next. It is for one goroutine, but Close. Seeking is closing one
// and asking for another.
type Replay struct {
	gap *frame.Gap
}

// Replay asks the camera's recorder for frames. It waits for the recorder's answer. Its errors are
// [ErrNoRecorder], a [*RecorderError] (code 404 where nothing is recorded there, 429 where too many
// replay), and ctx's. Close the Replay after use; ctx is only for the asking.
func (c *Conn) Replay(ctx context.Context, id frame.CameraID, o ReplayOptions) (*Replay, error) {
	return nil, ErrNoRecorder
}

// Next waits for the next frame. It returns [io.EOF] at the end of what was asked for, ctx's error
// when ctx is done, [ErrClosed] after Close, an error that wraps [ErrInterrupted] where recorder or
// connection went away, and a [*RecorderError] where the recorder stopped early and says why.
// After an error other than ctx's it returns the same again.
func (r *Replay) Next(ctx context.Context) (frame.Frame, error) { return frame.Frame{}, io.EOF }

// Gap is what is missing right before the frame that Next returned last, or, after io.EOF, before
// the end; nil where nothing is.
func (r *Replay) Gap() *frame.Gap { return r.gap }

// Close ends the replay, for the recorder too. It does not wait for the recorder, and is safe twice
// and while Next waits.
func (r *Replay) Close() error { return nil }
