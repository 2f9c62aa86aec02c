//go:build opencv

package window

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"image"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/test/screen"
)

// TestMain lets the test program be the window too: the window wants the main thread of a process
// of its own.
func TestMain(m *testing.M) {
	if url := os.Getenv("LENSBUS_TEST_WINDOW"); url != "" {
		os.Exit(windowProcess(url))
	}
	os.Exit(m.Run())
}

func windowProcess(url string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	conn, err := bus.Connect(ctx, bus.Options{Server: url, Name: "window"})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer conn.Close()
	cfg := Config{SnapshotDir: os.Getenv("LENSBUS_TEST_SNAPSHOTS")}
	for _, id := range strings.Fields(os.Getenv("LENSBUS_TEST_CAMERAS")) {
		cfg.Cameras = append(cfg.Cameras, frame.CameraID(id))
	}
	deps := Deps{Bus: conn, Log: slog.New(slog.NewTextHandler(os.Stderr, nil))}
	if from, err := time.Parse(time.RFC3339Nano, os.Getenv("LENSBUS_TEST_FROM")); err == nil {
		deps.Playback = &Playback{From: from, Speed: 1}
	}
	if err := Run(ctx, cfg, deps); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// display is a screen of the test's own.
type display struct {
	*screen.Screen
	t *testing.T
}

func startScreen(t *testing.T, width, height int) *display {
	t.Helper()
	return &display{screen.Start(t, width, height), t}
}

func (d *display) try(name string, args ...string) (string, error) { return d.Try(d.t, name, args...) }

// shot keeps what it is given a name for, as window-NAME.
func (d *display) shot(name string) image.Image {
	d.t.Helper()
	if name != "" {
		name = "window-" + name
	}
	return d.Shot(d.t, name)
}

// process is a window in a process of its own.
type process struct {
	*display
	cmd    *exec.Cmd
	id     string // of the window
	ended  chan error
	stderr bytes.Buffer
	dir    string // of snapshots
}

// openWindow starts a window and waits until it is on the screen.
func (s *display) openWindow(url string, cameras ...string) *process {
	s.t.Helper()
	p := &process{display: s, ended: make(chan error, 1), dir: s.t.TempDir()}
	p.cmd = exec.Command(os.Args[0])
	p.cmd.Env = append(s.Environment(), "LENSBUS_TEST_WINDOW="+url,
		"LENSBUS_TEST_CAMERAS="+strings.Join(cameras, " "), "LENSBUS_TEST_SNAPSHOTS="+p.dir)
	p.cmd.Stderr = &p.stderr
	if err := p.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	go func() { p.ended <- p.cmd.Wait() }()
	s.t.Cleanup(func() {
		if p.cmd.ProcessState == nil {
			_ = p.cmd.Process.Signal(syscall.SIGKILL)
			<-p.ended
		}
		if s.t.Failed() {
			s.t.Logf("the window's stderr: %s", p.stderr.String())
		}
	})
	eventually(s.t, "the window is on the screen", func() bool {
		p.id = s.Window(s.t)
		return p.id != ""
	})
	return p
}

// press types keys into the window.
func (p *process) press(keys ...string) {
	p.t.Helper()
	if out, err := p.try("xdotool", "windowfocus", "--sync", p.id); err != nil {
		p.t.Fatalf("focus: %v: %s", err, out)
	}
	if out, err := p.try("xdotool", append([]string{"key", "--clearmodifiers"}, keys...)...); err != nil {
		p.t.Fatalf("press %v: %v: %s", keys, err, out)
	}
}

// watchWindowManager tells of every request that a window manager would get to change a window's
// state, full screen among them. There is none on this screen, so that nothing else does.
func (s *display) watchWindowManager() <-chan struct{} {
	s.t.Helper()
	for _, tool := range []string{"xev", "stdbuf"} {
		if _, err := exec.LookPath(tool); err != nil {
			s.t.Skipf("SKIPPED from here on: %s is missing (apt-get install x11-utils coreutils)", tool)
		}
	}
	c := exec.CommandContext(s.t.Context(), "stdbuf", "-oL", "xev", "-root")
	c.Env = s.Environment()
	out, err := c.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		s.t.Fatal(err)
	}
	listens, asked, done := make(chan struct{}, 1), make(chan struct{}, 1), make(chan struct{})
	tell := func(to chan struct{}) {
		select {
		case to <- struct{}{}:
		default:
		}
	}
	go func() {
		defer close(done)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			tell(listens)
			if strings.Contains(lines.Text(), "(_NET_WM_STATE)") {
				tell(asked)
			}
		}
	}()
	s.t.Cleanup(func() { _ = c.Process.Kill(); <-done; _ = c.Wait() })
	x := 0
	eventually(s.t, "xev listens", func() bool {
		x = (x + 7) % 100
		_, _ = s.try("xdotool", "mousemove", fmt.Sprint(1200+x), "880")
		return len(listens) > 0
	})
	return asked
}

// waitEnd waits for the process and returns its exit status.
func (p *process) waitEnd() int {
	p.t.Helper()
	select {
	case <-p.ended:
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(patience):
		p.t.Fatalf("the window's process does not end within %v", patience)
		return -1
	}
}
