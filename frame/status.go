package frame

import (
	"encoding/json"
	"fmt"
	"time"
)

// State is where a camera is in its life. A camera goes opening → live → frozen or lost → opening,
// for ever, until its publisher ends it.
type State string

// The states of a camera.
const (
	StateOpening State = "opening" // the source is being opened
	StateLive    State = "live"    // pictures are coming
	StateFrozen  State = "frozen"  // the source is open and delivers nothing, or the same picture again and again
	StateLost    State = "lost"    // the source failed; it is opened again after a pause
	StateEnded   State = "ended"   // the publisher has taken the camera off the bus; the last status of an epoch
)

// Status is the JSON document on cam.<id>.status: published on every change and every 2 seconds
// ([StatusInterval]). Times are RFC 3339 in UTC, by the publisher's clock.
type Status struct {
	ID    CameraID `json:"id"`
	Epoch string   `json:"epoch"`
	State State    `json:"state"`
	// Reason says in one line why the camera is not live. No credentials.
	Reason string `json:"reason,omitempty"`
	// Warnings are requests that the camera did not honour and other things to know. No credentials.
	Warnings []string `json:"warnings,omitempty"`

	Time      time.Time `json:"time"`                // when this status was made
	Since     time.Time `json:"since"`               // when State began
	Started   time.Time `json:"started"`             // when the epoch began
	LastFrame time.Time `json:"last_frame,omitzero"` // capture time of the newest frame sent
	Host      string    `json:"host"`                // the publisher's machine
	Kind      string    `json:"kind"`                // of the source: v4l2, file, http, …
	Source    string    `json:"source"`              // the source, credentials removed
	Format    string    `json:"format,omitempty"`    // what the device delivers: MJPG, YUYV, jpeg, …
	Untouched bool      `json:"untouched"`           // the camera's own JPEG, passed through

	Width    int     `json:"width"`               // pixels, of the newest frame
	Height   int     `json:"height"`              // pixels
	FPS      float64 `json:"fps"`                 // frames sent per second, over the last seconds
	FPSAsked float64 `json:"fps_asked,omitempty"` // what the configuration asks for
	BitRate  float64 `json:"bit_rate"`            // bit/s sent, over the last seconds

	Sent    uint64            `json:"sent"`    // frames in this epoch
	Dropped map[string]uint64 `json:"dropped"` // frames not sent, by reason
	// Stream says where the newest frame is kept for who comes later: "memory", "file" or "none".
	Stream string `json:"stream"`
}

// StatusInterval is how often a camera's status is published when nothing changes.
const StatusInterval = 2 * time.Second

const maxStatusBytes = 64 << 10

// DecodeStatus reads a received status. Its camera is the subject's; a document that says another
// is an error, as is one over 64 KiB.
func DecodeStatus(subject string, data []byte) (Status, error) {
	id, kind, err := ParseSubject(subject)
	if err != nil {
		return Status{}, err
	}
	if kind != KindStatus {
		return Status{}, fmt.Errorf("%w: %s is no status", ErrSubject, subject)
	}
	if len(data) > maxStatusBytes {
		return Status{}, fmt.Errorf("status of camera %s: %d bytes, limit %d", id, len(data), maxStatusBytes)
	}
	var s Status
	if err := json.Unmarshal(data, &s); err != nil {
		return Status{}, fmt.Errorf("status of camera %s: %w", id, err)
	}
	if s.ID != id {
		return Status{}, fmt.Errorf("status on the subject of camera %s is of %s", id, s.ID)
	}
	return s, nil
}
