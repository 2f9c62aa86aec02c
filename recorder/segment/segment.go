// Package segment writes and reads recorded frames as fragmented MP4 files: one file a camera and
// some minutes, one part (fragment) a second or so, JPEG samples untouched.
//
// A part begins with a box of our own that says all there is to say about its frames, so that files
// alone tell everything; players skip it. docs/design/segments.md has the layout and the reasons.
//
// What does not belong here: when to flush and when to delete (package recorder), finding segments by
// time among many files (package recorder/index), anything that decodes a picture or knows NATS.
package segment

import (
	"errors"
	"time"
)

// Errors that a caller decides on.
var (
	// ErrDamaged is wrapped where a file has nothing in it that can be read as a segment.
	ErrDamaged = errors.New("no readable segment")
	// ErrNoFrames is returned where there is nothing to make a file of.
	ErrNoFrames = errors.New("no frames")
	// ErrOrder is wrapped by [Writer.Append] for a frame that is not after the one before, by the
	// camera's own numbers: it has come twice, or late. The writer is as before.
	ErrOrder = errors.New("frame out of order")
	// ErrRefused is wrapped by [Folder.Create] and [Writer.Append] for a frame, or its gaps, that no
	// segment takes: one of the rules of package frame is broken, or there are too many segments that begin
	// at the same nanosecond. The writer is as before.
	ErrRefused = errors.New("not a frame that can be recorded")
	// ErrClosed is wrapped by what is called on a [Writer] after Close or Abort.
	ErrClosed = errors.New("segment is closed")
)

// Caps of the format. A writer keeps to them and a reader believes nothing beyond them, so that a
// hostile file costs no more memory than a good one.
const (
	maxSample   = 64 << 20  // bytes of a frame
	maxPartData = 256 << 20 // bytes of a part's frames, where there is more than one
	maxFrames   = 1 << 13   // of a part
	maxGaps     = 1 << 10   // of a part
	maxParts    = 1 << 16   // of a segment
	maxAllGaps  = 1 << 16   // of a segment
)

// timescale of the track: units a second. Times are microseconds: every frame rate that cameras have
// comes out to well below a millisecond, a trun's 32 bits of duration last for 71 minutes, and
// ffprobe's pts_time shows six places. (90 kHz would be exact for 30 fps but for no irregular rate;
// nanoseconds would overflow after 4 s.)
const timescale = 1_000_000

const (
	// firstDuration is how long a frame stands of which nothing else is known.
	firstDuration = 100 * time.Millisecond
	// longestDuration is the longest time between two frames of a part.
	longestDuration = time.Hour
)
