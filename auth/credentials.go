package auth

import (
	"bytes"
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/nats-io/nkeys"

	"github.com/lensbus/lensbus/frame"
)

// Credentials are what a user connects with: one file that is handed over, mode 0600. It is text:
// "key: value" lines, the nkey's seed between NATS's own marks, and PEM blocks. NATS's tools take
// it as it is, with --nkey FILE --tlsca FILE --inbox-prefix _INBOX.NAME. With a JWT in it, it is also what
// they take with --creds; and a file of theirs, which has a JWT and a seed and no more, is taken here.
type Credentials struct {
	Name    string
	Role    Role
	Cameras []frame.CameraID // empty with All
	All     bool
	// Durable is [User.Durable].
	Durable string
	// Server is where the broker is, a NATS URL; "": whoever connects says it.
	Server string
	// CA are the certificates, PEM, by which the broker is known; nil: those of the system.
	CA []byte
	// Certificate and CertificateKey, PEM, are shown to a broker that wants to see one; nil: none.
	Certificate, CertificateKey []byte

	seed  []byte
	token string // the JWT; "": the server knows the key
	inbox string // where a JWT says another than the name's
	path  string // of the file that they were read from; "": none
}

// ErrCredentials is wrapped by the errors for what is no credentials file.
var ErrCredentials = errors.New("no credentials file")

// mostCredentials is more than any credentials file has.
const mostCredentials = 1 << 20

// NewCredentials makes a key for a user: the credentials to hand over, and the public key for the
// broker's list of users.
func NewCredentials(u User) (Credentials, string, error) {
	pair, err := nkeys.CreateUser()
	if err != nil {
		return Credentials{}, "", fmt.Errorf("make a key for %s: %w", u.Name, err)
	}
	defer pair.Wipe()
	seed, err := pair.Seed()
	if err != nil {
		return Credentials{}, "", fmt.Errorf("make a key for %s: %w", u.Name, err)
	}
	public, err := pair.PublicKey()
	if err != nil {
		return Credentials{}, "", fmt.Errorf("make a key for %s: %w", u.Name, err)
	}
	return Credentials{Name: u.Name, Role: u.Role, Cameras: slices.Clone(u.Cameras), All: u.All, Durable: u.Durable, seed: bytes.Clone(seed)}, public, nil
}

// User is who has the credentials, without the key.
func (c Credentials) User() User {
	return User{Name: c.Name, Role: c.Role, Cameras: slices.Clone(c.Cameras), All: c.All, Durable: c.Durable}
}

// Inbox is the beginning of the user's inbox subjects, for [nats.CustomInboxPrefix].
func (c Credentials) Inbox() string { return cmp.Or(c.inbox, inboxOf(c.Name)) }

// JWT is what a server in operator mode is shown besides the key's signature; "" for one that knows its
// users by their keys. It is no secret by itself.
func (c Credentials) JWT() string { return c.token }

// PublicKey is the user's public nkey.
func (c Credentials) PublicKey() (string, error) {
	pair, err := nkeys.FromSeed(c.seed)
	if err != nil {
		return "", fmt.Errorf("key of %s: %w", c.Name, err)
	}
	defer pair.Wipe()
	return pair.PublicKey()
}

// Seed is the secret itself, for a NATS server that connects as this user.
func (c Credentials) Seed() string { return string(c.seed) }

// Sign answers the server's challenge, for [nats.Nkey].
func (c Credentials) Sign(nonce []byte) ([]byte, error) {
	pair, err := nkeys.FromSeed(c.seed)
	if err != nil {
		return nil, fmt.Errorf("key of %s: %w", c.Name, err)
	}
	defer pair.Wipe()
	return pair.Sign(nonce)
}

