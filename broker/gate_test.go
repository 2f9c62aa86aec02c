package broker

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/lensbus/lensbus/auth"
	"github.com/lensbus/lensbus/test/logbook"
)

// What a broker says of who may use it is what its server has taken. Where it takes it only the second
// time, who was taken out is cut off then, a site as well as a client.
func TestUsersThatTheServerTakesLater(t *testing.T) {
	hub, folder, _ := guarded(t, Config{LeafListen: "127.0.0.1:0"})
	start(t, Config{Uplink: UplinkConfig{Creds: siteUser(t, hub, folder, "site1", "front")}, NoJetStream: true})
	carol := enter(t, hub, user(t, folder, "carol", auth.Recorder, "yard"))
	enter(t, hub, user(t, folder, "porch", auth.Publisher, "porch"))
	gate := hub.gate
	gate.close() // it looks when it is told to
	hub.gate = nil
	eventually(t, func() bool { return hub.nats.NumLeafNodes() == 1 })
	says := func() bool {
		cameras, _ := hub.Publishes()
		return len(hub.Sites()) == 1 && hub.SiteOf("front") == "site1" && len(hub.Durables("yard")) == 1 && len(cameras) == 1
	}
	if !says() {
		t.Fatal("the broker does not say who may use it")
	}

	for _, name := range []string{"site1", "carol", "porch"} {
		if err := folder.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
	refusal := errors.New("not now")
	gate.reload = func(*server.Options) error { return refusal }
	for range 2 {
		if err := gate.look(); !errors.Is(err, refusal) {
			t.Fatalf("the server does not take it: %v", err)
		}
		if !says() {
			t.Error("the broker says what its server has not taken")
		}
	}
	if carol.IsClosed() || hub.nats.NumLeafNodes() != 1 {
		t.Error("who may still use the broker was cut off")
	}

	gate.reload = hub.nats.ReloadOptions
	if err := gate.look(); err != nil {
		t.Fatal(err)
	}
	cameras, _ := hub.Publishes()
	if len(hub.Sites()) > 0 || hub.SiteOf("front") != "" || len(hub.Durables("yard")) > 0 || len(cameras) > 0 {
		t.Error("the broker says what its server has no more")
	}
	eventually(t, func() bool { return carol.IsClosed() && hub.nats.NumLeafNodes() == 0 })
}

// Who is removed is cut off at once; nobody else notices.
func TestUsersChangeWhileTheyAreConnected(t *testing.T) {
	s, folder, log := guardedAndHeard(t)
	alice, bobs := enter(t, s, user(t, folder, "alice", auth.Viewer, "front")), user(t, folder, "bob", auth.Viewer, "front")
	bob := enter(t, s, bobs)
	sub, err := bob.SubscribeSync("cam.front.frame")
	if err != nil {
		t.Fatal(err)
	}
	if err := bob.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := folder.Remove("alice"); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { return alice.IsClosed() })
	front := enter(t, s, user(t, folder, "front", auth.Publisher, "front"))
	if err := front.Publish("cam.front.frame", []byte("picture")); err != nil {
		t.Fatal(err)
	}
	if m, err := sub.NextMsg(20 * time.Second); err != nil || string(m.Data) != "picture" {
		t.Errorf("bob, who has nothing to do with it: %v, %v", m, err)
	}
	if stats := bob.Stats(); stats.Reconnects > 0 || !bob.IsConnected() {
		t.Errorf("bob was disconnected: %+v", stats)
	}
	// A file that makes no sense changes nothing, also once it has been looked at; the next one holds.
	path := folder.Path(auth.UsersFile)
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := auth.WriteFile(path, []byte("nonsense\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { return strings.Contains(log.String(), "the files are wrong") })
	enter(t, s, bobs)
	if err := auth.WriteFile(path, before, 0o644); err != nil {
		t.Fatal(err)
	}
	enter(t, s, user(t, folder, "carol", auth.Viewer, "front"))
	if err := bob.Flush(); err != nil || bob.Stats().Reconnects > 0 {
		t.Errorf("bob, after a wrong file: %v, %+v", err, bob.Stats())
	}
}

// A users file that is refused for its mode holds as soon as that is right, with the same content: who
// was taken out of it is cut off.
func TestUsersFileWithAWrongMode(t *testing.T) {
	s, folder, log := guardedAndHeard(t)
	carol := enter(t, s, user(t, folder, "carol", auth.Viewer, "front"))
	users := folder.Path(auth.UsersFile)
	data, err := os.ReadFile(users)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(users, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(users, regexp.MustCompile(`(?m)^carol .*\n`).ReplaceAll(data, nil), 0o666); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { return strings.Contains(log.String(), "others can write") })
	if carol.IsClosed() {
		t.Error("a file that others can write was taken")
	}
	if err := os.Chmod(users, 0o644); err != nil {
		t.Fatal(err)
	}
	eventually(t, carol.IsClosed)
}

// guardedAndHeard is guarded, and what the broker says.
func guardedAndHeard(t *testing.T) (*Server, *auth.Folder, *logbook.Book) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "auth")
	folder := auth.Open(dir)
	if _, err := folder.Init(auth.InitOptions{}); err != nil {
		t.Fatal(err)
	}
	log := new(logbook.Book)
	s, err := Start(t.Context(), Config{Listen: "127.0.0.1:0", Auth: dir}, slog.New(slog.NewTextHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s, folder, log
}
