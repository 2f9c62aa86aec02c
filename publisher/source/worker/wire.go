package worker

import (
	"encoding/binary"
	"fmt"
	"io"
	"time"

	"github.com/lensbus/lensbus/publisher/source"
)

// request is the first line of JSON on the child's standard input. After it that stays open, for lines
// of settings; its end tells the child that the parent is gone.
type request struct {
	Spec        wireSpec      `json:"spec"`
	Camera      string        `json:"camera"`
	OpenTimeout time.Duration `json:"open_timeout"`
	ReadTimeout time.Duration `json:"read_timeout"`
	Quality     int           `json:"quality"`
	MaxBytes    int           `json:"max_bytes"`
}

// settings is a later line on standard input: what the source is to be set to while it is open.
type settings struct {
	Quality int     `json:"quality"`
	FPS     float64 `json:"fps"` // 0: the source's choice
}

// wireSpec is a source.Spec with nothing hidden: that type takes care to show no credentials.
type wireSpec struct {
	Kind        source.Kind `json:"kind"`
	Address     string      `json:"address"`
	Width       int         `json:"width"`
	Height      int         `json:"height"`
	FPS         float64     `json:"fps"`
	PixelFormat string      `json:"pixel_format"`
	Loop        bool        `json:"loop"`
}

// A message from the child is one byte that says what it is, the payload's length in four bytes
// (big-endian), and the payload.
const (
	msgInfo    = 'I' // JSON source.Info; the first one says that the source is open, later ones that it changed
	msgPicture = 'P' // capture time, Unix nanoseconds in eight bytes (big-endian), and the picture
	msgDropped = 'D' // JSON map of reason to count, since the last such message
	msgLog     = 'L' // JSON record of log/slog
	msgEnd     = 'E' // JSON ending; nothing comes after it
)

// ending says why the child's source ended.
type ending struct {
	EOF   bool   `json:"eof,omitempty"`   // io.EOF
	Error string `json:"error,omitempty"` // otherwise
}

const (
	headerSize  = 5
	stampSize   = 8
	maxText     = 64 << 10 // payload of every message but a picture
	maxRequest  = 1 << 20
	maxLogLine  = 500 // characters of one line that goes to the log
	maxWarnings = 32
)

// message is one message as received.
type message struct {
	kind    byte
	payload []byte
}

// readMessage reads one message; header is scratch. The child may have lost control of itself to a
// hostile stream, so a length is believed only within its limit.
func readMessage(r io.Reader, header *[headerSize]byte, maxPicture int) (message, error) {
	if _, err := io.ReadFull(r, header[:]); err != nil {
		return message{}, err
	}
	kind, length, limit := header[0], int64(binary.BigEndian.Uint32(header[1:])), int64(maxText)
	switch kind {
	case msgPicture:
		limit = stampSize + int64(maxPicture)
	case msgInfo, msgDropped, msgLog, msgEnd:
	default:
		return message{}, fmt.Errorf("the capture process sent a message of unknown kind %#x", kind)
	}
	if length > limit || kind == msgPicture && length < stampSize {
		return message{}, fmt.Errorf("the capture process sent a message %q of %d bytes, limit %d", kind, length, limit)
	}
	payload := make([]byte, length)
	_, err := io.ReadFull(r, payload)
	return message{kind, payload}, err
}

// putHeader begins a message.
func putHeader(header []byte, kind byte, length int) {
	header[0] = kind
	binary.BigEndian.PutUint32(header[1:], uint32(length))
}
