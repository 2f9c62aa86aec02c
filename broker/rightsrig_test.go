package broker

import (
	"errors"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/lensbus/lensbus/auth"
	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/test/await"
)

// guarded is a broker with users, and the folder that they are in.
func guarded(t *testing.T, config Config) (*Server, *auth.Folder, string) {
	t.Helper()
	config.Auth = filepath.Join(t.TempDir(), "auth")
	folder := auth.Open(config.Auth)
	if _, err := folder.Init(auth.InitOptions{}); err != nil {
		t.Fatal(err)
	}
	return start(t, config), folder, config.Auth
}

// user adds a user and returns its credentials.
func user(t *testing.T, folder *auth.Folder, name string, role auth.Role, cameras ...frame.CameraID) auth.Credentials {
	t.Helper()
	path, err := folder.Add(auth.User{Name: name, Role: role, Cameras: cameras, All: len(cameras) == 0 && role != auth.Admin}, auth.AddOptions{})
	if err != nil {
		t.Fatal(err)
	}
	c, err := auth.ReadCredentials(path)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// secondRecorder adds a recorder with a consumer of its own.
func secondRecorder(t *testing.T, folder *auth.Folder) auth.Credentials {
	t.Helper()
	path, err := folder.Add(auth.User{Name: "second", Role: auth.Recorder, Cameras: []frame.CameraID{"front"}, Durable: "nvr2"}, auth.AddOptions{})
	if err != nil {
		t.Fatal(err)
	}
	c, err := auth.ReadCredentials(path)
	if err != nil || c.Durable != "nvr2" {
		t.Fatalf("%+v, %v", c, err)
	}
	return c
}

func as(c auth.Credentials, more ...nats.Option) ([]nats.Option, error) {
	secure, err := c.TLS()
	if err != nil {
		return nil, err
	}
	key, err := c.PublicKey()
	return append([]nats.Option{
		nats.Nkey(key, c.Sign), nats.Secure(secure), nats.CustomInboxPrefix(c.Inbox()), nats.NoReconnect(),
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}), // refusals are what is wanted
	}, more...), err
}

// enter connects as a user, once the broker lets it in. Trying until it does would not do: nats-server reads
// without a lock what a client that just connects says of itself, where users change at that moment.
func enter(t *testing.T, s *Server, c auth.Credentials) *nats.Conn {
	t.Helper()
	opts, err := as(c)
	if err != nil {
		t.Fatal(err)
	}
	key, err := c.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool {
		return slices.ContainsFunc(s.access.now(), func(u auth.User) bool { return u.Key == key })
	})
	return connect(t, s.URL(), opts...)
}

func eventually(t *testing.T, condition func() bool) {
	t.Helper()
	if !await.True(20*time.Second, 20*time.Millisecond, condition) {
		t.Fatal("the condition did not come true in time")
	}
}

// refused says whether the server refuses what do does on a connection of its own.
func refused(t *testing.T, nc *nats.Conn, do func() error) bool {
	t.Helper()
	before := nc.LastError()
	if err := do(); err != nil {
		t.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	after := nc.LastError()
	return after != nil && !errors.Is(after, before) && errors.Is(after, nats.ErrPermissionViolation)
}

// streams makes the streams and the recorders' consumers of cameras, as the broker's process does, and
// returns its way to them.
func streams(t *testing.T, s *Server, cameras ...frame.CameraID) jetstream.JetStream {
	t.Helper()
	inside, err := nats.Connect("", append([]nats.Option{nats.InProcessServer(s.InProcess())}, insideOf(t, s)...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(inside.Close)
	js, err := jetstream.New(inside)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range cameras {
		if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: id.StreamName(), Subjects: []string{id.FrameSubject()}, AllowDirect: true, DenyPurge: true, DenyDelete: true}); err != nil {
			t.Fatal(err)
		}
		if _, err := js.CreateConsumer(t.Context(), id.StreamName(), jetstream.ConsumerConfig{Durable: "rec", AckPolicy: jetstream.AckAllPolicy}); err != nil {
			t.Fatal(err)
		}
	}
	return js
}

func insideOf(t *testing.T, s *Server) []nats.Option {
	t.Helper()
	c := s.Credentials()
	key, err := c.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	return []nats.Option{nats.Nkey(key, c.Sign), nats.CustomInboxPrefix(c.Inbox())}
}
