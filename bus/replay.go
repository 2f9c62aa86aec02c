package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
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
	// PassSealed passes over as many frames as there are that no key here opens. Else Next ends with an error
	// at the 17th in a row: who looks at it should not wait for what may never come.
	PassSealed bool
}

// mostSealed is how many frames in a row may be sealed to others for one who looks at them.
const mostSealed = 16

// Replay receives recorded frames, in order, each once. Nothing queues for it but what its window
// holds: a pause is not calling Next. It is for one goroutine, but Close. Seeking is closing one
// and asking for another.
type Replay struct {
	job        *job
	opener     Opener
	passSealed bool
	order      *replayOrder // nil: without a key there is nothing to hold the recorder to
	gaps       []frame.Gap  // before the frame that was returned last
	opened     bool         // some have been
	sealed     int          // no key here opens them, in a row
}

// Replay asks the camera's recorder for frames. It waits for the recorder's answer. Its errors are
// [ErrNoRecorder], a [*RecorderError] (code 404 where nothing is recorded there, 429 where too many
// replay), and ctx's. Close the Replay after use; ctx is only for the asking.
func (c *Conn) Replay(ctx context.Context, id frame.CameraID, o ReplayOptions) (*Replay, error) {
	if o.Window <= 0 {
		o.Window = defaultWindow
	}
	request := frame.ReplayRequest{
		From: o.From, To: o.To, Follow: o.Follow, Speed: o.Speed,
		EveryMS: o.Every.Milliseconds(), Credit: int64(o.Window),
	}
	if err := request.Check(); err != nil {
		return nil, &RecorderError{Camera: id, Verb: frame.VerbReplay, Code: 400, Text: err.Error()}
	}
	job, err := c.startJob(ctx, id, frame.VerbReplay, o.From, o.To, request, int64(o.Window))
	if err != nil {
		return nil, err
	}
	r := &Replay{job: job, opener: c.opener, passSealed: o.PassSealed}
	if c.Opens() {
		r.order = &replayOrder{from: o.From, to: o.To, all: o.Every == 0}
	}
	return r, nil
}

// Next waits for the next frame. It returns [io.EOF] at the end of what was asked for, ctx's error
// when ctx is done, [ErrClosed] after Close, an error that wraps [ErrInterrupted] where recorder or
// connection went away, and a [*RecorderError] where the recorder stopped early and says why.
// After an error other than ctx's it returns the same again.
//
// Frames are opened with the connection's [Options.Opener]. A stretch that no key here opens is a gap; where
// nothing else is there, or no key is, or o.PassSealed is not set and it is long, Next ends with a
// [*frame.RejectError] of the reason sealed. With an Opener the recorder is not taken at its word: frames whose
// seal is broken, of another time than was asked for, that were there already or are out of order are a gap,
// and so are numbers that are missing without a word.
func (r *Replay) Next(ctx context.Context) (frame.Frame, error) {
	r.gaps = nil
	for {
		msg, kind, err := r.job.next(ctx)
		if errors.Is(err, io.EOF) && !r.opened && r.sealed > 0 {
			return r.fail(frame.NoKey())
		}
		if err != nil {
			return frame.Frame{}, err
		}
		switch kind {
		case frame.JobGap:
			var gap frame.Gap
			if json.Unmarshal(msg.Data, &gap) == nil {
				r.missing(gap)
			}
		case "":
			r.job.grant(len(msg.Data))
			f, err := frame.Decode(r.job.id.FrameSubject(), msg.Header, msg.Data, frame.Limits{})
			if err != nil {
				return r.fail(err)
			}
			f, ok, err := r.open(f)
			if err != nil {
				return r.fail(err)
			}
			if ok && r.inOrder(&f) {
				return f, nil
			}
		}
	}
}

// fail ends the replay.
func (r *Replay) fail(err error) (frame.Frame, error) {
	r.job.err = fmt.Errorf("replay of camera %s: %w", r.job.id, err)
	return frame.Frame{}, r.job.err
}

// open returns a frame as it is shown. One whose seal is broken, or with no picture in it, is damage like any
// other, one that is sealed to others is not there for who has another key: a gap, and not ok.
func (r *Replay) open(f frame.Frame) (opened frame.Frame, ok bool, err error) {
	opened, err = r.opener.Open(f)
	gap := frame.Gap{From: f.Captured, To: f.Captured, Missing: 1, Reason: frame.GapRejected}
	rejected := new(frame.RejectError)
	switch {
	case err == nil:
		r.opened, r.sealed = true, 0
		return opened, true, nil
	case !errors.As(err, &rejected):
		return opened, false, err
	case rejected.Reason == frame.ReasonSealed:
		if r.sealed++; r.order == nil || r.sealed > mostSealed && !r.passSealed {
			return opened, false, err
		}
		gap.Reason = frame.GapSealed
	}
	r.missing(gap)
	return opened, false, nil
}

// inOrder says whether an opened frame is one to come now. One that is not is a gap where it came.
func (r *Replay) inOrder(f *frame.Frame) bool {
	if r.order == nil {
		return true
	}
	gap, ok := r.order.take(f, r.gaps)
	if !ok {
		at := r.order.from
		if r.order.last != nil {
			at = r.order.last.Captured
		}
		gap = frame.Gap{From: at, To: at, Missing: 1, Reason: frame.GapRejected}
	}
	if gap.Reason != "" {
		r.missing(gap)
	}
	return ok
}

// mostGaps is how many gaps are kept apart before one frame: no credit bounds them.
const mostGaps = 64

// missing notes a gap. Rejected frames in a row are one, as is what is beyond mostGaps.
func (r *Replay) missing(gap frame.Gap) {
	if last := len(r.gaps) - 1; last >= 0 && (last+1 == mostGaps || (gap.Reason == frame.GapRejected || gap.Reason == frame.GapSealed) && r.gaps[last].Reason == gap.Reason) {
		r.gaps[last] = r.gaps[last].And(gap)
		return
	}
	r.gaps = append(r.gaps, gap)
}

// Gaps are what is missing right before the frame that Next returned last, or, after io.EOF, before
// the end: several where frames are missing for several reasons.
func (r *Replay) Gaps() []frame.Gap { return r.gaps }

// Gap is all of Gaps as one, of the reason unknown where they have several; nil where nothing is missing.
func (r *Replay) Gap() *frame.Gap {
	if len(r.gaps) == 0 {
		return nil
	}
	gap := r.gaps[0]
	for _, next := range r.gaps[1:] {
		gap = gap.And(next)
	}
	return &gap
}

// Bytes is how much there is to come in all, about, as it was when the replay began.
func (r *Replay) Bytes() int64 { return r.job.about.Bytes }

// Close ends the replay, for the recorder too. It does not wait for the recorder, and is safe twice
// and while Next waits.
func (r *Replay) Close() error {
	r.job.close()
	return nil
}
