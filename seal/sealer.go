package seal

import (
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/lensbus/lensbus/frame"
)

// KeyLife is for how long a content key is used. A new one comes with each new epoch too.
const KeyLife = 10 * time.Minute

// Sealer seals one camera's pictures. Its methods may be used from any goroutine.
type Sealer struct {
	own    Key
	sender []byte
	to     []Public

	mu       sync.Mutex
	camera   frame.CameraID
	epoch    string
	made     time.Time // the content key
	content  cipher.AEAD
	envelope []byte
	bound    []byte // scratch
}

// NewSealer returns a Sealer that seals with a publisher's key to the keys of those who may see the
// pictures: at least one, at most [MostViewers], none twice.
func NewSealer(own Key, to []Public) (*Sealer, error) {
	if err := CheckViewers(to); err != nil {
		return nil, err
	}
	sender, err := own.Public().raw()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	return &Sealer{own: own, sender: sender, to: slices.Clone(to)}, nil
}

// CheckViewers says what is wrong with a list of those who are to open what is sealed.
func CheckViewers(to []Public) error {
	switch {
	case len(to) == 0:
		return errors.New("sealed to nobody: want at least one public key")
	case len(to) > MostViewers:
		return fmt.Errorf("sealed to %d keys: the most is %d, as each adds to every frame", len(to), MostViewers)
	}
	for i, key := range to {
		if _, err := ParsePublic(string(key)); err != nil {
			return err
		}
		if slices.Contains(to[:i], key) {
			return fmt.Errorf("%w: %s is there twice", ErrKey, key)
		}
	}
	return nil
}

// Overhead is how many bytes longer a sealed frame's data is, at most.
func (s *Sealer) Overhead() int {
	const longest = 2*(4+24+16) + chacha20poly1305.KeySize + 32 + 1 + 64 // xkeys' own twice, key, camera and epoch
	return fixedHead + len(s.to)*longest + nonceSize + tagSize
}

// Seal returns the frame with its picture sealed, in memory of its own. f is a whole frame but for
// Published and Unsent, which may be set later; its headers must not change otherwise.
func (s *Sealer) Seal(f frame.Frame) (frame.Frame, error) { return s.SealAs(f, frame.KindFrame) }

// SealAs is Seal for what is sent as something else than a frame, [frame.KindPreview] or
// [frame.VerbSnapshot]: only as that it opens.
func (s *Sealer) SealAs(f frame.Frame, as frame.Kind) (frame.Frame, error) {
	if f.Codec != frame.JPEG {
		return frame.Frame{}, fmt.Errorf("seal frame %d of camera %s: codec %.40q cannot be sealed", f.Seq, f.Camera, f.Codec)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.content == nil || f.Camera != s.camera || f.Epoch != s.epoch || time.Since(s.made) > KeyLife {
		if err := s.renew(&f); err != nil {
			return frame.Frame{}, fmt.Errorf("seal frame %d of camera %s: %w", f.Seq, f.Camera, err)
		}
	}
	data := make([]byte, 0, len(s.envelope)+nonceSize+len(f.Data)+tagSize)
	data = append(data, s.envelope...)
	nonce := data[len(data) : len(data)+nonceSize]
	_, _ = rand.Read(nonce) // never fails
	data = data[:len(data)+nonceSize]
	s.bound = bound(s.bound[:0], s.envelope, &f, as, f.Codec)
	f.Data = s.content.Seal(data, nonce, f.Data, s.bound)
	f.Codec = frame.SealedJPEG
	return f, nil
}

// renew makes a content key for the frame's camera and epoch and wraps it for every viewer: in the publisher's
// name, which opens with the publisher's key too, and that once more in the name of a key that is thrown away,
// which does not. It is called with mu held.
func (s *Sealer) renew(f *frame.Frame) error {
	secret := make([]byte, chacha20poly1305.KeySize, 192)
	_, _ = rand.Read(secret) // never fails
	content, err := chacha20poly1305.NewX(secret)
	if err != nil {
		return err
	}
	secret = context(secret, f)
	defer clear(secret)
	once, err := NewKey()
	if err != nil {
		return err
	}
	defer once.pair.Wipe()
	public, err := once.public.raw()
	if err != nil {
		return err
	}
	envelope := slices.Concat([]byte(mark), s.sender, public)
	envelope = append(envelope, byte(len(s.to)), 0, 0)
	for _, viewer := range s.to {
		wrap, err := s.own.pair.Seal(secret, string(viewer))
		if err == nil {
			wrap, err = once.pair.Seal(wrap, string(viewer))
		}
		if err != nil {
			return fmt.Errorf("to %s: %w", viewer, err)
		}
		if len(wrap) > mostWrap {
			return fmt.Errorf("to %s: the epoch is too long", viewer)
		}
		binary.BigEndian.PutUint16(envelope[fixedHead-2:], uint16(len(wrap)))
		envelope = append(envelope, wrap...)
	}
	s.camera, s.epoch, s.made, s.content, s.envelope = f.Camera, f.Epoch, time.Now(), content, envelope
	return nil
}
