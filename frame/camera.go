package frame

import (
	"errors"
	"fmt"
)

// ErrCameraID is wrapped by every error that [ParseCameraID] returns.
var ErrCameraID = errors.New("bad camera id")

// CameraID names one camera: 1 to 32 characters, lower-case letters, digits, '_' and '-',
// starting with a letter or digit (^[a-z0-9][a-z0-9_-]{0,31}$).
//
// An id becomes a subject token, a URL segment and a folder name, so it is checked with
// [ParseCameraID] wherever one comes in, a received subject included. A CameraID that did not
// come from ParseCameraID is not to be trusted.
type CameraID string

// NameRule is what [ValidName] takes, in words for the end of an error.
const NameRule = "use 1 to 32 of a-z, 0-9, '_' and '-', starting with a letter or digit"

const maxName = 32

// ParseCameraID checks s. Its error names the id, shortened and quoted, and says what one looks like.
func ParseCameraID(s string) (CameraID, error) {
	if !ValidName(s) {
		shown := s
		if len(shown) > maxName+8 {
			shown = shown[:maxName+8] + "…"
		}
		return "", fmt.Errorf("%w %q: %s", ErrCameraID, shown, NameRule)
	}
	return CameraID(s), nil
}

// ValidName is the rule for ids, and for every other name that lensbus makes labels, folders or subject
// tokens of: users, sites, consumers, verbs, reasons.
func ValidName(s string) bool {
	if len(s) == 0 || len(s) > maxName {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9':
		case (c == '_' || c == '-') && i > 0:
		default:
			return false
		}
	}
	return true
}

// UnmarshalText makes a CameraID in a configuration file, a JSON document or a map key checked.
func (id *CameraID) UnmarshalText(text []byte) error {
	parsed, err := ParseCameraID(string(text))
	if err != nil {
		return err
	}
	*id = parsed
	return nil
}
