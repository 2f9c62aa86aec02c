package seal

import (
	"fmt"
	"strings"

	"github.com/lensbus/lensbus/frame"
)

// Keys are what a key file holds: text, one key a line, lines with # in front for people.
//
//	SXA…                  a key of one's own, secret; the first one is the one to seal with
//	front XB…             camera front must come sealed, and by this key's owner
//
// A camera may have several such lines: any of them will do.
type Keys struct {
	// Own open what was sealed to any of them: older ones stay for what was recorded then.
	Own []Key
	// From are those who may have sealed a camera's pictures. A camera that is not in it is believed
	// whoever has sealed it, and where it is not sealed at all.
	From map[frame.CameraID][]Public
}

// Bounds of a key file: each own key is tried in turn.
const (
	mostKeys  = 8
	mostBytes = 1 << 20
)

// ParseKeys reads a key file's content. Its errors wrap [ErrKey], name the line and never quote it.
func ParseKeys(data []byte) (Keys, error) {
	keys := Keys{From: make(map[frame.CameraID][]Public)}
	if len(data) > mostBytes {
		return Keys{}, fmt.Errorf("%w: the file is far too large", ErrKey)
	}
	number := 0
	for line := range strings.Lines(string(data)) {
		number++
		words := strings.Fields(line)
		if len(words) == 0 || strings.HasPrefix(words[0], "#") {
			continue
		}
		if err := keys.add(words); err != nil {
			return Keys{}, fmt.Errorf("line %d: %w", number, err)
		}
	}
	switch {
	case len(keys.Own) == 0:
		return Keys{}, fmt.Errorf("%w: there is no secret key in it, a line that begins with SX", ErrKey)
	case len(keys.Own) > mostKeys:
		return Keys{}, fmt.Errorf("%w: %d secret keys, the most is %d", ErrKey, len(keys.Own), mostKeys)
	}
	return keys, nil
}

func (k *Keys) add(words []string) error {
	switch {
	case len(words) == 1:
		key, err := ParseKey(words[0])
		if err != nil {
			return err
		}
		k.Own = append(k.Own, key)
		return nil
	case len(words) > 2:
		return fmt.Errorf("%w: want a secret key, or a camera and a public key", ErrKey)
	}
	id, err := frame.ParseCameraID(words[0])
	if err != nil {
		return fmt.Errorf("%w: want a camera before a public key", ErrKey)
	}
	from, err := ParsePublic(words[1])
	if err != nil {
		return err
	}
	k.From[id] = append(k.From[id], from)
	return nil
}

// NewFile returns a new key and the content of its file. name is for people.
func NewFile(name string) (Key, []byte, error) {
	key, err := NewKey()
	if err != nil {
		return Key{}, nil, err
	}
	secret, err := key.Secret()
	if err != nil {
		return Key{}, nil, fmt.Errorf("make a sealing key: %w", err)
	}
	return key, fmt.Appendf(nil, `# Sealing key of %s. Whoever has this file sees what is sealed to it, and can seal in its name: keep it
# secret. What was sealed with it does not open with it.
# Public key, to give to publishers: %s
%s

# Cameras that must come sealed, and by whose key; without such a line anybody who knows the public
# key above can have sealed a picture.
# front X…
`, name, key.Public(), secret), nil
}
