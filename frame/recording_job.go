package frame

import (
	"errors"
	"fmt"
	"time"
)

// RangesRequest asks what there is between two moments; a zero one means no bound on that side.
type RangesRequest struct {
	From time.Time `json:"from,omitzero"`
	To   time.Time `json:"to,omitzero"`
}

// Ranges is what a recorder has of a camera. Spans and Gaps are in the order of their From and at
// most [MaxRanges] each.
type Ranges struct {
	Camera CameraID  `json:"camera"`
	Time   time.Time `json:"time"` // when this was so, by the recorder's clock
	// First and Last are from when until when anything is recorded, whatever was asked for; zero where
	// nothing is.
	First time.Time `json:"first,omitzero"`
	Last  time.Time `json:"last,omitzero"`
	// Instance is who says it: an instance of the micro service. Empty where several answers are joined.
	Instance string `json:"instance,omitempty"`

	Spans []Span `json:"spans"` // those that touch are one, where size and Kept are the same
	Gaps  []Gap  `json:"gaps"`
	// Truncated is true where there is more than fits: the oldest is left out. Ask with an earlier To.
	Truncated bool `json:"truncated,omitempty"`
}

// MaxRanges is how many spans, and how many gaps, an answer holds at most.
const MaxRanges = 1000

// ReplayRequest asks for the frames between two moments.
type ReplayRequest struct {
	// From is the first moment; zero: the oldest frame there is.
	From time.Time `json:"from,omitzero"`
	// To is the moment after the last; zero: up to the newest frame there is when it is reached.
	To time.Time `json:"to,omitzero"`
	// Follow goes on with new frames instead of ending at the newest. To must be zero.
	Follow bool `json:"follow,omitempty"`
	// Speed is how many seconds pass in the recording for one of the clock, [MinSpeed] to
	// [MaxSpeed]; 0 sends as fast as the asker takes.
	Speed float64 `json:"speed,omitempty"`
	// EveryMS leaves out frames that were captured less than so many milliseconds after the last
	// one that was sent; 0 sends all.
	EveryMS int64 `json:"every_ms,omitempty"`
	// Credit is the first grant, as in [Credit].Bytes.
	Credit int64 `json:"credit"`
}

// ExportRequest asks for the frames between two moments as one file.
type ExportRequest struct {
	From time.Time `json:"from,omitzero"` // zero: the oldest frame there is
	To   time.Time `json:"to,omitzero"`   // the moment after the last; zero: up to the newest frame
	// Format is [FormatMP4]; empty means the same.
	Format string `json:"format,omitempty"`
	// Split ends the file where the pictures change their size; JobEnd.Rest says where to go on.
	// Without it such a range is refused.
	Split bool `json:"split,omitempty"`
	// Credit is the first grant, as in [Credit].Bytes.
	Credit int64 `json:"credit"`
}

// FormatMP4 is an MP4 file with the pictures as they were recorded, untouched: Motion JPEG.
const FormatMP4 = "mp4"

// Job is the answer to a replay or export: the first message of many to the same inbox. All but
// frames have the header [HeaderJob].
type Job struct {
	Job string `json:"job"` // its name, nobody else's to guess; see [CameraID.CreditSubject]
	// Frames and Bytes are how much there is to come, about: what is recorded now.
	Frames uint64 `json:"frames"`
	Bytes  int64  `json:"bytes"`
}

// HeaderJob says what a message of a replay or export is; frames of a replay do not have it.
const HeaderJob = "Lens-Job"

// The values of [HeaderJob].
const (
	JobBegin = "begin" // the first: JSON, Job
	JobGap   = "gap"   // JSON, Gap: frames are missing before the next message
	JobData  = "data"  // the next bytes of the exported file; Lens-Captured says how far it is
	JobIdle  = "idle"  // nothing: the recorder is there and has nothing to send, or no credit
	JobLast  = "end"   // the last: JSON, JobEnd
)

// HeaderJobNumber counts the messages of a job from 1, so that the asker notices where one is lost.
const HeaderJobNumber = "Lens-Job-Number"

// JobEnd is the last message of a job.
type JobEnd struct {
	Frames uint64 `json:"frames"` // that were sent or exported
	Bytes  int64  `json:"bytes"`  // of them or of the file
	// Error says in one line why the job ended early; empty where all was sent. Code is like that of a refusal.
	Error string `json:"error,omitempty"`
	Code  int    `json:"code,omitempty"`
	// Rest is where a split export goes on: the capture time of the first frame of another size.
	Rest time.Time `json:"rest,omitzero"`
}

// Credit is what the asker of a job says on its credit subject, at least every [CreditInterval]:
// that it is still there, and how much it takes. The recorder sends the next message while it has
// sent fewer bytes of pictures, or of the file, than were granted in all; so a grant of one byte
// more than came sends exactly one frame more.
type Credit struct {
	Bytes int64 `json:"bytes"`         // granted since the job began, all in all; never less than before
	End   bool  `json:"end,omitempty"` // the asker takes no more: the job ends
}

// A job's pulse.
const (
	// CreditInterval is how often the asker speaks at least, and the recorder where it sends nothing.
	CreditInterval = 5 * time.Second
	// JobSilence is after how long without a word the other side is given up.
	JobSilence = 20 * time.Second
)

// The bounds of ReplayRequest.Speed other than 0.
const (
	MinSpeed = 0.1
	MaxSpeed = 64
)

// Check finds what makes no sense in a request.
func (r RangesRequest) Check() error { return checkRange(r.From, r.To) }

// Check finds what makes no sense in a request.
func (r ReplayRequest) Check() error {
	if err := checkRange(r.From, r.To); err != nil {
		return err
	}
	switch {
	case r.Speed != 0 && !(r.Speed >= MinSpeed && r.Speed <= MaxSpeed):
		return fmt.Errorf("speed %g: want %g to %d, or 0 for as fast as it is taken", r.Speed, MinSpeed, MaxSpeed)
	case r.Follow && !r.To.IsZero():
		return errors.New("follow never ends, to says where to end: give one of them")
	case r.EveryMS < 0 || r.EveryMS > int64(time.Hour/time.Millisecond):
		return fmt.Errorf("every_ms %d: want 0 to 3600000", r.EveryMS)
	case r.Credit < 0:
		return fmt.Errorf("credit %d: want bytes, 0 or more", r.Credit)
	}
	return nil
}

// Check finds what makes no sense in a request.
func (r ExportRequest) Check() error {
	if err := checkRange(r.From, r.To); err != nil {
		return err
	}
	switch {
	case r.Format != "" && r.Format != FormatMP4:
		return fmt.Errorf("format %.40q: want %q", r.Format, FormatMP4)
	case r.Credit < 0:
		return fmt.Errorf("credit %d: want bytes, 0 or more", r.Credit)
	}
	return nil
}

func checkRange(from, to time.Time) error {
	for _, t := range []time.Time{from, to} {
		if !t.IsZero() && (t.Before(time.Unix(0, 1)) || t.After(lastTime())) {
			return fmt.Errorf("%s: want a time between 1970 and 2262", t.UTC().Format(time.RFC3339))
		}
	}
	if !from.IsZero() && !to.IsZero() && !from.Before(to) {
		return fmt.Errorf("from %s is not before to %s", from.UTC().Format(time.RFC3339Nano), to.UTC().Format(time.RFC3339Nano))
	}
	return nil
}

// lastTime is the last one that Unix nanoseconds can say.
func lastTime() time.Time { return time.Unix(0, 1<<63-1) }
