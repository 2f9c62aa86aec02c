package cli

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lensbus/lensbus/broker"
	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/test/free"
)

// pty is a terminal that a test sits at: it sees what a program writes, and types.
type pty struct {
	keyboard *os.File // the test's end
	line     *os.File // the program's end
	mu       sync.Mutex
	seen     bytes.Buffer
	read     chan struct{}
}

func newPTY(t *testing.T, width, height uint16) *pty {
	t.Helper()
	keyboard, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("NOT TESTED: lensbus top on a terminal: there is none to be had here: %v", err)
	}
	fd := int(keyboard.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	line, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	p := &pty{keyboard: keyboard, line: line, read: make(chan struct{})}
	p.resize(t, width, height)
	go func() {
		defer close(p.read)
		_, _ = io.Copy(p, keyboard) // ends when nobody has the other end any more
	}()
	t.Cleanup(func() {
		_ = line.Close()
		<-p.read
		_ = keyboard.Close()
	})
	return p
}

func (p *pty) Write(data []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seen.Write(data)
}

func (p *pty) text() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seen.String()
}

func (p *pty) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen.Reset()
}

func (p *pty) resize(t *testing.T, width, height uint16) {
	t.Helper()
	if err := unix.IoctlSetWinsize(int(p.keyboard.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Col: width, Row: height}); err != nil {
		t.Fatal(err)
	}
}

func (p *pty) press(t *testing.T, keys string) {
	t.Helper()
	if _, err := io.WriteString(p.keyboard, keys); err != nil {
		t.Fatal(err)
	}
}

func (p *pty) mode(t *testing.T) unix.Termios {
	t.Helper()
	mode, err := unix.IoctlGetTermios(int(p.line.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return *mode
}

func (p *pty) shows(t *testing.T, pattern string) {
	t.Helper()
	found := regexp.MustCompile(`(?s)` + pattern)
	soon(t, "the terminal shows "+pattern, func() bool { return found.MatchString(escapes.ReplaceAllString(p.text(), "")) })
}

// start runs lensbus on the terminal, as its shell would. The channel has how it ended.
func (p *pty) start(t *testing.T, env []string, args ...string) (*exec.Cmd, <-chan error) {
	t.Helper()
	cmd := exec.Command("lensbus", args...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = p.line, p.line, p.line
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		done <- cmd.Wait()
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // fails where it has ended
		<-ended
	})
	return cmd, done
}

func endsWell(t *testing.T, done <-chan error) {
	t.Helper()
	ended := timeEnding("it")
	select {
	case err := <-done:
		if err != nil {
			t.Fatalf("ends with %v", err)
		}
	case <-time.After(patience):
		t.Fatal("does not end")
	}
	note, wrong := ended()
	if wrong != nil {
		t.Error(wrong)
	}
	t.Log(note)
}

func TestTopOnATerminal(t *testing.T) {
	conn, url := newBus(t, broker.Config{})
	publish(t, conn, map[frame.CameraID]string{
		"front": "test:?width=320&height=240&fps=10", "yard": "test:?width=160&height=120&fps=10",
	})
	for name, end := range map[string]func(t *testing.T, p *pty, cmd *exec.Cmd){
		"q":       func(t *testing.T, p *pty, _ *exec.Cmd) { p.press(t, "q") },
		"Ctrl+C":  func(t *testing.T, p *pty, _ *exec.Cmd) { p.press(t, "\x03") },
		"SIGTERM": func(_ *testing.T, _ *pty, cmd *exec.Cmd) { _ = cmd.Process.Signal(syscall.SIGTERM) },
	} {
		t.Run(name, func(t *testing.T) {
			p := newPTY(t, 80, 24)
			before := p.mode(t)
			cmd, done := p.start(t, []string{"LENSBUS_SERVER=" + url, "NO_COLOR="}, "top")
			p.shows(t, `2 cameras: 2 live.*front +live +320x240 +[0-9.]+/10 .* ms ±\d.*yard +live`)
			if mode := p.mode(t); mode.Lflag&(unix.ECHO|unix.ICANON) != 0 {
				t.Error("what is typed is shown")
			}
			if text := p.text(); !strings.Contains(text, "\x1b[?1049h") || !strings.Contains(text, "\x1b[32m") {
				t.Error("neither a screen of its own nor a colour")
			}
			p.press(t, "\x1b[B\x1b[As")
			p.shows(t, `sort: state`)
			p.forget()
			p.resize(t, 40, 10)
			p.shows(t, `ID +STATE +FPS +DROPPED +AGE\r+\n`)
			end(t, p, cmd)
			endsWell(t, done)
			if after := p.mode(t); after != before {
				t.Errorf("the terminal is not as it was: %+v, before %+v", after, before)
			}
			soon(t, "the screen is as it was", func() bool {
				return strings.Contains(p.text(), "\x1b[?25h\x1b[?1049l")
			})
		})
	}
}

func TestTopWithoutColourOnATerminal(t *testing.T) {
	_, url := newBus(t, broker.Config{})
	p := newPTY(t, 80, 24)
	_, done := p.start(t, []string{"LENSBUS_SERVER=" + url, "NO_COLOR=1"}, "top")
	p.shows(t, `0 cameras`)
	p.press(t, "q")
	endsWell(t, done)
	if strings.Contains(p.text(), "\x1b[3") {
		t.Error("a colour in spite of NO_COLOR")
	}
}

// The server goes and comes back: top says so, across neither the table nor the shell.
func TestTopWithoutItsServer(t *testing.T) {
	address := free.Address(t)
	server, err := broker.Start(t.Context(), broker.Config{Listen: address}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = server.Close() }()
	p := newPTY(t, 100, 24)
	_, done := p.start(t, []string{"LENSBUS_SERVER=nats://" + address}, "top")
	p.shows(t, `0 cameras  nats://`+regexp.QuoteMeta(address))
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	p.shows(t, `NOT CONNECTED`)
	p.shows(t, `level=WARN msg="connection lost"|no NATS server`)
	p.press(t, "q")
	endsWell(t, done)
}

func TestWatchOnATerminal(t *testing.T) {
	conn, url := newBus(t, broker.Config{})
	sources := make(map[frame.CameraID]string)
	for i := range 12 {
		sources[frame.CameraID(fmt.Sprintf("cam%02d", i))] = "test:?width=64&height=48&fps=1"
	}
	publish(t, conn, sources)
	p := newPTY(t, 80, 8)
	cmd, done := p.start(t, []string{"LENSBUS_SERVER=" + url}, "cameras", "--watch")
	p.shows(t, `cam00 +live.*cam04 .*and 7 more.*cam00 `)
	if !strings.Contains(p.text(), "\x1b[H\x1b[J") || strings.Contains(escapes.ReplaceAllString(p.text(), ""), "cam05") {
		t.Errorf("not redrawn, or more than fits: %q", p.text())
	}
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	endsWell(t, done)
}