// TLS is how to check the server, and what to show it; nil where the file says nothing of that.
func (c Credentials) TLS() (*tls.Config, error) {
	if c.CA == nil && c.Certificate == nil {
		return nil, nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.CA != nil {
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(c.CA) {
			return nil, fmt.Errorf("credentials of %s: %w: the CA is no certificate", c.Name, ErrCredentials)
		}
	}
	if c.Certificate != nil {
		pair, err := tls.X509KeyPair(c.Certificate, c.CertificateKey)
		if err != nil {
			return nil, fmt.Errorf("certificate of %s: %w", c.Name, err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}

// String never shows a secret, and so does not fmt's %v.
func (c Credentials) String() string {
	return fmt.Sprintf("credentials of %s %s", c.Role, c.Name)
}

// GoString is String for %#v.
func (c Credentials) GoString() string { return c.String() }

// The marks of NATS around a seed, and the header that tells a client's certificate from the CA's.
const (
	seedBegins  = "-----BEGIN USER NKEY SEED-----"
	seedEnds    = "------END USER NKEY SEED------"
	tokenBegins = "-----BEGIN NATS USER JWT-----"
	tokenEnds   = "------END NATS USER JWT------"
	useHeader   = "Use"
	useClient   = "client"
)

// Encode returns the file's content. It is a secret.
func (c Credentials) Encode() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# lensbus credentials: whoever has this file is %s %s. Keep it secret.\n", c.Role, c.Name)
	fmt.Fprintf(&b, "name: %s\nrole: %s\n", c.Name, c.Role)
	switch {
	case c.All:
		fmt.Fprintf(&b, "cameras: *\n")
	case len(c.Cameras) > 0:
		fmt.Fprintf(&b, "cameras: %s\n", strings.ReplaceAll(join(c.Cameras), " ", ""))
	}
	if c.Durable != "" {
		fmt.Fprintf(&b, "durable: %s\n", c.Durable)
	}
	if c.Server != "" {
		fmt.Fprintf(&b, "server: %s\n", c.Server)
	}
	if c.token != "" {
		fmt.Fprintf(&b, "\n%s\n%s\n%s\n", tokenBegins, c.token, tokenEnds)
	}
	fmt.Fprintf(&b, "\n%s\n%s\n%s\n", seedBegins, c.seed, seedEnds)
	if c.CA != nil {
		fmt.Fprintf(&b, "\n%s", c.CA)
	}
	for _, data := range [][]byte{c.Certificate, c.CertificateKey} {
		for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
			block.Headers = map[string]string{useHeader: useClient}
			b.WriteByte('\n')
			_ = pem.Encode(&b, block) // a bytes.Buffer takes everything
		}
	}
	return b.Bytes()
}

// ParseCredentials reads a file's content. Its errors wrap [ErrCredentials] and never quote it.
func ParseCredentials(data []byte) (Credentials, error) {
	var c Credentials
	wrong := func(text string) (Credentials, error) {
		return Credentials{}, fmt.Errorf("%w: %s", ErrCredentials, text)
	}
	if len(data) > mostCredentials {
		return wrong("it is far too large")
	}
	head, rest, found := strings.Cut(string(data), seedBegins)
	if !found {
		return wrong("there is no nkey seed in it")
	}
	seed, rest, found := strings.Cut(rest, seedEnds)
	if !found {
		return wrong("the nkey seed does not end")
	}
	c.seed = []byte(strings.TrimSpace(seed))
	if prefix, _, err := nkeys.DecodeSeed(c.seed); err != nil || prefix != nkeys.PrefixByteUser {
		return wrong("the nkey seed is none of a user")
	}
	if before, after, found := strings.Cut(head, tokenBegins); found {
		token, _, found := strings.Cut(after, tokenEnds)
		if !found {
			return wrong("the JWT does not end")
		}
		c.token, head = strings.TrimSpace(token), before // what NATS's tools write after it is for people
	}
	for line := range strings.Lines(head) {
		key, value, found := strings.Cut(strings.TrimSpace(line), ":")
		if value = strings.TrimSpace(value); !found || strings.HasPrefix(key, "#") {
			continue
		}
		switch key {
		case "name":
			c.Name = value
		case "role":
			c.Role = Role(value)
		case "server":
			c.Server = value
		case "durable":
			c.Durable = value
		case "cameras":
			if value == "*" {
				c.All = true
				continue
			}
			for id := range strings.SplitSeq(value, ",") {
				c.Cameras = append(c.Cameras, frame.CameraID(strings.TrimSpace(id)))
			}
		default:
			return wrong(fmt.Sprintf("unknown line %.20q", key))
		}
	}
	public, err := c.PublicKey()
	if err != nil {
		return wrong("the nkey seed is none of a user")
	}
	if c.token != "" {
		if err := c.readToken(); err != nil {
			return Credentials{}, err
		}
	}
	user := c.User()
	user.Key = public
	if err := user.Validate(); err != nil {
		return Credentials{}, fmt.Errorf("%w: %w", ErrCredentials, err)
	}
	for block, rest := pem.Decode([]byte(rest)); block != nil; block, rest = pem.Decode(rest) {
		client := block.Headers[useHeader] == useClient
		block.Headers = nil
		switch text := pem.EncodeToMemory(block); {
		case client && block.Type == "CERTIFICATE":
			c.Certificate = append(c.Certificate, text...)
		case client:
			c.CertificateKey = append(c.CertificateKey, text...)
		case block.Type == "CERTIFICATE":
			c.CA = append(c.CA, text...)
		default:
			return wrong(fmt.Sprintf("what is a %.40q here for", block.Type))
		}
	}
	if _, err := c.TLS(); err != nil {
		return Credentials{}, err
	}
	return c, nil
}

// ReadCredentials reads a credentials file. One that others than its owner can read is refused.
func ReadCredentials(path string) (Credentials, error) {
	data, err := ReadSecret(path, "credentials file", "lensbus auth rotate")
	if err != nil {
		return Credentials{}, err
	}
	c, err := ParseCredentials(data)
	if err != nil {
		return Credentials{}, fmt.Errorf("%s: %w", path, err)
	}
	c.path = path
	return c, nil
}

// Renewed are these credentials as their file has them now: a JWT that holds for some time is replaced by
// another there. Those from no file are returned as they are. A file that is for another key, or without the
// JWT that these have, is an error that wraps [ErrCredentials]: whoever has these is who he was.
func (c Credentials) Renewed() (Credentials, error) {
	if c.path == "" {
		return c, nil
	}
	next, err := ReadCredentials(c.path)
	if err != nil {
		return Credentials{}, err
	}
	if !bytes.Equal(next.seed, c.seed) {
		return Credentials{}, fmt.Errorf("%s: %w for the key that it was for: to be somebody else, start anew", c.path, ErrCredentials)
	}
	if c.token != "" && next.token == "" {
		return Credentials{}, fmt.Errorf("%s: %w with a JWT any more", c.path, ErrCredentials)
	}
	return next, nil
}

// ReadSecret reads a file with a secret, what it is called in errors, and refuses one that others than its
// owner can read; anew is what makes a new one.
func ReadSecret(path, what, anew string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	if info.Mode().IsRegular() && info.Mode().Perm()&0o077 != 0 && !SecretsMount(path) {
		return nil, fmt.Errorf("%s %s: others can read it (mode %04o): chmod 600 it, and make new ones if somebody may have (%s)", what, path, info.Mode().Perm(), anew)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return data, nil
}

// SecretsMount is true where a container engine or systemd has put a secret: those have modes of
// their own, and folders that only the program can enter.
func SecretsMount(path string) bool {
	if path = filepath.Clean(path); strings.HasPrefix(path, "/run/secrets/") {
		return true
	}
	dir := os.Getenv("CREDENTIALS_DIRECTORY")
	return dir != "" && strings.HasPrefix(path, filepath.Clean(dir)+"/")
}

func publicUserKey(key string) bool { return nkeys.IsValidPublicUserKey(key) }
