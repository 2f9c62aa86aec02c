//go:build opencv

package window

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"image"
	"image/png"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
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
	if err := Run(ctx, cfg, Deps{Bus: conn, Log: slog.New(slog.NewTextHandler(os.Stderr, nil))}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// screen is an X server of the test's own.
type screen struct {
	t       *testing.T
	display string
}

func startScreen(t *testing.T, width, height int) *screen {
	t.Helper()
	for _, tool := range []string{"Xvfb", "xdotool", "import"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("SKIPPED, nothing was tested: a window needs a screen, and %s is missing (apt-get install xvfb xdotool imagemagick)", tool)
		}
	}
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	x := exec.Command("Xvfb", "-displayfd", "3", "-screen", "0", fmt.Sprintf("%dx%dx24", width, height), "-nolisten", "tcp", "-noreset")
	x.ExtraFiles = []*os.File{write}
	if err := x.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = x.Process.Kill(); _ = x.Wait() })
	_ = write.Close()
	number := make([]byte, 16)
	n, err := io.ReadAtLeast(read, number, 2) // the number and a line feed; EOF when it has died
	if err != nil {
		t.Fatalf("Xvfb does not start: %v", err)
	}
	_ = read.Close()
	return &screen{t, ":" + strings.TrimSpace(string(number[:n]))}
}

func (s *screen) environment() []string {
	env := []string{"DISPLAY=" + s.display}
	for _, v := range os.Environ() {
		name, _, _ := strings.Cut(v, "=")
		switch name {
		case "DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM", "XAUTHORITY":
		default:
			env = append(env, v)
		}
	}
	return env
}

func (s *screen) try(name string, args ...string) (string, error) {
	c := exec.CommandContext(s.t.Context(), name, args...)
	c.Env = s.environment()
	out, err := c.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

// shot returns what the screen shows. With LENSBUS_TEST_SHOTS set, it is kept in that folder under
// the given name, for people to look at.
func (s *screen) shot(name string) image.Image {
	s.t.Helper()
	c := exec.CommandContext(s.t.Context(), "import", "-silent", "-window", "root", "png:-")
	c.Env = s.environment()
	out, err := c.Output()
	if err != nil {
		s.t.Fatalf("screenshot: %v", err)
	}
	img, err := png.Decode(bytes.NewReader(out))
	if err != nil {
		s.t.Fatalf("screenshot: %v", err)
	}
	if dir := os.Getenv("LENSBUS_TEST_SHOTS"); dir != "" && name != "" {
		if err := os.WriteFile(filepath.Join(dir, name+".png"), out, 0o644); err != nil {
			s.t.Fatal(err)
		}
	}
	return img
}

// process is a window in a process of its own.
type process struct {
	*screen
	cmd    *exec.Cmd
	id     string // of the window
	ended  chan error
	stderr bytes.Buffer
	dir    string // of snapshots
}

// openWindow starts a window and waits until it is on the screen.
func (s *screen) openWindow(url string, cameras ...string) *process {
	s.t.Helper()
	p := &process{screen: s, ended: make(chan error, 1), dir: s.t.TempDir()}
	p.cmd = exec.Command(os.Args[0])
	p.cmd.Env = append(s.environment(), "LENSBUS_TEST_WINDOW="+url,
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
	eventually(s.t, 20*time.Second, "the window is on the screen", func() bool {
		out, err := s.try("xdotool", "search", "--onlyvisible", "--name", "^lensbus")
		p.id, _, _ = strings.Cut(out, "\n")
		return err == nil && p.id != ""
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
func (s *screen) watchWindowManager() <-chan struct{} {
	s.t.Helper()
	for _, tool := range []string{"xev", "stdbuf"} {
		if _, err := exec.LookPath(tool); err != nil {
			s.t.Skipf("SKIPPED from here on: %s is missing (apt-get install x11-utils coreutils)", tool)
		}
	}
	c := exec.CommandContext(s.t.Context(), "stdbuf", "-oL", "xev", "-root")
	c.Env = s.environment()
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
	eventually(s.t, 10*time.Second, "xev listens", func() bool {
		x = (x + 7) % 100
		_, _ = s.try("xdotool", "mousemove", fmt.Sprint(1200+x), "880")
		return len(listens) > 0
	})
	return asked
}

// waitEnd waits for the process and returns its exit status.
func (p *process) waitEnd(limit time.Duration) int {
	p.t.Helper()
	select {
	case <-p.ended:
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(limit):
		p.t.Fatalf("the window's process does not end within %v", limit)
		return -1
	}
}
