package frame

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
)

// State is where a camera is in its life. A camera goes opening → live → frozen or lost → opening,
// for ever, until its publisher ends it.
type State string

// The states of a camera.
const (
	StateOpening State = "opening" // the source is being opened
	StateIdle    State = "idle"    // on demand, and nobody watches: the source is closed
	StateLive    State = "live"    // pictures are coming
	StateFrozen  State = "frozen"  // the source is open and delivers nothing, or the same picture again and again
	StateLost    State = "lost"    // the source failed; it is opened again after a pause
	StateEnded   State = "ended"   // the publisher has taken the camera off the bus; the last status of an epoch
)

// States are all of them.
func States() []State {
	return []State{StateOpening, StateIdle, StateLive, StateFrozen, StateLost, StateEnded}
}

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
	FPSAsked float64 `json:"fps_asked,omitempty"` // what is asked for now
	BitRate  float64 `json:"bit_rate"`            // bit/s sent, over the last seconds

	Watchers int `json:"watchers"` // leases held, see VerbWatch
	// Sealed is true where the pictures are encrypted to those who may see them (SealedJPEG).
	Sealed bool `json:"sealed,omitempty"`

	Sent    uint64            `json:"sent"`    // frames in this epoch
	Dropped map[string]uint64 `json:"dropped"` // frames not sent, by reason
	// Recorded is true where the broker is asked to store the frames. Then Stored counts those that it
	// has confirmed in this epoch, and Unstored, by reason, those that it has not and that were
	// published all the same; a few more are waiting for its answer.
	Recorded bool              `json:"recorded,omitempty"`
	Stored   uint64            `json:"stored,omitempty"`
	Unstored map[string]uint64 `json:"unstored,omitempty"`
	// Stream says where the newest frame is kept for who comes later: "memory", "file" or "none".
	Stream string `json:"stream"`
}

// StatusInterval is how often a camera's status is published when nothing changes.
const StatusInterval = 2 * time.Second

// maxStatusBytes is far more than a status needs, and little enough to read many of.
const maxStatusBytes = 64 << 10

// DecodeStatus reads a received status. Its camera is the subject's. An error, and normal on an
// open bus, is a document over 64 KiB, one of another camera, of an unknown state, or with values
// that no camera can have. Texts come back as one printable line each, fit for a terminal and a
// log; fields that this version does not know are left out.
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
		// The error may quote any length of the document, so it is shortened rather than wrapped.
		return Status{}, fmt.Errorf("status of camera %s: not its JSON: %.200s", id, oneLine(err.Error()))
	}
	if s.ID != id {
		return Status{}, fmt.Errorf("status on the subject of camera %s is of camera %q", id, s.ID)
	}
	if err := s.check(); err != nil {
		return Status{}, fmt.Errorf("status of camera %s: %w", id, err)
	}
	s.clean()
	return s, nil
}

// check finds what no publisher of lensbus says.
func (s *Status) check() error {
	if !slices.Contains(States(), s.State) {
		return fmt.Errorf("unknown state %.40q", s.State)
	}
	if s.Epoch != "" && !validEpoch(s.Epoch) {
		return fmt.Errorf("bad epoch %.40q", s.Epoch)
	}
	if s.Width < 0 || s.Width > maxSide || s.Height < 0 || s.Height > maxSide {
		return fmt.Errorf("picture of %dx%d pixels", s.Width, s.Height)
	}
	if s.FPS < 0 || s.FPSAsked < 0 || s.BitRate < 0 {
		return fmt.Errorf("negative rate: %g fps, %g asked, %g bit/s", s.FPS, s.FPSAsked, s.BitRate)
	}
	if s.Watchers < 0 {
		return fmt.Errorf("%d watchers", s.Watchers)
	}
	for reason := range s.Dropped {
		if !ValidName(reason) {
			return fmt.Errorf("bad reason for a dropped frame: %.40q", reason)
		}
	}
	for reason := range s.Unstored {
		if !ValidName(reason) {
			return fmt.Errorf("bad reason for an unstored frame: %.40q", reason)
		}
	}
	return nil
}

func (s *Status) clean() {
	for _, text := range []*string{&s.Reason, &s.Host, &s.Kind, &s.Source, &s.Format, &s.Stream} {
		*text = oneLine(*text)
	}
	for i, text := range s.Warnings {
		s.Warnings[i] = oneLine(text)
	}
}

// oneLine puts a space in the place of everything that does not print: line ends, the control
// characters that drive a terminal, and those that turn the direction of writing round.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text)
}
