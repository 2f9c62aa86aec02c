package cli

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"
)

// systemd listens as systemd does and returns what it hears.
func systemd(t *testing.T) (next func() string) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("NOT TESTED: what is told to systemd, which this system has not")
	}
	dir, err := os.MkdirTemp("", "notify") // t.TempDir's names may be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	path := filepath.Join(dir, "s")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	t.Setenv("NOTIFY_SOCKET", path)
	return func() string {
		t.Helper()
		if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		data := make([]byte, 100)
		n, err := conn.Read(data)
		if err != nil {
			t.Fatal(err)
		}
		return string(data[:n])
	}
}

func TestSystemdIsTold(t *testing.T) {
	next := systemd(t)
	t.Setenv("WATCHDOG_USEC", "20000")
	ctx, l, _, _ := lifeOf(t)
	for _, name := range []string{"NOTIFY_SOCKET", "WATCHDOG_USEC"} {
		if value, there := os.LookupEnv(name); there {
			t.Errorf("%s=%s is left for other processes", name, value)
		}
	}
	ended := make(chan error)
	go func() {
		ended <- l.run(ctx, role{"part", func(ctx context.Context) error { <-ctx.Done(); return nil }})
	}()
	heard := make(map[string]int)
	for heard["READY=1"] < 1 || heard["WATCHDOG=1"] < 3 {
		heard[next()]++
	}
	l.cancel()
	for heard["STOPPING=1"] < 1 {
		heard[next()]++
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if len(heard) != 3 || heard["READY=1"] != 1 {
		t.Errorf("heard %v", heard)
	}
}

// A watchdog of another process is not this one's, as after a shell in between.
func TestWatchdogOfAnother(t *testing.T) {
	systemd(t)
	t.Setenv("WATCHDOG_USEC", "20000")
	t.Setenv("WATCHDOG_PID", "1")
	n := newNotifier()
	defer n.close()
	if n.alive != nil || n.conn == nil {
		t.Errorf("watched: %t, told: %t", n.alive != nil, n.conn != nil)
	}
}

// Systemd that is not there, or no longer, stops nothing.
func TestNobodyToTell(t *testing.T) {
	for _, socket := range []string{"", filepath.Join(t.TempDir(), "none")} {
		t.Setenv("NOTIFY_SOCKET", socket)
		t.Setenv("WATCHDOG_USEC", "20000")
		n := newNotifier()
		n.ready()
		n.watchdog()
		n.stopping()
		n.close()
		if n.conn != nil || n.alive != nil {
			t.Errorf("%q: somebody is told", socket)
		}
	}
}
