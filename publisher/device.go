package publisher

import (
	"fmt"

	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/publisher/source"
	"github.com/lensbus/lensbus/publisher/source/v4l2"
)

// errRefused is wrapped by what a device refuses because it cannot do that.
var errRefused = v4l2.ErrRefused

// device is what can be asked of a camera's device besides its pictures, while it delivers them.
type device interface {
	// Controls lists the device's controls with their values.
	Controls() ([]frame.Control, error)
	// SetControls sets all or none, and returns what sets them back. Its error wraps errRefused where
	// the device has no such control or does not take the value.
	SetControls(values map[string]int64) (undo func() error, err error)
	// Sizes lists the sizes that the device says it has.
	Sizes() ([]frame.Size, error)
	// TakesSize says whether the device says that it has a size; true also where it does not say.
	TakesSize(width, height int) bool
}

func deviceOf(spec source.Spec) device {
	if spec.Kind == source.KindV4L2 {
		return v4l2Device(spec.Address)
	}
	return noDevice(spec.Kind)
}

// v4l2Device is the path of one. It is asked through a file descriptor of its own, which V4L2 allows
// beside the capture.
type v4l2Device string

func (d v4l2Device) Controls() ([]frame.Control, error) { return v4l2.Controls(string(d)) }
func (d v4l2Device) Sizes() ([]frame.Size, error)       { return v4l2.Sizes(string(d)) }

func (d v4l2Device) TakesSize(width, height int) bool {
	takes, err := v4l2.TakesSize(string(d), width, height)
	return takes || err != nil // it is opened before it is believed
}

func (d v4l2Device) SetControls(values map[string]int64) (undo func() error, err error) {
	_, undo, err = v4l2.SetControls(string(d), values)
	return undo, err
}

// noDevice is that of a source of a kind that has none.
type noDevice source.Kind

func (noDevice) Controls() ([]frame.Control, error) { return nil, nil }
func (noDevice) Sizes() ([]frame.Size, error)       { return nil, nil }
func (noDevice) TakesSize(int, int) bool            { return true }

func (d noDevice) SetControls(map[string]int64) (undo func() error, err error) {
	return nil, fmt.Errorf("a source of kind %s has no controls: %w", source.Kind(d), errRefused)
}
