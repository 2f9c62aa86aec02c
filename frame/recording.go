package frame

import "time"

// RecorderServiceName is the NATS micro service that a recorder offers for every camera that it
// records, with the camera's id in the metadata under [ServiceMetadataCamera].
const RecorderServiceName = "recorder"

// The verbs of rec.<id>.<verb>, requests that a recorder answers (docs/reference/recorder.md).
const (
	VerbRanges = "ranges" // RangesRequest → Ranges: what there is, and what is missing
	VerbEach   = "each"   // as VerbRanges, and every recorder of the camera answers
	VerbReplay = "replay" // ReplayRequest → Job, then frames, to the asker's inbox
	VerbExport = "export" // ExportRequest → Job, then an MP4 file in pieces, to the asker's inbox
)

// RecorderSubject is rec.<id>.<verb>. The verb is put in as it is.
func (id CameraID) RecorderSubject(verb string) string { return "rec." + string(id) + "." + verb }

// RecorderInstanceSubject is rec.<id>.<verb>-<instance>, on which one of several recorders of a camera is asked
// for a replay or an export. Both are put in as they are.
func (id CameraID) RecorderInstanceSubject(verb, instance string) string {
	return id.RecorderSubject(verb) + "-" + instance
}

// CreditSubject is rec.<id>.credit.<job>, on which the asker of a replay or export says how much
// more it takes (see [Credit]).
func (id CameraID) CreditSubject(job string) string { return "rec." + string(id) + ".credit." + job }

// Span is a stretch of time of which there are pictures. Times are capture times, by the
// publisher's clock.
type Span struct {
	From time.Time `json:"from"` // of the first frame
	To   time.Time `json:"to"`   // until when the last frame stands
	// Frames and Bytes are what there is of it; Bytes counts pictures only.
	Frames uint64 `json:"frames"`
	Bytes  int64  `json:"bytes"`
	Width  int    `json:"width"`  // pixels
	Height int    `json:"height"` // pixels
	Kept   Kept   `json:"kept"`
}

// Kept says where recorded frames are.
type Kept string

// Where recorded frames are.
const (
	KeptFile   Kept = "file"   // in the recorder's files
	KeptStream Kept = "stream" // in the broker's stream only, not yet in a file
)

// Gap is a stretch of which frames are missing, and why.
type Gap struct {
	From    time.Time `json:"from"`              // of the last frame before
	To      time.Time `json:"to"`                // of the first frame after
	Missing uint64    `json:"missing,omitempty"` // frames, and pictures that could not be sent; 0: not known
	Reason  GapReason `json:"reason"`
}

// And is g and the gap after it as one, of the reason unknown where theirs differ.
func (g Gap) And(next Gap) Gap {
	g.Missing += next.Missing
	if next.From.Before(g.From) {
		g.From = next.From
	}
	if next.To.After(g.To) {
		g.To = next.To
	}
	if next.Reason != g.Reason {
		g.Reason = GapUnknown
	}
	return g
}

// GapReason is why frames are missing.
type GapReason string

// The reasons of a [Gap].
const (
	GapCamera   GapReason = "camera"   // the camera delivered nothing, or its publisher did not run
	GapUnstored GapReason = "unstored" // the publisher could not send them, or the broker did not store them
	GapOverrun  GapReason = "overrun"  // the stream dropped them before a recorder had fetched them
	GapDamage   GapReason = "damage"   // a segment is damaged there
	GapRejected GapReason = "rejected" // what was stored or came are no frames of then: quarantined or dropped
	GapSealed   GapReason = "sealed"   // they are there, and no key of whoever tells it opens them
	GapUnknown  GapReason = "unknown"  // frames are missing and nothing says why
)
