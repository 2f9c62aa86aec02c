package bus_test

import (
	"testing"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nkeys"

	"github.com/lensbus/lensbus/auth"
	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
)

// Credentials with a JWT are good for a server in operator mode: a camera's pictures go from a publisher to
// a viewer who may see it.
func TestCredentialsWithAJWT(t *testing.T) {
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
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true, MaxPayload: 8 << 20,
		TrustedOperators: []*jwt.OperatorClaims{trusted}, AccountResolver: resolver,
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(patience) {
		t.Fatal("the server does not start")
	}
	seed, err := account.Seed()
	if err != nil {
		t.Fatal(err)
	}
	issuer, err := auth.NewIssuer(seed)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(issuer.Wipe)
	as := func(name string, role auth.Role) *bus.Conn {
		t.Helper()
		c, _, err := auth.NewCredentials(auth.User{Name: name, Role: role, Cameras: []frame.CameraID{"front"}})
		if err != nil {
			t.Fatal(err)
		}
		if c, err = issuer.Sign(c); err != nil {
			t.Fatal(err)
		}
		conn := connect(t, bus.Options{Server: s.ClientURL(), Credentials: &c})
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
