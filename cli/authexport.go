package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/lensbus/lensbus/auth"
)

// authExportCommand is for who runs NATS servers of his own.
type authExportCommand struct {
	authFlags
	Format     string        `enum:"nats-conf,nsc,jwt" default:"nats-conf" placeholder:"FORMAT" help:"nats-conf, for the configuration of a nats-server; nsc, commands that make users and their JWTs; jwt, credentials with JWTs, signed here. Default nats-conf."`
	DirectGet  bool          `help:"Give those who only watch the right to ask JetStream for the newest frame, for servers without a broker of lensbus. It has a price: docs/guide/security.md."`
	AccountKey string        `placeholder:"FILE" help:"With --format jwt: file with the seed of the account, or of a signing key of it, SA…, mode 0600."`
	Account    string        `placeholder:"KEY" help:"With a signing key: the account's public key, A…."`
	Out        string        `placeholder:"DIR" help:"With --format jwt: folder for the credentials, NAME.creds each."`
	Server     string        `placeholder:"URL" help:"With --format jwt: the servers' URL, to write into the credentials."`
	CA         string        `name:"ca" placeholder:"FILE" help:"With --format jwt: the CA of the servers' certificates, PEM. Default: those of the system."`
	Expires    time.Duration `placeholder:"DURATION" help:"How long the JWTs hold. Default: for ever, also once their user is gone."`
}

func (c *authExportCommand) Run(s *session) error {
	signed := c.AccountKey != "" || c.Account != "" || c.Out != "" || c.Expires != 0 || c.Server != "" || c.CA != ""
	switch {
	case c.Format == "jwt" && (c.AccountKey == "" || c.Out == ""):
		return usage(errors.New("--format jwt needs --account-key, which signs, and --out, where the credentials are put"))
	case c.Format != "jwt" && signed:
		return usage(errors.New("--account-key, --account, --out, --server, --ca and --expires are for --format jwt"))
	case c.Expires < 0:
		return usage(fmt.Errorf("--expires %s: want a time to come", c.Expires))
	}
	folder, err := c.open()
	if err != nil {
		return err
	}
	users, err := folder.Users()
	if err != nil {
		return err
	}
	switch c.Format {
	case "nsc":
		return auth.WriteNSC(s.Stdout, users, c.DirectGet)
	case "jwt":
		return c.sign(s, folder, users)
	}
	return auth.WriteNATSConf(s.Stdout, users, c.DirectGet)
}

// sign puts each user's credentials, with a JWT in them, into the folder --out. A user whose credentials are
// no longer here cannot be one of them: only their key's seed can be signed with.
func (c *authExportCommand) sign(s *session, folder *auth.Folder, users []auth.User) error {
	if own, err := os.Stat(folder.Path(auth.CredentialsDir)); err == nil {
		if out, err := os.Stat(c.Out); err == nil && os.SameFile(own, out) {
			return usage(fmt.Errorf("--out %s is where the credentials for lensbus's own broker are, which these would replace: give another folder", c.Out))
		}
	}
	seed, err := auth.ReadSecret(c.AccountKey, "account's key", "nsc reissue")
	if err != nil {
		return err
	}
	issuer, err := auth.NewIssuer(seed)
	clear(seed)
	if err != nil {
		return fmt.Errorf("%s: %w", c.AccountKey, err)
	}
	defer issuer.Wipe()
	issuer.Account, issuer.Expires, issuer.DirectGet = c.Account, c.Expires, c.DirectGet
	var ca []byte
	if c.CA != "" {
		if ca, err = os.ReadFile(c.CA); err != nil {
			return fmt.Errorf("--ca: %w", err)
		}
	}
	for _, old := range c.holdOn(users) {
		s.log.Warn("a JWT that nobody has any more holds on until it ends, or is revoked", "user", old.name, "file", old.path, "revoke", "nsc revocations add-user --user-public-key "+old.key)
	}
	var failed []error
	for _, u := range users {
		path, err := c.signOne(issuer, folder, u, ca)
		if err == nil {
			_, err = fmt.Fprintln(s.Stdout, path)
		}
		failed = append(failed, err)
	}
	return errors.Join(failed...)
}

func (c *authExportCommand) signOne(issuer *auth.Issuer, folder *auth.Folder, u auth.User, ca []byte) (string, error) {
	credentials, err := auth.ReadCredentials(folder.CredentialsPath(u.Name))
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("%s: its credentials are not in the folder any more: put them back, or `lensbus auth rotate %s`", u.Name, u.Name)
	}
	if err != nil {
		return "", err
	}
	credentials.Role, credentials.Cameras, credentials.All, credentials.Durable = u.Role, u.Cameras, u.All, u.Durable
	// Another broker's than the folder's: it is known otherwise, and elsewhere.
	credentials.Server, credentials.CA, credentials.Certificate, credentials.CertificateKey = c.Server, ca, nil, nil
	if credentials, err = issuer.Sign(credentials); err != nil {
		return "", err
	}
	path := filepath.Join(c.Out, u.Name+".creds")
	return path, auth.WriteFile(path, credentials.Encode(), 0o600)
}

// oldCredentials are in --out from before, for a key that is no user's now.
type oldCredentials struct{ name, key, path string }

// holdOn are the credentials in --out whose user is gone or has another key by now. Their servers know nothing of
// that: they let in whoever has a JWT.
func (c *authExportCommand) holdOn(users []auth.User) []oldCredentials {
	var old []oldCredentials
	entries, _ := os.ReadDir(c.Out) // none before the first time
	for _, entry := range entries {
		path := filepath.Join(c.Out, entry.Name())
		if filepath.Ext(path) != ".creds" {
			continue
		}
		credentials, err := auth.ReadCredentials(path)
		if err != nil || credentials.JWT() == "" {
			continue
		}
		key, err := credentials.PublicKey()
		if err != nil || slices.ContainsFunc(users, func(u auth.User) bool { return u.Key == key }) {
			continue
		}
		old = append(old, oldCredentials{credentials.Name, key, path})
	}
	return old
}
