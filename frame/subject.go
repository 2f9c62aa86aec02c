package frame

import (
	"errors"
	"fmt"
	"strings"
)

// ErrSubject is wrapped by the errors of [ParseSubject], but for a bad camera id: that is [ErrCameraID].
var ErrSubject = errors.New("not a camera subject")

// Kind says what the messages of a camera's subject carry.
type Kind string

// The kinds of subject below cam.<id>.
const (
	KindFrame   Kind = "frame"   // one encoded picture a message, full size
	KindPreview Kind = "preview" // the same, small
	KindStatus  Kind = "status"  // JSON, see [Status]
	KindControl Kind = "control" // request/reply, one more token: the verb
	KindNewest  Kind = "newest"  // request/reply: the newest frame that the broker keeps
)

// Subjects that cover every camera. A subscription to them needs rights for every camera.
const (
	AllFrames   = "cam.*.frame"
	AllStatuses = "cam.*.status"
	AllNewest   = "cam.*.newest"
)

// FrameSubject is cam.<id>.frame.
func (id CameraID) FrameSubject() string { return "cam." + string(id) + ".frame" }

// PreviewSubject is cam.<id>.preview.
func (id CameraID) PreviewSubject() string { return "cam." + string(id) + ".preview" }

// StatusSubject is cam.<id>.status.
func (id CameraID) StatusSubject() string { return "cam." + string(id) + ".status" }

// NewestSubject is cam.<id>.newest.
func (id CameraID) NewestSubject() string { return "cam." + string(id) + ".newest" }

// ControlSubject is cam.<id>.control.<verb>. The verb is put in as it is: get, set, snapshot, watch,
// or another word that a camera id could be.
func (id CameraID) ControlSubject(verb string) string {
	return "cam." + string(id) + ".control." + verb
}

// StreamPrefix begins the names of the JetStream streams that hold cameras' frames.
const StreamPrefix = "FRAMES_"

// StreamName is the JetStream stream that holds the camera's frames: FRAMES_<id>.
func (id CameraID) StreamName() string { return StreamPrefix + string(id) }

// ParseStreamName returns the camera whose frames a stream of that name holds. Any stream may be on a server:
// false for one that is no camera's by its name.
func ParseStreamName(name string) (CameraID, bool) {
	id, found := strings.CutPrefix(name, StreamPrefix)
	if !found || !ValidName(id) {
		return "", false
	}
	return CameraID(id), true
}

// ParseSubject takes a received subject apart. A subject is input like any other: one with a bad
// camera id or an unknown kind is an error that wraps [ErrCameraID] or [ErrSubject].
func ParseSubject(subject string) (CameraID, Kind, error) {
	rest, ok := strings.CutPrefix(subject, "cam.")
	if !ok {
		return "", "", fmt.Errorf("%w: %.80q", ErrSubject, subject)
	}
	token, kind, ok := strings.Cut(rest, ".")
	if !ok {
		return "", "", fmt.Errorf("%w: %.80q", ErrSubject, subject)
	}
	id, err := ParseCameraID(token)
	if err != nil {
		return "", "", fmt.Errorf("subject: %w", err)
	}
	switch Kind(kind) {
	case KindFrame, KindPreview, KindStatus, KindNewest:
		return id, Kind(kind), nil
	}
	if verb, ok := strings.CutPrefix(kind, string(KindControl)+"."); ok && ValidName(verb) {
		return id, KindControl, nil
	}
	return "", "", fmt.Errorf("%w: %.80q", ErrSubject, subject)
}
