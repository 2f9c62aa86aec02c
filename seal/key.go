package seal

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/nats-io/nkeys"
	"golang.org/x/crypto/nacl/box"
)

// ErrKey is wrapped by the errors for what is no sealing key.
var ErrKey = errors.New("no sealing key")

// Public is the public half of a sealing key, 56 characters from X on: who has it seals to its owner.
type Public string

// ParsePublic checks s; a mistyped character is noticed. Its errors wrap [ErrKey].
func ParsePublic(s string) (Public, error) {
	if !nkeys.IsValidPublicCurveKey(s) {
		if strings.HasPrefix(s, "SX") { // not to be quoted
			return "", fmt.Errorf("%w: a secret key where a public one belongs: they begin with X", ErrKey)
		}
		return "", fmt.Errorf("%w: %.60q: want a public one, 56 characters from X on (lensbus auth seal-key)", ErrKey, s)
	}
	return Public(s), nil
}

// raw are the bytes of the key.
func (p Public) raw() ([]byte, error) { return nkeys.Decode(nkeys.PrefixByteCurve, []byte(p)) }

func publicOf(raw []byte) (Public, error) {
	text, err := nkeys.Encode(nkeys.PrefixByteCurve, raw)
	return Public(text), err
}

// Key is a sealing key with its secret half. It prints as its public one, in logs too.
type Key struct {
	pair   nkeys.KeyPair
	public Public
}

// NewKey makes a key.
func NewKey() (Key, error) {
	pair, err := nkeys.CreateCurveKeys()
	if err != nil {
		return Key{}, fmt.Errorf("make a sealing key: %w", err)
	}
	return keyOf(pair)
}

// ParseKey reads the secret text of a key, SX…. Its errors wrap [ErrKey] and never quote it.
func ParseKey(secret string) (Key, error) {
	pair, err := nkeys.FromCurveSeed([]byte(secret))
	if err != nil {
		return Key{}, fmt.Errorf("%w: want a secret one, 58 characters from SX on", ErrKey)
	}
	return keyOf(pair)
}

func keyOf(pair nkeys.KeyPair) (Key, error) {
	public, err := pair.PublicKey()
	if err != nil {
		return Key{}, fmt.Errorf("%w: %w", ErrKey, err)
	}
	return Key{pair, Public(public)}, nil
}

// IsZero says whether there is no key.
func (k Key) IsZero() bool { return k.pair == nil }

// Public is the half to give away.
func (k Key) Public() Public { return k.public }

// Secret is the key as text, for a file that nobody else reads.
func (k Key) Secret() (string, error) {
	seed, err := k.pair.Seed()
	return string(seed), err
}

// shared is what opens the boxes between this key and a public one: the part of opening that is slow.
func (k Key) shared(with []byte) (*[keyBytes]byte, error) {
	seed, err := k.pair.Seed()
	if err != nil {
		return nil, err
	}
	_, raw, err := nkeys.DecodeSeed(seed)
	if err != nil {
		return nil, err
	}
	defer clear(raw)
	shared := new([keyBytes]byte)
	box.Precompute(shared, (*[keyBytes]byte)(with), (*[keyBytes]byte)(raw))
	return shared, nil
}

// openBox opens what an xkey has sealed.
func openBox(sealed []byte, shared *[keyBytes]byte) ([]byte, bool) {
	const head, nonce = len(nkeys.XKeyVersionV1), 24
	if len(sealed) < head+nonce || string(sealed[:head]) != nkeys.XKeyVersionV1 {
		return nil, false
	}
	return box.OpenAfterPrecomputation(nil, sealed[head+nonce:], (*[nonce]byte)(sealed[head:]), shared)
}

// String never shows the secret, and so does not fmt's %v.
func (k Key) String() string { return "sealing key " + string(k.public) }

// GoString is String for %#v.
func (k Key) GoString() string { return k.String() }

// LogValue is String for logs.
func (k Key) LogValue() slog.Value { return slog.StringValue(k.String()) }
