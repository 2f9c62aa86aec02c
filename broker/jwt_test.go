package broker

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"github.com/lensbus/lensbus/auth"
	"github.com/lensbus/lensbus/frame"
)

// operated runs a nats-server in operator mode with one account that has a signing key, and returns both
// of the account's seeds and its public key.
func operated(t *testing.T) (url string, own, signing []byte, account string) {
	t.Helper()
	pair := func(make func() (nkeys.KeyPair, error)) (nkeys.KeyPair, string) {
		t.Helper()
		key, err := make()
		if err != nil {
			t.Fatal(err)
		}
		public, err := key.PublicKey()
		if err != nil {
			t.Fatal(err)
		}
		return key, public
	}
	operator, operatorPublic := pair(nkeys.CreateOperator)
	key, account := pair(nkeys.CreateAccount)
	signer, signerPublic := pair(nkeys.CreateAccount)
	operatorClaims := jwt.NewOperatorClaims(operatorPublic)
	token, err := operatorClaims.Encode(operator)
	if err != nil {
		t.Fatal(err)
	}
	trusted, err := jwt.DecodeOperatorClaims(token)
	if err != nil {
		t.Fatal(err)
	}
	claims := jwt.NewAccountClaims(account)
	claims.SigningKeys.Add(signerPublic)
	if token, err = claims.Encode(operator); err != nil {
		t.Fatal(err)
	}
	resolver := new(server.MemAccResolver)
	if err := resolver.Store(account, token); err != nil {
		t.Fatal(err)
	}
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true,
		TrustedOperators: []*jwt.OperatorClaims{trusted}, AccountResolver: resolver,
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(20 * time.Second) {
		t.Fatal("the server does not start")
	}
	seed := func(key nkeys.KeyPair) []byte {
		t.Helper()
		data, err := key.Seed()
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	return s.ClientURL(), seed(key), seed(signer), account
}

// withToken connects with what stands in the file of credentials, as package bus does.
func withToken(url string, c auth.Credentials) (*nats.Conn, error) {
	return nats.Connect(url, nats.UserJWT(func() (string, error) { return c.JWT(), nil }, c.Sign), nats.CustomInboxPrefix(c.Inbox()),
		nats.NoReconnect(), nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
}

// JWTs that are signed here have, on a server in operator mode, exactly the rights that the broker's own
// users have.
func TestSignedRightsHold(t *testing.T) {
	url, own, signing, account := operated(t)
	for name, test := range map[string]struct {
		seed    []byte
		account string
		role    auth.Role
		cameras []frame.CameraID
	}{
		"publisher": {own, "", auth.Publisher, []frame.CameraID{"front"}},
		"viewer":    {signing, account, auth.Viewer, []frame.CameraID{"front"}},
		"operator":  {own, account, auth.Operator, []frame.CameraID{"front"}},
		"recorder":  {signing, account, auth.Recorder, []frame.CameraID{"front"}},
		"web":       {signing, account, auth.Web, nil},
	} {
		t.Run(name, func(t *testing.T) {
			issuer, err := auth.NewIssuer(test.seed)
			if err != nil {
				t.Fatal(err)
			}
			defer issuer.Wipe()
			issuer.Account = test.account
			c, _, err := auth.NewCredentials(auth.User{Name: name, Role: test.role, Cameras: test.cameras, All: test.cameras == nil})
			if err != nil {
				t.Fatal(err)
			}
			if c, err = issuer.Sign(c); err != nil {
				t.Fatal(err)
			}
			if c, err = auth.ParseCredentials(c.Encode()); err != nil { // as it is handed over
				t.Fatal(err)
			}
			nc, err := withToken(url, c)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(nc.Close)
			tryRights(t, nc, name, c)
		})
	}
}

// The same file is what NATS's own clients take, and one of nsc is taken here.
func TestFilesOfBothKinds(t *testing.T) {
	url, own, _, _ := operated(t)
	issuer, err := auth.NewIssuer(own)
	if err != nil {
		t.Fatal(err)
	}
	defer issuer.Wipe()
	c, _, err := auth.NewCredentials(auth.User{Name: "alice", Role: auth.Viewer, Cameras: []frame.CameraID{"front", "yard"}})
	if err != nil {
		t.Fatal(err)
	}
	if c, err = issuer.Sign(c); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "alice.creds")
	if err := os.WriteFile(file, c.Encode(), 0o600); err != nil {
		t.Fatal(err)
	}
	nc, err := nats.Connect(url, nats.UserCredentials(file), nats.CustomInboxPrefix("_INBOX.alice"))
	if err != nil {
		t.Fatal(err)
	}
	nc.Close()
	theirs, err := jwt.FormatUserConfig(c.JWT(), []byte(c.Seed()))
	if err != nil {
		t.Fatal(err)
	}
	again, err := auth.ParseCredentials(theirs)
	if err != nil {
		t.Fatalf("%v\n", err)
	}
	if again.Name != "alice" || again.Role != auth.Viewer || again.Inbox() != "_INBOX.alice" || len(again.Cameras) != 2 {
		t.Errorf("%v: inbox %s, cameras %v", again, again.Inbox(), again.Cameras)
	}
	if nc, err = withToken(url, again); err != nil {
		t.Fatal(err)
	}
	nc.Close()
}

// One that has expired, or that another account has signed, is refused.
func TestSignedByOthers(t *testing.T) {
	url, own, signing, _ := operated(t)
	stranger, err := nkeys.CreateAccount()
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := stranger.Seed()
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		seed    []byte
		expires time.Duration
		account string
	}{
		"another account's":             {seed: foreign},
		"a signing key without account": {seed: signing},
		"expired":                       {seed: own, expires: time.Nanosecond},
	} {
		issuer, err := auth.NewIssuer(test.seed)
		if err != nil {
			t.Fatal(err)
		}
		issuer.Expires = test.expires
		c, _, err := auth.NewCredentials(auth.User{Name: "alice", Role: auth.Web, All: true})
		if err != nil {
			t.Fatal(err)
		}
		c, err = issuer.Sign(c)
		issuer.Wipe()
		if err != nil {
			t.Fatal(err)
		}
		if test.expires > 0 { // to whole seconds
			eventually(t, func() bool {
				claims, err := jwt.DecodeUserClaims(c.JWT())
				return err == nil && time.Now().Unix() > claims.Expires
			})
		}
		if nc, err := withToken(url, c); err == nil {
			nc.Close()
			t.Errorf("%s gets in", name)
		}
	}
	for _, wrong := range []string{"", "SUAKYRHVIOREXV7EUZTBHUHL7NUMHPMAS7QMDU3GTIUWEI5LDNOXD43IZY", "nonsense"} {
		if _, err := auth.NewIssuer([]byte(wrong)); err == nil {
			t.Errorf("%q signs", wrong)
		}
	}
}
