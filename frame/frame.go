// Package frame is the wire contract of lensbus: what a camera is called, which subjects it has,
// and what a message on them says. It is for everybody who publishes or consumes frames, in
// lensbus and outside.
//
// It holds data and its checks only. Nothing here talks to a network, decodes pixels, or imports
// another package of lensbus.
package frame

import (
	"crypto/rand"
	"time"
)

// Codec names how a frame's data is encoded.
type Codec string

// The codecs.
const (
	// JPEG is one baseline or progressive JPEG file (ITU-T T.81) a frame.
	JPEG Codec = "jpeg"
	// SealedJPEG is such a file, encrypted by its publisher to the keys of those who may see it
	// (package seal). Nobody else can say anything about what is in it.
	SealedJPEG Codec = "jpeg-sealed"
)

// Sealed says whether the data is encrypted: only who has a key can open it.
func (c Codec) Sealed() bool { return c == SealedJPEG }

// Frame is one encoded picture of one camera.
//
// Receivers share a frame's Data between each other: nobody writes to it.
type Frame struct {
	// Camera is the camera's id, from the subject.
	Camera CameraID
	// Epoch is the random id of this run of this camera. Seq and gaps do not compare across epochs.
	Epoch string
	// Seq counts the frames that the publisher sent in this epoch; the first is 1.
	Seq uint64
	// Captured is when the picture was taken, by the publisher's clock (Unix nanoseconds on the wire).
	Captured time.Time
	// Published is when the frame was handed to the publisher's NATS connection, by the clock of
	// Captured; zero where the publisher does not say. Package bus sets it.
	Published time.Time
	// Unsent is how many pictures the camera delivered in this epoch after the frame before, and the
	// publisher could not send: there was no connection, the way to the broker was too slow for them,
	// they were too large, or no pictures. They have no Seq. Those that it left out on purpose, for the
	// rate, do not count. At most [MaxUnsent] on the wire. Of a frame that comes from a recording it is 0:
	// a [Gap] says it there.
	Unsent uint64
	// Codec says what Data is.
	Codec Codec
	// Width and Height are in pixels, read from the picture itself; of a sealed one they are what its
	// publisher says, and checked by who opens it.
	Width, Height int
	// Key is true where decoding can start: always, for JPEG.
	Key bool
	// Data is the bare picture: for JPEG the bytes from SOI to EOI, for SealedJPEG what package seal
	// makes of them.
	Data []byte
}

// NewEpoch returns a new random epoch that nobody can guess: 26 letters and digits.
func NewEpoch() string { return rand.Text() }

// MissedSince returns how many frames were sent between prev and f and did not arrive here: the
// gap in Seq. It is 0 across epochs and for frames that arrive out of order or twice.
func (f *Frame) MissedSince(prev *Frame) uint64 {
	if prev.Epoch != f.Epoch || f.Seq <= prev.Seq {
		return 0
	}
	return f.Seq - prev.Seq - 1
}
