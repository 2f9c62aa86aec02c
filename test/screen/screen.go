// Package screen is an X server for tests that look at a window: Xvfb on a display of its own,
// xdotool to type and ask, pictures of what is shown. Which window is opened is each test's own affair.
package screen

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/png"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Screen is an X server of one test's own; the test's end ends it.
type Screen struct {
	// Display is what DISPLAY must be for a program to use it.
	Display string
}

// patience is how long a tool may take, on a busy machine too.
const patience = 20 * time.Second

// Start starts a screen of width × height pixels. Where a tool is missing, the test is skipped.
func Start(t testing.TB, width, height int) *Screen {
	t.Helper()
	for _, tool := range []string{"Xvfb", "xdotool", "import"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("SKIPPED, nothing was tested: a window needs a screen, and %s is missing (make deps)", tool)
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
	n, err := io.ReadAtLeast(read, number, 2) // the number and a line end; EOF when it has died
	if err != nil {
		t.Fatalf("Xvfb does not start: %v", err)
	}
	_ = read.Close()
	return &Screen{":" + strings.TrimSpace(string(number[:n]))}
}

// Environment is the test's own environment with this screen in it.
func (s *Screen) Environment() []string {
	env := []string{"DISPLAY=" + s.Display}
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

// Try runs a tool on the screen and returns what it printed.
func (s *Screen) Try(t testing.TB, name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c := exec.CommandContext(ctx, name, args...)
	c.Env = s.Environment()
	out, err := c.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

// Window returns the id of lensbus's window; "" while it is not on the screen.
func (s *Screen) Window(t testing.TB) string {
	out, err := s.Try(t, "xdotool", "search", "--onlyvisible", "--name", "^lensbus")
	if err != nil {
		return ""
	}
	id, _, _ := strings.Cut(out, "\n")
	return id
}

// Shot returns what the screen shows. Where name is not empty, it is kept for people too ([Keep]).
func (s *Screen) Shot(t testing.TB, name string) image.Image {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c := exec.CommandContext(ctx, "import", "-silent", "-window", "root", "png:-")
	c.Env = s.Environment()
	out, err := c.Output()
	if err != nil {
		t.Fatalf("screenshot: %v", err)
	}
	img, err := png.Decode(bytes.NewReader(out))
	if err != nil {
		t.Fatalf("screenshot: %v", err)
	}
	if name != "" {
		Keep(t, name, out)
	}
	return img
}

// Keep keeps a PNG as NAME.png in the folder that LENSBUS_SCREENSHOTS names, for people to look at.
func Keep(t testing.TB, name string, data []byte) {
	t.Helper()
	dir := os.Getenv("LENSBUS_SCREENSHOTS")
	if dir == "" {
		return
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), data, 0o644); err != nil {
		t.Error(err)
	}
}
