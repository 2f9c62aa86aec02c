package bus

import (
	"crypto/x509"
	"errors"
	"strings"

	"github.com/nats-io/nats.go"
)

// EntryError says in words for people why a server that answers does not let this user in, or is not
// let near its keys. It is tried again all the same: rights and certificates change.
type EntryError struct {
	Reason string
	err    error
}

func (e *EntryError) Error() string { return e.Reason }
func (e *EntryError) Unwrap() error { return e.err }

// Explain makes an [*EntryError] of what nats.go says, where it is one, and leaves other errors alone.
func Explain(err error) error {
	var (
		authority x509.UnknownAuthorityError
		name      x509.HostnameError
		invalid   x509.CertificateInvalidError
	)
	text := ""
	switch {
	case err == nil:
		return nil
	case errors.As(err, &authority):
		text = "the server's certificate is of an authority that is not known here: the credentials are for another server, or none were given"
	case errors.As(err, &name):
		text = "the server's certificate is not for the name " + name.Host + ": connect by another, or make one that is (lensbus auth rotate --host " + name.Host + ")"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		text = "the server's certificate has expired (lensbus auth rotate makes a new one), or a clock is wrong"
	case errors.As(err, &invalid):
		text = "the server's certificate cannot be used: " + invalid.Error()
	case errors.Is(err, nats.ErrSecureConnWanted):
		text = "the server has no TLS, and the credentials or the URL want it: it may be another server than is meant"
	case strings.Contains(err.Error(), "tls: certificate required"), strings.Contains(err.Error(), "tls: bad certificate"):
		text = "the server wants to see a certificate of this user (lensbus auth rotate NAME --certificate makes one)"
	case errors.Is(err, nats.ErrAuthorization), errors.Is(err, nats.ErrAuthExpired), errors.Is(err, nats.ErrAuthRevoked), errors.Is(err, nats.ErrAccountAuthExpired):
		text = "the server does not let this user in: it does not know the key, or no longer, or no credentials were given"
	case errors.Is(err, nats.ErrNkeysNotSupported):
		text = "the server asks nobody who he is, and the credentials want to be asked: it may be another server than is meant"
	default:
		return err
	}
	return &EntryError{Reason: text, err: err}
}
