package seal

import (
	"bytes"
	"crypto/cipher"
	"slices"
	"time"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/lensbus/lensbus/frame"
)

// What an Opener does for one camera. An envelope is at most 4 KiB, so that a camera takes 512 KiB at the most,
// and 20 KiB as a rule.
const (
	mostKnown = 64 // envelopes that open, and as many that do not: eight hours of a camera
	// Live envelopes that do not open are tried at this rate, and so many at once: each costs an operation
	// of X25519 for each own key, and whoever may publish as the camera, or has the broker, can make up any
	// number. What opens is not counted, nor what is recorded: an export goes through a year in minutes, and
	// misses none of what it can open.
	triesASecond = 10
	mostTries    = 40
)

// opened is what came of an envelope: its content key, or why there is none.
type opened struct {
	content cipher.AEAD
	err     error
}

// envelopes are those of one camera that were tried, by their bytes and epoch: X25519 is for once an
// envelope and not for once a frame. Those that do not open never push out one that does.
type envelopes struct {
	good, bad ring
	tries     float64
	counted   time.Time // when tries was
	name      []byte    // scratch
}

func newEnvelopes() *envelopes {
	return &envelopes{
		good:  ring{known: make(map[string]opened)},
		bad:   ring{known: make(map[string]opened)},
		tries: mostTries, counted: time.Now(),
	}
}

// find returns what is known of an envelope.
func (e *envelopes) find(envelope []byte, epoch string) (opened, bool) {
	e.name = append(append(e.name[:0], envelope...), epoch...)
	if result, known := e.good.known[string(e.name)]; known {
		return result, true
	}
	result, known := e.bad.known[string(e.name)]
	return result, known
}

// mayTry says whether another envelope may be tried that is not known.
func (e *envelopes) mayTry() bool {
	now := time.Now()
	e.tries = min(mostTries, e.tries+now.Sub(e.counted).Seconds()*triesASecond)
	e.counted = now
	return e.tries >= 1
}

// remember notes what came of an envelope.
func (e *envelopes) remember(envelope []byte, epoch string, result opened) {
	name := string(append(bytes.Clone(envelope), epoch...))
	if result.err == nil {
		e.good.add(name, result)
		return
	}
	e.bad.add(name, result)
}

// ring keeps the newest [mostKnown].
type ring struct {
	known map[string]opened
	order []string
	next  int
}

func (r *ring) add(name string, result opened) {
	if _, known := r.known[name]; known {
		return
	}
	if len(r.order) < mostKnown {
		r.order = append(r.order, name)
	} else {
		delete(r.known, r.order[r.next])
		r.order[r.next] = name
		r.next = (r.next + 1) % mostKnown
	}
	r.known[name] = result
}

// unwrap tries every key on every wrap: which wrap is whose is for nobody else to see. What of X25519
// does not change from wrap to wrap is done once.
func (o *Opener) unwrap(p *payload, f *frame.Frame) opened {
	want := context(nil, f)
	for _, own := range o.keys.Own {
		outer, err := own.shared(p.once)
		if err != nil {
			return opened{err: broken("camera %s: %v", f.Camera, err)}
		}
		for wrap := range slices.Chunk(p.wraps, p.wrap) {
			inner, ok := openBox(wrap, outer)
			if !ok {
				continue
			}
			shared, err := own.shared(p.sender)
			if err != nil {
				return opened{err: broken("camera %s: %v", f.Camera, err)}
			}
			secret, ok := openBox(inner, shared)
			if !ok {
				return opened{err: broken("camera %s: its key is not by whom it says", f.Camera)}
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
