package broker

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/lensbus/lensbus/auth"
)

// A users file that is refused for its mode holds as soon as that is right, with the same content: who
// was taken out of it is cut off.
func TestUsersFileWithAWrongMode(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "auth")
	folder := auth.Open(dir)
	if _, err := folder.Init(auth.InitOptions{}); err != nil {
		t.Fatal(err)
	}
	var log lockedBuffer
	s, err := Start(t.Context(), Config{Listen: "127.0.0.1:0", Auth: dir}, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	carol := enter(t, s, user(t, folder, "carol", auth.Viewer, "front"))
	users := filepath.Join(dir, auth.UsersFile)
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

// One connection cannot fill the server's memory with subscriptions.
func TestSubscriptionsAreBounded(t *testing.T) {
	s := start(t, Config{MaxSubscriptions: 100})
	greedy, beside := connect(t, s.URL(), nats.NoReconnect()), connect(t, s.URL())
	for i := range 101 {
		if _, err := greedy.SubscribeSync(fmt.Sprint("a.", i)); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, func() bool {
		_ = greedy.Flush() // fails where it was cut off
		return errors.Is(greedy.LastError(), nats.ErrMaxSubscriptionsExceeded) || greedy.IsClosed()
	})
	if err := beside.Flush(); err != nil || !beside.IsConnected() {
		t.Errorf("who is beside it: %v", err)
	}
}
