package bus_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"github.com/lensbus/lensbus/auth"
	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
)

// operated is the URL of a server in operator mode, and who signs users of its account.
func operated(t *testing.T) (string, *auth.Issuer) {
	t.Helper()
	operator, err := nkeys.CreateOperator()
	if err != nil {
		t.Fatal(err)
	}
	operatorPublic, err := operator.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	account, err := nkeys.CreateAccount()
	if err != nil {
		t.Fatal(err)
	}
	accountPublic, err := account.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	trusted := jwt.NewOperatorClaims(operatorPublic)
	if _, err := trusted.Encode(operator); err != nil {
		t.Fatal(err)
	}
	token, err := jwt.NewAccountClaims(accountPublic).Encode(operator)
	if err != nil {
		t.Fatal(err)
	}
	resolver := new(server.MemAccResolver)
	if err := resolver.Store(accountPublic, token); err != nil {
		t.Fatal(err)
	}
	url := natsServer(t, &server.Options{
		MaxPayload:       8 << 20,
		TrustedOperators: []*jwt.OperatorClaims{trusted}, AccountResolver: resolver,
	})
	seed, err := account.Seed()
	if err != nil {
		t.Fatal(err)
	}
	issuer, err := auth.NewIssuer(seed)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(issuer.Wipe)
	return url, issuer
}

// Credentials with a JWT are good for a server in operator mode: a camera's pictures go from a publisher to
// a viewer who may see it.
func TestCredentialsWithAJWT(t *testing.T) {
	url, issuer := operated(t)
	as := func(name string, role auth.Role) *bus.Conn {
		t.Helper()
		c, _, err := auth.NewCredentials(auth.User{Name: name, Role: role, Cameras: []frame.CameraID{"front"}})
		if err != nil {
			t.Fatal(err)
		}
		if c, err = issuer.Sign(c); err != nil {
			t.Fatal(err)
		}
		conn := connect(t, bus.Options{Server: url, Credentials: &c})
		if err := conn.WaitConnected(context20(t)); err != nil {
			t.Fatal(err)
		}
		return conn
	}
	camera := newCamera(t, as("front", auth.Publisher), "front", 20_000)
	live, err := as("alice", auth.Viewer).Live("front")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = live.Close() }()
	camera.start(10)
	if f, err := live.Next(context20(t)); err != nil || f.Camera != "front" {
		t.Errorf("%v, %v", f.Camera, err)
	}
}

// A JWT holds for some time. Whoever signs them puts the next one into the file, and a process that runs takes
// it from there, and nobody else's.
func TestAJWTIsRenewed(t *testing.T) {
	url, issuer := operated(t)
	path := filepath.Join(t.TempDir(), "alice.creds")
	write := func(c auth.Credentials, expires time.Duration) {
		t.Helper()
		issuer.Expires = expires
		c, err := issuer.Sign(c)
		if err != nil {
			t.Fatal(err)
		}
		if err := auth.WriteFile(path, c.Encode(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var users [2]auth.Credentials
	for i, name := range []string{"alice", "eve"} {
		var err error
		if users[i], _, err = auth.NewCredentials(auth.User{Name: name, Role: auth.Viewer, Cameras: []frame.CameraID{"front"}}); err != nil {
			t.Fatal(err)
		}
	}
	write(users[0], time.Nanosecond)
	c, err := auth.ReadCredentials(path)
	if err != nil {
		t.Fatal(err)
	}
	conn, log := logged(t, bus.Options{Server: url, Credentials: &c})
	// It may have come in, in the second in which the JWT ends; from the first refusal on, only another one helps.
	eventually(t, func() bool { return errors.Is(conn.NATS().LastError(), nats.ErrAuthorization) })
	write(users[1], time.Hour)
	eventually(t, func() bool { return strings.Contains(log.String(), "for the key that it was for") })
	if conn.NATS().IsConnected() {
		t.Error("who was alice comes in as eve")
	}
	write(users[0], time.Hour)
	if err := conn.WaitConnected(context20(t)); err != nil {
		t.Errorf("with the next JWT: %v", err)
	}
	if said := strings.Count(log.String(), "cannot be read again"); said != 1 {
		t.Errorf("said %d times: %s", said, log)
	}
}
