package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
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
	job    *job
	opener Opener
	gaps   []frame.Gap // before the frame that was returned last
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
	job, err := c.startJob(ctx, id, frame.VerbReplay, request, int64(o.Window))
	if err != nil {
		return nil, err
	}
	return &Replay{job: job, opener: c.opener}, nil
}

// Next waits for the next frame. It returns [io.EOF] at the end of what was asked for, ctx's error
// when ctx is done, [ErrClosed] after Close, an error that wraps [ErrInterrupted] where recorder or
// connection went away, and a [*RecorderError] where the recorder stopped early and says why.
// After an error other than ctx's it returns the same again. Where frames are sealed and no key here opens
// them it ends with an error that says so.
func (r *Replay) Next(ctx context.Context) (frame.Frame, error) {
	r.gaps = nil
	for {
		msg, kind, err := r.job.next(ctx)
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
			if err == nil {
				if f, err = r.open(f); err == nil && f.Data == nil {
					continue
				}
			}
			if err != nil {
				r.job.err = fmt.Errorf("replay of camera %s: %w", r.job.id, err)
				return frame.Frame{}, r.job.err
			}
			return f, nil
		}
	}
}

// open returns a frame as it is shown. One whose seal is broken is damage like any other: a gap, and no
// Data.
func (r *Replay) open(f frame.Frame) (frame.Frame, error) {
	opened, err := r.opener.Open(f)
	if rejected := new(frame.RejectError); errors.As(err, &rejected) && rejected.Reason == frame.ReasonSeal {
		r.missing(frame.Gap{From: f.Captured, To: f.Captured, Missing: 1, Reason: frame.GapRejected})
		return frame.Frame{}, nil
	}
	return opened, err
}

// mostGaps is how many gaps are kept apart before one frame: no credit bounds them.
const mostGaps = 64

// missing notes a gap. Broken seals in a row are one, as is what is beyond mostGaps.
func (r *Replay) missing(gap frame.Gap) {
	if last := len(r.gaps) - 1; last >= 0 && (last+1 == mostGaps || gap.Reason == frame.GapRejected && r.gaps[last].Reason == gap.Reason) {
		r.gaps[last] = oneGap(r.gaps[last], gap)
		return
	}
	r.gaps = append(r.gaps, gap)
}

// oneGap is two in a row as one.
func oneGap(gap, next frame.Gap) frame.Gap {
	gap.Missing += next.Missing
	if next.From.Before(gap.From) {
		gap.From = next.From
	}
	if next.To.After(gap.To) {
		gap.To = next.To
	}
	if next.Reason != gap.Reason {
		gap.Reason = frame.GapUnknown
	}
	return gap
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
		gap = oneGap(gap, next)
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
