// Package source says where a camera's encoded pictures come from. It holds the contract between a
// source and its publisher, and the sources that need nothing but Go: test pattern, HTTP, images.
//
// A source yields encoded pictures. Whether it passes the camera's own JPEG on or encodes is its
// own affair; no decoded pixel leaves it. What does not belong here: OpenCV (package opencv below
// this one), NATS, retrying (a source that fails is closed and opened again by its publisher).
package source

import (
	"context"
	"errors"
	"log/slog"
	"time"
)

// ErrClosed is what Next returns once Close was called: normal when a publisher ends.
var ErrClosed = errors.New("the source is closed")

// Picture is one encoded picture as a source delivers it.
type Picture struct {
	// Data is one JPEG. It belongs to the receiver; the source does not touch it again.
	Data []byte
	// Captured is when the picture was taken: the driver's buffer time where there is one,
	// otherwise when it arrived. By this machine's wall clock.
	Captured time.Time
}

// Info is what an open source really gives, which may differ from what was asked.
type Info struct {
	Width, Height int      // pixels; 0 when only a picture tells
	FPS           float64  // frames per second as the device says; 0 when unknown
	Format        string   // what the device delivers: "MJPG", "YUYV", "jpeg", …
	Untouched     bool     // the camera's own JPEG is passed through, not encoded here
	Warnings      []string // requests that were not honoured, one line each, no credentials
}

// Source is one open camera. Its methods except Close are for one goroutine.
type Source interface {
	// Next waits for the next picture and returns it. It returns [io.EOF] where the source has
	// come to its end (a file that does not loop), ctx's error when ctx is done, and another error
	// when the source failed. After an error it is only good for Close. A source paces itself:
	// Next does not return pictures faster than the camera has them.
	Next(ctx context.Context) (Picture, error)
	// Info describes the open source. It may be called at any time after opening.
	Info() Info
	// Close releases the device and waits for the source's goroutines. It unblocks Next, may be
	// called while Next waits, and is safe twice.
	Close() error
}

// Env is what a source is given by its publisher.
type Env struct {
	// Camera is the camera's id. Sources show it in what they draw; "" is allowed.
	Camera string
	// Log is for what people should know; nil discards. Never pass it credentials.
	Log *slog.Logger
	// Dropped is told how many pictures the source itself gave up and why ([DropEncode], …).
	// It must not block; nil discards.
	Dropped func(reason string, n uint64)
	// OpenTimeout ends an opening, ReadTimeout the wait for a picture. 0 means 10 s each.
	OpenTimeout, ReadTimeout time.Duration
	// Now is the clock that pictures are stamped with; nil means time.Now.
	Now func() time.Time
	// Quality of the JPEGs that the source encodes itself, 1 to 100. 0 means 80.
	Quality int
	// MaxBytes bounds one encoded picture that is read from outside. 0 means [DefaultMaxBytes].
	MaxBytes int
}

// DefaultMaxBytes is how large an encoded picture of a camera may be: more than the bus takes, because
// the publisher can make an over-large picture smaller.
const DefaultMaxBytes = 32 << 20

// Reasons for which a picture is dropped before it is published. They are the keys of
// frame.Status.Dropped and the reason label of the metrics.
const (
	DropEncode       = "encode"       // a newer raw picture came before the encoder took this one
	DropRate         = "rate"         // the camera gives more a second than is asked of it
	DropNetwork      = "network"      // a newer picture came before the bus took this one
	DropDisconnected = "disconnected" // no connection to the broker
	DropInvalid      = "invalid"      // the camera delivered something that is not a whole JPEG
	DropTooLarge     = "too_large"    // does not fit the broker's max_payload at the lowest quality
)

// OrDefaults returns e with every zero field replaced by its default.
func (e Env) OrDefaults() Env {
	if e.Log == nil {
		e.Log = slog.New(slog.DiscardHandler)
	}
	if e.Dropped == nil {
		e.Dropped = func(string, uint64) {}
	}
	if e.Now == nil {
		e.Now = time.Now
	}
	if e.OpenTimeout <= 0 {
		e.OpenTimeout = 10 * time.Second
	}
	if e.ReadTimeout <= 0 {
		e.ReadTimeout = 10 * time.Second
	}
	if e.Quality <= 0 {
		e.Quality = 80
	}
	if e.MaxBytes <= 0 {
		e.MaxBytes = DefaultMaxBytes
	}
	return e
}

// Opener opens one kind of source. It returns when the source is ready or cannot be opened, at the
// latest after env.OpenTimeout or when ctx is done; its error is one line that names the thing and
// what to do, without credentials. The source outlives ctx: ctx bounds the opening only.
type Opener func(ctx context.Context, spec Spec, env Env) (Source, error)
