// Package v4l2 says what a V4L2 device tells of itself and sets what can be set of it while it runs:
// its controls, such as brightness, the sizes that it offers, and which devices there are. It speaks
// to the driver directly and needs no OpenCV.
//
// Every function opens the device for as long as it runs. That is a second opening beside the one
// that captures, which V4L2 is made for: pictures keep coming. Calls block as long as the driver
// takes, with a USB camera that hangs some seconds a control. They may run at the same time.
//
// Errors are one line for people and do not name the device: the caller knows it. What drivers say
// is not trusted: texts are cleaned, lists are bounded and numbers are checked.
//
// V4L2 is Linux's. On other systems every function returns an error that says so, and List an empty
// list.
//
// What does not belong here: capturing pictures, and the format and size that are captured, which are
// the capture's own affair.
package v4l2

import (
	"errors"
	"strings"
)

// ErrRefused is wrapped by the errors of [SetControl] and [SetControls] that say that the camera cannot
// do what was asked, now or ever, and what it can. Nothing was changed. Other errors are failures.
var ErrRefused = errors.New("the camera cannot do that")

// refusal is an ErrRefused with only its own words.
type refusal string

func (r refusal) Error() string { return string(r) }
func (r refusal) Unwrap() error { return ErrRefused }

// Device is one /dev/videoN. A camera may have several, of which one captures.
type Device struct {
	Path    string   // /dev/video0
	Links   []string // its lasting names in /dev/v4l/by-id, which keep when cameras are plugged in anew; only from [List]
	Card    string   // what the device calls itself, such as "HD Pro Webcam C920"
	Driver  string   // such as "uvcvideo"
	Bus     string   // where it is plugged in, such as "usb-0000:00:14.0-1"; "" where it cannot be opened
	Capture bool     // whether it captures video; false where it cannot be opened
	Formats []string // FOURCCs of what it captures
	Err     error    // why it cannot be opened and what to do; nil where it can; only from [List]
}

// FourCC is the four characters of a pixel format without the spaces at its end, or "" where the code is
// no such characters.
func FourCC(code uint32) string {
	name := []byte{byte(code), byte(code >> 8), byte(code >> 16), byte(code >> 24)}
	for _, c := range name {
		if c < ' ' || c > '~' {
			return ""
		}
	}
	return strings.TrimSpace(string(name))
}
