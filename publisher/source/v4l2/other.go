//go:build !linux

package v4l2

import (
	"errors"

	"github.com/lensbus/lensbus/frame"
)

func notHere() error {
	return errors.New("V4L2 is for Linux: use opencv:0 for the first camera of this machine")
}

// Probe fails: V4L2 is for Linux.
func Probe(string) (Device, error) { return Device{}, notHere() }

// List finds nothing: V4L2 is for Linux.
func List() ([]Device, error) { return nil, nil }

// Controls fails: V4L2 is for Linux.
func Controls(string) ([]frame.Control, error) { return nil, notHere() }

// SetControl fails: V4L2 is for Linux.
func SetControl(string, string, int64) (frame.Control, error) { return frame.Control{}, notHere() }

// SetControls fails: V4L2 is for Linux.
func SetControls(string, map[string]int64) (now []frame.Control, undo func() error, err error) {
	return nil, func() error { return nil }, notHere()
}

// TakesSize fails: V4L2 is for Linux.
func TakesSize(string, int, int) (bool, error) { return false, notHere() }

// Sizes fails: V4L2 is for Linux.
func Sizes(string) ([]frame.Size, error) { return nil, notHere() }
