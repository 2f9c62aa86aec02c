package segment

import (
	"time"

	"github.com/lensbus/lensbus/frame"
)

// Info says what a segment holds.
type Info struct {
	Camera frame.CameraID
	// Path of the file, relative to the recorder's folder, with '/'.
	Path string
	// Epoch, Codec, Width and Height are the same for all frames of a segment.
	Epoch         string
	Codec         frame.Codec
	Width, Height int // pixels
	// FirstSeq and LastSeq are the camera's own numbers of the first and last frame; those between
	// that are not in Gaps are there.
	FirstSeq, LastSeq uint64
	// FirstStored and LastStored are the numbers of these frames in the broker's stream.
	FirstStored, LastStored uint64
	// Start and End are the capture times of the first and the last frame.
	Start, End time.Time
	// Duration is from Start until when the last frame stands.
	Duration time.Duration
	Frames   uint64
	Bytes    int64 // of the file
	// Gaps are the holes before the first and between the frames, as noted when they were written.
	Gaps []frame.Gap
}
