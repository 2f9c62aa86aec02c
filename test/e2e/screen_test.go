package e2e

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
)

// screen is an X server of the test's own.
type screen struct{ display string }

func startScreen(t *testing.T, width, height int) *screen {
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
	launch(t, nil, x)
	_ = write.Close()
	number := make([]byte, 16)
	n, err := io.ReadAtLeast(read, number, 2) // the number and a line end; EOF when it has died
	if err != nil {
		t.Fatalf("Xvfb does not start: %v", err)
	}
	_ = read.Close()
	return &screen{":" + strings.TrimSpace(string(number[:n]))}
}

// openWindow starts `lensbus view` and waits until its window is on the screen.
func (s *screen) openWindow(t *testing.T, url string, cameras ...string) *process {
	t.Helper()
	p := startWith(t, []string{"DISPLAY=" + s.display}, append([]string{"view", "--server", url}, cameras...)...)
	eventually(t, "the window is on the screen", func() bool {
		if !p.running() {
			t.Fatalf("the window has ended: %s", p.stderr.String())
		}
		out, err := s.run(t, "xdotool", "search", "--onlyvisible", "--name", "^lensbus")
		return err == nil && len(out) > 0
	})
	return p
}

func (s *screen) run(t *testing.T, name string, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c := exec.CommandContext(ctx, name, args...)
	c.Env = append(plainEnvironment(t), "DISPLAY="+s.display)
	return c.Output()
}

// shot returns what the screen shows.
func (s *screen) shot(t *testing.T) (image.Image, []byte) {
	t.Helper()
	out, err := s.run(t, "import", "-silent", "-window", "root", "png:-")
	if err != nil {
		t.Fatalf("screenshot: %v", err)
	}
	img, err := png.Decode(bytes.NewReader(out))
	if err != nil {
		t.Fatalf("screenshot: %v", err)
	}
	return img, out
}

// keep keeps a screenshot for people, where they asked for it.
func keep(t *testing.T, name string, data []byte) {
	t.Helper()
	dir := os.Getenv("LENSBUS_SCREENSHOTS")
	if dir == "" {
		return
	}
	if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
		t.Error(err)
	}
}
