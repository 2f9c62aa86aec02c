// Package seal encrypts pictures end to end: a publisher seals each frame to the keys of those who may
// see it, and who has one of them opens it. What is between, broker and recorder, carries bytes that it
// can neither read nor change nor pass off as another camera's.
//
// A content key encrypts the pictures of a camera for a while (XChaCha20-Poly1305) and is itself
// encrypted to each viewer, by the publisher's key and over that by one that is thrown away (xkeys of
// package nkeys: X25519 and NaCl's box). Every sealed frame carries those few bytes with it, so that it can
// be opened alone, at once and years later. docs/design/sealed-frames.md has the reasons, and what sealing
// does not do.
//
// Nothing here reads files, talks to a network or decodes a picture. Who may connect to a broker is
// package auth's, with other keys.
package seal

import (
	"fmt"

	"github.com/lensbus/lensbus/frame"
)

// MostViewers is to how many keys a frame can be sealed: each takes about 150 bytes of every frame.
const MostViewers = 16

func broken(format string, args ...any) error {
	return &frame.RejectError{Reason: frame.ReasonSeal, Detail: fmt.Sprintf(format, args...)}
}
