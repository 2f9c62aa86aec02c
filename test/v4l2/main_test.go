//go:build v4l2 && opencv

package v4l2

import (
	"bytes"
	"context"
	"fmt"
	"image/jpeg"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/lensbus/lensbus/cli"
	"github.com/lensbus/lensbus/publisher"
	"github.com/lensbus/lensbus/publisher/source"
	"github.com/lensbus/lensbus/publisher/source/opencv"
	"github.com/lensbus/lensbus/publisher/source/worker"
	"github.com/lensbus/lensbus/test/await"
)

// What the script run says about the machine.
const (
	envRaw      = "LENSBUS_V4L2_RAW"      // devices of vivid, with commas between; all go with the first one's unbinding
	envLoopback = "LENSBUS_V4L2_LOOPBACK" // the device of v4l2loopback
)

// asLensbus, as the first argument, makes this program lensbus itself.
const asLensbus = "test-lensbus"

// patience is how long anything may take: the machine may be an emulated one, many times slower
// than a real one.
const patience = 60 * time.Second

func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == "capture-worker" { // this program is its own worker
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		err := worker.Serve(ctx, os.Stdin, os.Stdout, func(spec source.Spec) (source.Opener, error) {
			return publisher.Opener(spec.Kind), nil
		})
		stop()
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if len(os.Args) > 2 && os.Args[1] == asLensbus {
		os.Exit(cli.Main(cli.Program{Args: os.Args[2:], Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr}))
	}
	if os.Getenv(envRaw) == "" || os.Getenv(envLoopback) == "" {
		fmt.Fprintf(os.Stderr, "needs cameras: %s and %s are not set; `make test-v4l2` provides a machine with them\n", envRaw, envLoopback)
		os.Exit(1)
	}
	// nats-server keeps one clock for all servers of a process, and sometimes longer than them.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/nats-io/nats-server/v2/server/ats.Register.func1"))
}

func rawDevice() string { return strings.Split(os.Getenv(envRaw), ",")[0] }

func workerCommand(t *testing.T) []string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return []string{self, "capture-worker"}
}

func parse(t *testing.T, text string) source.Spec {
	t.Helper()
	spec, err := source.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return spec
}

func env() source.Env {
	return source.Env{OpenTimeout: patience, ReadTimeout: patience}
}

// open opens a camera of this machine and closes it at the end of the test.
func open(t *testing.T, text string) source.Source {
	t.Helper()
	src, err := opencv.OpenV4L2(t.Context(), parse(t, text), env())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := src.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return src
}

func next(t *testing.T, src source.Source) source.Picture {
	t.Helper()
	picture, err := src.Next(t.Context())
	if err != nil {
		t.Fatalf("Next: %v", err)
	}
	return picture
}

// size decodes a picture, all of it, and returns its size.
func size(t *testing.T, data []byte) (width, height int) {
	t.Helper()
	img, err := jpeg.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatalf("decode: %v", err)
	}
	return img.Bounds().Dx(), img.Bounds().Dy()
}

// eventually waits for a condition that only looking at can tell.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	if !await.True(patience, 10*time.Millisecond, condition) {
		t.Fatalf("not within %v: %s", patience, what)
	}
}
