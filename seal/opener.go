package seal

import (
	"bytes"
	"crypto/cipher"
	"slices"
	"sync"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/lensbus/lensbus/frame"
)

// mostKnown is how many envelopes an Opener remembers: a week of one camera, and at most 3 MB.
const mostKnown = 1024

// Opener opens frames that were sealed to a key. Its methods may be used from any goroutine.
type Opener struct {
	keys Keys

	mu sync.Mutex
	// known are envelopes by their bytes, camera and epoch, those too that no key here opens: X25519 is
	// for once an envelope and not for once a frame.
	known map[string]opened
	order []string // of known, a ring
	next  int
	name  []byte // scratch
}

// opened is what came of an envelope: its content key, or why there is none.
type opened struct {
	content cipher.AEAD
	err     error
}

// NewOpener returns what opens with the keys of a file.
func NewOpener(keys Keys) *Opener {
	return &Opener{keys: keys, known: make(map[string]opened)}
}

// Open returns the frame with its picture in the clear and checked as [frame.Decode] does, in memory of
// its own. A frame that is not sealed comes back as it is, unless the keys say that its camera must be.
//
// Every error is a [*frame.RejectError], normal on an open bus: count it and drop the frame. Its
// reason is [frame.ReasonSealed] where it is sealed to others, [frame.ReasonSeal] where it is not as it
// was sealed, has other headers than when it was, or is not of whom the keys say, and one of Decode's
// where what was sealed is no picture.
func (o *Opener) Open(f frame.Frame) (frame.Frame, error) {
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
	sender, err := publicOf(p.sender)
	if err != nil {
		return frame.Frame{}, broken("sealed by no key")
	}
	if from != nil && !slices.Contains(from, sender) {
		return frame.Frame{}, broken("camera %s is sealed by %s, who must not", f.Camera, sender)
	}
	envelope := o.envelope(&p, sender, &f)
	if envelope.err != nil {
		return frame.Frame{}, envelope.err
	}
	const codec = frame.JPEG
	var room [1024]byte
	picture, err := envelope.content.Open(nil, p.nonce, p.sealed, bound(room[:0], p.envelope, &f, codec))
	if err != nil {
		return frame.Frame{}, broken("frame %d of camera %s is not as it was sealed", f.Seq, f.Camera)
	}
	f.Data, f.Codec = picture, codec
	if err := f.Check(frame.Limits{}); err != nil {
		return frame.Frame{}, err
	}
	return f, nil
}

// envelope opens the envelope of a frame, or knows already what comes of it.
func (o *Opener) envelope(p *payload, sender Public, f *frame.Frame) opened {
	o.mu.Lock()
	o.name = context(append(o.name[:0], p.envelope...), f)
	result, known := o.known[string(o.name)]
	o.mu.Unlock()
	if known {
		return result
	}
	result = o.unwrap(p, sender, f)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.remember(string(context(bytes.Clone(p.envelope), f)), result)
	return result
}

// unwrap tries every key on every wrap: which wrap is whose is for nobody else to see.
func (o *Opener) unwrap(p *payload, sender Public, f *frame.Frame) opened {
	want := context(nil, f)
	for wrap := range slices.Chunk(p.wraps, p.wrap) {
		for _, own := range o.keys.Own {
			secret, err := own.pair.Open(wrap, string(sender))
			if err != nil {
				continue
			}
			if len(secret) < chacha20poly1305.KeySize || !bytes.Equal(secret[chacha20poly1305.KeySize:], want) {
				return opened{err: broken("camera %s: its key is that of another camera or epoch", f.Camera)}
			}
			content, err := chacha20poly1305.NewX(secret[:chacha20poly1305.KeySize])
			if err != nil {
				return opened{err: broken("camera %s: %v", f.Camera, err)}
			}
			return opened{content: content}
		}
	}
	return opened{err: frame.NoKey()}
}

// remember is called with mu held. The oldest goes where there are too many.
func (o *Opener) remember(name string, result opened) {
	if _, known := o.known[name]; known {
		return
	}
	if len(o.order) < mostKnown {
		o.order = append(o.order, name)
	} else {
		delete(o.known, o.order[o.next])
		o.order[o.next] = name
		o.next = (o.next + 1) % mostKnown
	}
	o.known[name] = result
}
