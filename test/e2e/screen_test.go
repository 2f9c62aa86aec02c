package e2e

import (
	"testing"

	"github.com/lensbus/lensbus/test/screen"
)

// openWindow starts `lensbus view` and waits until its window is on the screen.
func openWindow(t *testing.T, s *screen.Screen, url string, cameras ...string) *process {
	t.Helper()
	p := startWith(t, []string{"DISPLAY=" + s.Display}, append([]string{"view", "--server", url}, cameras...)...)
	eventually(t, "the window is on the screen", func() bool {
		if !p.running() {
			t.Fatalf("the window has ended: %s", p.stderr.String())
		}
		return s.Window(t) != ""
	})
	return p
}
