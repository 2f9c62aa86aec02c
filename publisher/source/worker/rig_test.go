package worker

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/lensbus/lensbus/publisher/source"
	"github.com/lensbus/lensbus/test/await"
	"github.com/lensbus/lensbus/test/logbook"
)

// command runs this test binary as a capture process: see TestMain.
func command(t testing.TB) []string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return []string{self, "capture-worker"}
}

func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == "capture-worker" {
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		err := Serve(ctx, os.Stdin, os.Stdout, fakes)
		stop()
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

const password = "hunter2secret"

// spec asks the capture process for the fake camera called mode; count is its to use.
func spec(mode string, count int) source.Spec {
	return source.Spec{Kind: source.KindRTSP, Address: "rtsp://admin:" + password + "@camera/" + mode, Width: count, Height: 480, FPS: 29.97, PixelFormat: "MJPG", Loop: true}
}

func open(t testing.TB, mode string, count int, env source.Env) source.Source {
	t.Helper()
	src, err := Opener(command(t))(t.Context(), spec(mode, count), env)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := src.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		if err := src.Close(); err != nil {
			t.Errorf("Close again: %v", err)
		}
	})
	return src
}

// failure opens the fake camera and takes pictures until it fails.
func failure(t testing.TB, mode string, env source.Env) error {
	t.Helper()
	src, err := Opener(command(t))(t.Context(), spec(mode, 640), env)
	for err == nil {
		_, err = src.Next(t.Context())
	}
	if src != nil {
		if failed := src.Close(); failed != nil {
			t.Errorf("Close: %v", failed)
		}
	}
	if strings.Contains(err.Error(), password) {
		t.Errorf("the error shows the password: %v", err)
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("error of more than one line: %q", err)
	}
	return err
}

// debugging is all that is logged into the book.
func debugging(log *logbook.Book) *slog.Logger {
	return slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// eventually waits for a condition for which there is nothing to wait on.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	if !await.True(10*time.Second, 5*time.Millisecond, condition) {
		t.Fatalf("not within 10 s: %s", what)
	}
}
