package publisher

import (
	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/seal"
)

// sealing encrypts what leaves the process of a camera with seal_to. What stays here, the newest frame
// among it, is in the clear. The zero value seals nothing.
type sealing struct{ sealer *seal.Sealer }

func newSealing(to []seal.Public, own seal.Key) (sealing, error) {
	if len(to) == 0 {
		return sealing{}, nil
	}
	if own.IsZero() {
		var err error
		if own, err = seal.NewKey(); err != nil {
			return sealing{}, err
		}
	}
	sealer, err := seal.NewSealer(own, to)
	return sealing{sealer}, err
}

// outgoing is the frame as others get it; as is what it is sent as, see [seal.Sealer.SealAs].
func (s sealing) outgoing(f frame.Frame, as frame.Kind) (frame.Frame, error) {
	if s.sealer == nil {
		return f, nil
	}
	return s.sealer.SealAs(f, as)
}

// overhead is how many bytes that takes, at most.
func (s sealing) overhead() int {
	if s.sealer == nil {
		return 0
	}
	return s.sealer.Overhead()
}
