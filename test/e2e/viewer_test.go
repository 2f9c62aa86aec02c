package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
)

// The variables that make this test program a viewer.
const (
	viewerServer = "LENSBUS_E2E_VIEWER_SERVER"
	viewerCamera = "LENSBUS_E2E_VIEWER_CAMERA"
)

// viewerMain is somebody's own program that watches a camera through package bus. It prints a line
// for every frame, until SIGTERM.
func viewerMain(url, camera string) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	err := watch(ctx, url, frame.CameraID(camera))
	if err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func watch(ctx context.Context, url string, id frame.CameraID) error {
	conn, err := bus.Connect(ctx, bus.Options{Server: url, Name: "viewer"})
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	live, err := conn.Live(id)
	if err != nil {
		return err
	}
	defer func() { _ = live.Close() }()
	reader := live.Reader()
	for {
		f, skipped, err := reader.Next(ctx)
		if err != nil {
			return err
		}
		fmt.Println(f.Epoch, f.Seq, f.Captured.UnixNano(), time.Now().UnixNano(), skipped, live.Stats().Missed, f.Width, f.Height)
	}
}

// view is a frame as a viewer had it.
type view struct {
	epoch             string
	seq               uint64
	captured, arrived time.Time
	skipped           uint64 // frames that came so fast that the viewer took a newer one
	missed            uint64 // frames that did not come, up to this one
	width, height     int
}

func (v view) age() time.Duration { return v.arrived.Sub(v.captured) }

// viewer is a viewer in a process of its own.
type viewer struct {
	*process
	mu   sync.Mutex
	had  []view
	read int // bytes of the process's output
}

func startViewer(t *testing.T, url, camera string) *viewer {
	t.Helper()
	env := []string{viewerServer + "=" + url, viewerCamera + "=" + camera}
	return &viewer{process: launch(t, env, exec.Command(os.Args[0]))}
}

// views returns all that the viewer has had so far.
func (v *viewer) views() []view {
	v.mu.Lock()
	defer v.mu.Unlock()
	text := v.stdout.String()[v.read:]
	end := strings.LastIndexByte(text, '\n') + 1
	for line := range strings.Lines(text[:end]) {
		var got view
		var captured, arrived int64
		if _, err := fmt.Sscan(line, &got.epoch, &got.seq, &captured, &arrived, &got.skipped, &got.missed, &got.width, &got.height); err != nil {
			v.t.Fatalf("the viewer says %q: %v", line, err)
		}
		got.captured, got.arrived = time.Unix(0, captured), time.Unix(0, arrived)
		v.had = append(v.had, got)
	}
	v.read += end
	return v.had
}

// until waits for a frame of which like is true and returns it.
func (v *viewer) until(what string, like func(view) bool) view {
	v.t.Helper()
	var found view
	from := 0
	eventually(v.t, "a viewer has "+what, func() bool {
		if !v.running() {
			v.t.Fatalf("the viewer has ended: %s", v.stderr.String())
		}
		all := v.views()
		for _, got := range all[from:] {
			if like(got) {
				found = got
				return true
			}
		}
		from = len(all)
		return false
	})
	return found
}

// steady waits until frames have come without a gap for a while, as they do once a viewer has
// settled, and returns how many came before.
func (v *viewer) steady() int {
	v.t.Helper()
	const run = 20
	from := 0
	eventually(v.t, "frames come one after the other", func() bool {
		all := v.views()
		from = max(0, len(all)-run)
		return len(all) > run && all[from].missed == all[len(all)-1].missed && all[from].epoch == all[len(all)-1].epoch
	})
	return from
}

// gaps returns how many frames did not reach the viewer since its view number from.
func (v *viewer) gaps(from int) uint64 {
	all := v.views()
	return all[len(all)-1].missed - all[from].missed
}
