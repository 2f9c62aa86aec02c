package auth

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"

	"github.com/lensbus/lensbus/frame"
)

// A NATS server in operator mode has no list of users: it lets in whose JWT an account has signed, with the
// rights that stand in it.

// Issuer signs users of one account.
type Issuer struct {
	// Account is the account's public key, A…, where the signing key is another than the account's own.
	Account string
	// Expires is how long a JWT holds from now; 0: for ever.
	Expires time.Duration
	// DirectGet gives those who only watch the right to a direct get, for a server without lensbus's own
	// broker beside it. JetStream sends its answer wherever the asker says: see docs/guide/security.md.
	DirectGet bool

	pair nkeys.KeyPair
}

// ErrAccountKey is wrapped by the errors for what cannot sign users.
var ErrAccountKey = errors.New("no account's key")

// NewIssuer reads the seed of an account or of one of its signing keys, SA…, with or without NATS's marks.
// Wipe it after use. Its errors never quote the seed.
func NewIssuer(seed []byte) (*Issuer, error) {
	pair, err := nkeys.ParseDecoratedNKey(seed)
	if err != nil {
		return nil, fmt.Errorf("%w: want the seed of an account or of a signing key, SA…", ErrAccountKey)
	}
	public, err := pair.PublicKey()
	if err != nil || !nkeys.IsValidPublicAccountKey(public) {
		pair.Wipe()
		return nil, fmt.Errorf("%w: it is another kind of key: want one that begins with SA", ErrAccountKey)
	}
	return &Issuer{pair: pair}, nil
}

// Wipe forgets the key.
func (i *Issuer) Wipe() { i.pair.Wipe() }

// roleTag begins the tag of a JWT that says which role the rights in it are.
const roleTag = "lensbus-role:"

// Sign returns the credentials with a JWT in them: the rights of their role, for the account's servers.
func (i *Issuer) Sign(c Credentials) (Credentials, error) {
	failed := func(err error) (Credentials, error) {
		return Credentials{}, fmt.Errorf("sign the JWT of %s: %w", c.Name, err)
	}
	if i.Account != "" && !nkeys.IsValidPublicAccountKey(i.Account) {
		return failed(fmt.Errorf("%w: %.20q is no account's public key, A…", ErrAccountKey, i.Account))
	}
	public, err := c.PublicKey()
	if err != nil {
		return failed(err)
	}
	user := c.User()
	rights := user.exported(i.DirectGet)
	claims := jwt.NewUserClaims(public)
	claims.Name, claims.IssuerAccount = c.Name, i.Account
	if signer, err := i.pair.PublicKey(); err == nil && signer == i.Account {
		claims.IssuerAccount = ""
	}
	claims.Tags.Add(roleTag + string(c.Role))
	claims.Pub.Allow.Add(rights.Publish...)
	claims.Sub.Allow.Add(rights.Subscribe...)
	claims.AllowedConnectionTypes.Add(user.ConnectionTypes()...)
	if i.Expires > 0 {
		claims.Expires = time.Now().Add(i.Expires).Unix()
	}
	if c.token, err = claims.Encode(i.pair); err != nil {
		return failed(err)
	}
	return c, nil
}

// readToken takes from a JWT what the lines of the file do not say: files of nsc have none. Who signed it,
// and whether it holds, is for the server to say.
func (c *Credentials) readToken() error {
	claims, err := jwt.DecodeUserClaims(c.token)
	if err != nil {
		return fmt.Errorf("%w: the JWT in it is none of a user", ErrCredentials) // not the parser's words: they may quote it
	}
	if public, err := c.PublicKey(); err != nil || claims.Subject != public {
		return fmt.Errorf("%w: the JWT in it is for another key", ErrCredentials)
	}
	c.inbox = inboxRight(claims.Sub.Allow)
	if c.Name != "" {
		return nil
	}
	for _, tag := range claims.Tags {
		if role, ok := strings.CutPrefix(tag, roleTag); ok {
			c.Role = Role(role)
		}
	}
	if c.Role == "" {
		c.Role = roleOf(claims.Pub.Allow)
	}
	c.Name = "user"
	if name := strings.ToLower(claims.Name); frame.ValidName(name) {
		c.Name = name
	}
	if c.Role != Admin {
		c.Cameras, c.All = camerasOf(append(claims.Pub.Allow, claims.Sub.Allow...))
	}
	return nil
}

// inboxRight is the beginning of the inboxes that these rights are for: NATS's own unless they name
// another.
func inboxRight(subscribe []string) string {
	for _, subject := range subscribe {
		if inbox, ok := strings.CutSuffix(subject, ".>"); ok && strings.HasPrefix(inbox, "_INBOX") {
			return inbox
		}
	}
	return "_INBOX"
}

// roleOf is the role whose rights these are most like.
func roleOf(publish []string) Role {
	role := Viewer
	for _, subject := range publish {
		switch {
		case subject == ">":
			return Admin
		case strings.HasPrefix(subject, "$JS.ACK."):
			return Recorder
		case strings.HasPrefix(subject, "cam.") && strings.HasSuffix(subject, ".>"):
			return Publisher
		case strings.HasSuffix(subject, ".control.set"):
			role = Operator
		}
	}
	if len(publish) == 0 { // without a list everything is allowed
		return Admin
	}
	return role
}

// camerasOf are the cameras that rights are for. Where they are for none, it is taken that they are for all:
// the server knows.
func camerasOf(subjects []string) (cameras []frame.CameraID, all bool) {
	seen := make(map[frame.CameraID]bool)
	for _, subject := range subjects {
		rest, ok := strings.CutPrefix(subject, "cam.")
		if !ok {
			continue
		}
		token, _, _ := strings.Cut(rest, ".")
		id, err := frame.ParseCameraID(token)
		if err != nil {
			return nil, true
		}
		if !seen[id] {
			seen[id] = true
			cameras = append(cameras, id)
		}
	}
	return cameras, len(cameras) == 0
}
