package bus

import (
	"errors"
	"log/slog"
	"slices"
	"sync"

	"github.com/nats-io/nats.go"

	"github.com/lensbus/lensbus/auth"
	"github.com/lensbus/lensbus/frame"
)

// identity are the options that make a connection the user's of o.Credentials; none without them.
func (o Options) identity() ([]nats.Option, error) {
	if o.Credentials == nil {
		return nil, nil
	}
	if o.Context != "" {
		return nil, errors.New("give credentials or a NATS context, not both: a context brings its own")
	}
	key, err := o.Credentials.PublicKey()
	if err != nil {
		return nil, err
	}
	who := nats.Nkey(key, o.Credentials.Sign)
	if o.Credentials.JWT() != "" {
		who = nats.UserJWT((&renewal{log: o.Log, held: *o.Credentials}).token, o.Credentials.Sign)
	}
	opts := []nats.Option{who, nats.CustomInboxPrefix(o.Credentials.Inbox())}
	if o.InProcess != nil { // there is no network to be secured
		return opts, nil
	}
	secure, err := o.Credentials.TLS()
	if err != nil {
		return nil, err
	}
	if secure != nil {
		opts = append(opts, nats.Secure(secure))
	}
	return opts, nil
}

// renewal has the newest JWT for connections that are made and made again: it may hold for some time only, and
// whoever signs them puts the next one into the credentials' file.
type renewal struct {
	log *slog.Logger

	mu     sync.Mutex
	held   auth.Credentials
	failed bool
}

// token is for [nats.UserJWT]. Where the file cannot be read, or is somebody else's, it is the one before.
func (r *renewal) token() (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	next, err := r.held.Renewed()
	if err == nil {
		r.held = next
	} else if !r.failed { // not with each attempt
		r.log.Warn("the credentials cannot be read again: those from before are used on", "error", err)
	}
	r.failed = err != nil
	return r.held.JWT(), nil
}

// scope are the cameras that this user's rights are for; nil where they are for all, as far as is
// known here. A subscription to more than that is refused, and not only thinned out.
func (o Options) scope() []frame.CameraID {
	if o.Credentials == nil || o.Credentials.All || len(o.Credentials.Cameras) == 0 {
		return nil
	}
	return slices.Clone(o.Credentials.Cameras)
}

// durable is the name of the consumers that this user has rights to.
func (o Options) durable() string {
	if o.Credentials == nil {
		return DefaultDurable
	}
	return o.Credentials.User().DurableName()
}

// Scope returns the cameras that this user's rights are for; nil where they are for all or it is
// not known.
func (c *Conn) Scope() []frame.CameraID { return slices.Clone(c.scope) }

// within returns the given cameras, or this user's where none is given. Its error names one that
// this user has no right to.
func (c *Conn) within(cameras []frame.CameraID) ([]frame.CameraID, error) {
	if c.scope == nil {
		return cameras, nil
	}
	if len(cameras) == 0 {
		return c.scope, nil
	}
	for _, id := range cameras {
		if !slices.Contains(c.scope, id) {
			return nil, &notAllowedError{id, "watch"}
		}
	}
	return cameras, nil
}
