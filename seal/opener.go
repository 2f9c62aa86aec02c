package seal

import (
	"slices"
	"sync"

	"github.com/lensbus/lensbus/frame"
)

// mostCameras is of how many cameras an Opener remembers envelopes; one more, and it begins anew.
const mostCameras = 1024

// Opener opens frames that were sealed to a key. Its methods may be used from any goroutine.
type Opener struct {
	keys Keys

	mu      sync.Mutex
	cameras map[frame.CameraID]*envelopes
}

// NewOpener returns what opens with the keys of a file.
func NewOpener(keys Keys) *Opener {
	return &Opener{keys: keys, cameras: make(map[frame.CameraID]*envelopes)}
}

// Open returns the frame with its picture in the clear and checked as [frame.Decode] does, in memory of
// its own. A frame that is not sealed comes back as it is, unless the keys say that its camera must be.
//
// Every error is a [*frame.RejectError], normal on an open bus: count it and drop the frame. Its
// reason is [frame.ReasonSealed] where it is sealed to others, [frame.ReasonSeal] where it is not as it
// was sealed, has other headers than when it was, was sealed as something else, is not of whom the keys
// say, and one of Decode's where what was sealed is no picture.
func (o *Opener) Open(f frame.Frame) (frame.Frame, error) { return o.OpenAs(f, frame.KindFrame) }

// OpenAs is Open for what came as something else than a frame, live or recorded: as is what it must have
// been sealed as, [frame.KindPreview] or [frame.VerbSnapshot].
func (o *Opener) OpenAs(f frame.Frame, as frame.Kind) (frame.Frame, error) {
	return o.open(f, as, false)
}

// OpenLive is OpenAs for what comes without having been asked for one by one: of too many of a camera that do
// not open, most are refused without trying, with [frame.ReasonSeal].
func (o *Opener) OpenLive(f frame.Frame, as frame.Kind) (frame.Frame, error) {
	return o.open(f, as, true)
}

func (o *Opener) open(f frame.Frame, as frame.Kind, live bool) (frame.Frame, error) {
	from := o.keys.From[f.Camera]
	if !f.Codec.Sealed() {
		if from != nil {
			return frame.Frame{}, broken("camera %s must come sealed", f.Camera)
		}
		return f, nil
	}
	p, err := parse(f.Data)
	if err != nil {
		return frame.Frame{}, err
	}
	if from != nil {
		sender, err := publicOf(p.sender)
		if err != nil || !slices.Contains(from, sender) {
			return frame.Frame{}, broken("camera %s is sealed by %s, who must not", f.Camera, sender)
		}
	}
	envelope := o.envelope(&p, &f, live)
	if envelope.err != nil {
		return frame.Frame{}, envelope.err
	}
	const codec = frame.JPEG
	var room [1024]byte
	picture, err := envelope.content.Open(nil, p.nonce, p.sealed, bound(room[:0], p.envelope, &f, as, codec))
	if err != nil {
		return frame.Frame{}, broken("%s %d of camera %s is not as it was sealed", as, f.Seq, f.Camera)
	}
	f.Data, f.Codec = picture, codec
	if err := f.Check(frame.Limits{}); err != nil {
		return frame.Frame{}, err
	}
	return f, nil
}

// envelope opens the envelope of a frame, or knows already what comes of it.
func (o *Opener) envelope(p *payload, f *frame.Frame, live bool) opened {
	o.mu.Lock()
	of := o.of(f.Camera)
	result, known := of.find(p.envelope, f.Epoch)
	tried := known || !live || of.mayTry()
	o.mu.Unlock()
	switch {
	case known:
		return result
	case !tried:
		return opened{err: broken("camera %s: too much that does not open, this one is not tried", f.Camera)}
	}
	result = o.unwrap(p, f)
	o.mu.Lock()
	defer o.mu.Unlock()
	of.remember(p.envelope, f.Epoch, result)
	if live && result.err != nil {
		of.tries--
	}
	return result
}

// of returns what is known of a camera. It is called with mu held.
func (o *Opener) of(id frame.CameraID) *envelopes {
	of := o.cameras[id]
	if of == nil {
		if len(o.cameras) >= mostCameras {
			clear(o.cameras)
		}
		of = newEnvelopes()
		o.cameras[id] = of
	}
	return of
}
