package bus

import "github.com/lensbus/lensbus/frame"

// Opener makes of a received frame what its consumer sees: of a sealed one the picture. It is called for
// every frame, from any goroutine, and its errors are [*frame.RejectError]. Package seal has one.
type Opener interface {
	// Open is OpenAs for frames, live and recorded.
	Open(frame.Frame) (frame.Frame, error)
	// OpenAs opens what came as [frame.KindFrame], [frame.KindPreview] or [frame.VerbSnapshot]; sealed as
	// one of these, it does not open as another.
	OpenAs(f frame.Frame, as frame.Kind) (frame.Frame, error)
	// OpenLive is OpenAs for what comes unasked, of which anybody who may publish as the camera can send any
	// number: it may refuse without trying.
	OpenLive(f frame.Frame, as frame.Kind) (frame.Frame, error)
}

// Opens says whether c was given an [Options.Opener].
func (c *Conn) Opens() bool { return c.opener != noOpener{} }

// noOpener has no key.
type noOpener struct{}

func (o noOpener) Open(f frame.Frame) (frame.Frame, error) { return o.OpenAs(f, frame.KindFrame) }

func (o noOpener) OpenLive(f frame.Frame, as frame.Kind) (frame.Frame, error) { return o.OpenAs(f, as) }

func (noOpener) OpenAs(f frame.Frame, _ frame.Kind) (frame.Frame, error) {
	if f.Codec.Sealed() {
		return frame.Frame{}, frame.NoKey()
	}
	return f, nil
}
