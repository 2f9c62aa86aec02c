package bus_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/lensbus/lensbus/auth"
	"github.com/lensbus/lensbus/broker"
	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
)

// guarded starts a broker with users, and returns what makes credentials for it.
func guarded(t *testing.T) (s *broker.Server, user func(auth.User) *auth.Credentials) {
	t.Helper()
	s, _, user = guardedBy(t)
	return s, user
}

// guardedBy is guarded, with the folder in which the users are.
func guardedBy(t *testing.T) (s *broker.Server, folder *auth.Folder, user func(auth.User) *auth.Credentials) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "auth")
	folder = auth.Open(dir)
	if _, err := folder.Init(auth.InitOptions{}); err != nil {
		t.Fatal(err)
	}
	s = startBroker(t, broker.Config{Auth: dir})
	return s, folder, func(u auth.User) *auth.Credentials {
		t.Helper()
		path, err := folder.Add(u, auth.AddOptions{Server: s.URL()})
		if err != nil {
			t.Fatal(err)
		}
		c, err := auth.ReadCredentials(path)
		if err != nil {
			t.Fatal(err)
		}
		return &c
	}
}

// in connects, and again until the broker has read the new user.
func in(t *testing.T, c *auth.Credentials) *bus.Conn {
	t.Helper()
	conn := connect(t, bus.Options{Credentials: c})
	if err := conn.WaitConnected(context20(t)); err != nil {
		t.Fatal(err)
	}
	return conn
}

// What a server refuses is told at once and in words, and not by waiting in vain. The credentials are
// told that they are for all cameras, so that it is the server that refuses.
func TestRefusalsAreToldAtOnce(t *testing.T) {
	s, user := guarded(t)
	viewer := user(auth.User{Name: "alice", Role: auth.Viewer, Cameras: []frame.CameraID{"front"}})
	wider := *viewer
	wider.Cameras, wider.All = nil, true
	front := in(t, user(auth.User{Name: "front", Role: auth.Publisher, Cameras: []frame.CameraID{"front"}}))
	conn := in(t, &wider)
	stop, err := front.ServeCamera(t.Context(), "front", "0.0.0", func() frame.Status { return frame.Status{ID: "front"} }, nil, map[string]bus.Verb{
		frame.VerbGet: func(context.Context, []byte) (bus.Reply, error) { return bus.JSONReply(frame.Detail{}) },
		frame.VerbSet: func(context.Context, []byte) (bus.Reply, error) { return bus.JSONReply(frame.Detail{}) },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	// No deadline: without the refusal these would wait until the test is ended.
	ctx := t.Context()
	eventually(t, func() bool { return conn.Control(ctx, "front", frame.VerbGet, nil, nil) == nil })
	watchYard := func(look func(frame.CameraID) (*bus.Live, error)) error {
		live, err := look("yard")
		if err != nil {
			return err
		}
		defer func() { _ = live.Close() }()
		_, err = live.Next(ctx)
		return err
	}
	day := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	for what, test := range map[string]struct {
		do   func() error
		want string
	}{
		"set":      {func() error { return conn.Control(ctx, "front", frame.VerbSet, nil, nil) }, "may not change camera front"},
		"get":      {func() error { return conn.Control(ctx, "yard", frame.VerbGet, nil, nil) }, "may not ask camera yard"},
		"snapshot": {func() error { _, err := conn.Snapshot(ctx, "yard", 0); return err }, "may not take snapshots of camera yard"},
		"newest":   {func() error { _, err := conn.Newest(ctx, "yard"); return err }, "may not watch camera yard"},
		"ranges":   {func() error { _, err := conn.Ranges(ctx, "yard", day, day.Add(time.Hour)); return err }, "may not see recordings of camera yard"},
		"replay": {func() error {
			_, err := conn.Replay(ctx, "yard", bus.ReplayOptions{From: day})
			return err
		}, "may not see recordings of camera yard"},
		"live":      {func() error { return watchYard(conn.Live) }, "may not watch camera yard"},
		"preview":   {func() error { return watchYard(conn.Preview) }, "may not watch camera yard"},
		"list":      {func() error { return conn.List(ctx, time.Hour, func(frame.Status) {}) }, "do not allow that"},
		"recorders": {func() error { _, err := conn.RecorderCameras(ctx, time.Hour); return err }, "do not allow that"},
	} {
		err := test.do()
		if !errors.Is(err, bus.ErrNotAllowed) || !strings.Contains(err.Error(), "these credentials "+test.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want one line with %q", what, err, test.want)
		}
	}
	// Credentials that know what they are for ask nobody.
	narrow := in(t, viewer)
	if _, err := narrow.Live("yard"); !errors.Is(err, bus.ErrNotAllowed) {
		t.Errorf("live: %v", err)
	}
	if _, err := narrow.Statuses(func(frame.Status) {}, "yard"); !errors.Is(err, bus.ErrNotAllowed) {
		t.Errorf("statuses: %v", err)
	}
	// Who has no credentials of lensbus, but rights on a server, is told by the server too.
	stranger, err := nats.Connect(s.URL())
	if err == nil {
		stranger.Close()
		t.Error("a stranger gets in")
	}
	// A camera that is allowed is not disturbed by one that is not.
	live, err := conn.Live("front")
	if err != nil {
		t.Fatal(err)
	}
	cam := newCamera(t, front, "front", 4<<10)
	end := cam.start(20)
	defer end()
	if f, err := live.Next(context20(t)); err != nil || f.Camera != "front" {
		t.Errorf("the camera that is allowed: %v, %v", f.Camera, err)
	}
	for _, one := range []func() (*bus.Live, error){func() (*bus.Live, error) { return conn.Live("yard") }, func() (*bus.Live, error) { return conn.Live("hall") }} {
		other, err := one()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := other.Next(context20(t)); !errors.Is(err, bus.ErrNotAllowed) {
			t.Errorf("beside it: %v", err)
		}
		if _, err := live.Next(context20(t)); err != nil {
			t.Errorf("afterwards: %v", err)
		}
		_ = other.Close()
	}
}

// Who is no longer let in is told why, for as long as it is so.
func TestRefusalOfAUser(t *testing.T) {
	_, folder, user := guardedBy(t)
	alice := user(auth.User{Name: "alice", Role: auth.Viewer, Cameras: []frame.CameraID{"front"}})
	users, err := os.ReadFile(folder.Path(auth.UsersFile))
	if err != nil {
		t.Fatal(err)
	}
	conn := in(t, alice)
	if err := conn.Refusal(); err != nil {
		t.Errorf("of who is in: %v", err)
	}
	if err := folder.Remove("alice"); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool {
		err := conn.Refusal()
		return err != nil && strings.Contains(err.Error(), "does not let this user in")
	})
	if err := auth.WriteFile(folder.Path(auth.UsersFile), users, 0o644); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { return conn.Refusal() == nil && conn.NATS().IsConnected() })
}
