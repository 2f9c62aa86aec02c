package publisher

import (
	"errors"

	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/publisher/source"
)

// errRefused is wrapped by what a device refuses because the request makes no sense for it.
var errRefused = errors.New("refused")

// device is what can be asked of a camera's device besides its pictures, while it delivers them.
type device interface {
	// Controls lists the device's controls with their values.
	Controls() ([]frame.Control, error)
	// SetControl sets one and returns it as it is then; its error wraps errRefused where the device
	// has no such control or does not take the value.
	SetControl(name string, value int64) (frame.Control, error)
	// Sizes lists the sizes that the device says it has.
	Sizes() ([]frame.Size, error)
}

func deviceOf(source.Spec) device {
	return noDevice{}
}

// noDevice is that of a source that has none.
type noDevice struct{}

func (noDevice) Controls() ([]frame.Control, error) { return nil, nil }
func (noDevice) Sizes() ([]frame.Size, error)       { return nil, nil }
func (noDevice) SetControl(string, int64) (frame.Control, error) {
	return frame.Control{}, errRefused
}
