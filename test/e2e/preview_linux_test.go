package e2e

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lensbus/lensbus/bus"
)

// A publisher that passes a camera's pictures on decodes none while nobody watches the preview, and
// decodes again none when the last has gone. What that is worth is a figure of docs/design/preview.md.
func TestPreviewCostsNothingUnwatched(t *testing.T) {
	const fps, frames = 30, 120
	url := start(t, "broker", "--listen", "127.0.0.1:0").brokerURL()
	camera := newCamera(t, fps, scenes(t, 10, 1280, 720))
	publisher := start(t, "publish", "--server", url, "--camera", "front="+camera.url)
	nc := connect(t, url)
	sub := subscribe(t, nc, "cam.front.frame")
	previews := subscribe(t, nc, "cam.front.preview")
	viewer, err := bus.Connect(t.Context(), bus.Options{Server: url})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = viewer.Close() })

	// perFrame is the publisher's CPU time over the next frames.
	perFrame := func() time.Duration {
		sub.drain()
		sub.frame()
		before := cpuTime(t, publisher.cmd.Process.Pid)
		for range frames {
			sub.frame()
		}
		return (cpuTime(t, publisher.cmd.Process.Pid) - before) / frames
	}
	for range fps { // past its start
		sub.frame()
	}
	idle := perFrame()
	if n := len(previews.messages); n != 0 {
		t.Errorf("%d previews with nobody watching them", n)
	}
	live, err := viewer.Preview("front")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = live.Close() })
	if f, err := live.Next(t.Context()); err != nil || f.Width != 480 || f.Height != 270 {
		t.Fatalf("a preview of %dx%d, %v", f.Width, f.Height, err)
	}
	watched := perFrame()
	if err := live.Close(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the previews to end", func() bool {
		previews.drain()
		for range fps {
			sub.frame()
		}
		return len(previews.messages) == 0
	})
	after := perFrame()
	t.Logf("CPU of the publisher a frame of 1280x720 at %d fps: %v unwatched, %v with a preview watcher (%.1f times), %v after it",
		fps, idle, watched, float64(watched)/float64(idle), after)
	// One decode of such a picture is several times what passing three on costs.
	if watched < 2*idle || watched < 2*after {
		t.Errorf("the preview costs %v a frame watched, %v before and %v after: what is it doing unwatched?", watched, idle, after)
	}
}

// scenes makes colour pictures that a JPEG takes about 160 KB for: gradients, edges and some noise.
func scenes(t *testing.T, count, width, height int) [][]byte {
	t.Helper()
	random := rand.New(rand.NewPCG(1, 2))
	var pictures [][]byte
	for n := range count {
		img := image.NewRGBA(image.Rect(0, 0, width, height))
		for y := range height {
			for x := range width {
				grain := uint8(random.UintN(24))
				c := color.RGBA{uint8(x*200/width) + grain, uint8(y*200/height) + grain, uint8(40*n/count) + grain, 255}
				if (x/80+y/60+n)%5 == 0 {
					c.R, c.G = c.G, c.R
				}
				img.SetRGBA(x, y, c)
			}
		}
		var out bytes.Buffer
		if err := jpeg.Encode(&out, img, &jpeg.Options{Quality: 80}); err != nil {
			t.Fatal(err)
		}
		pictures = append(pictures, out.Bytes())
	}
	return pictures
}

// cpuTime is what a process has used so far, all its threads together, to 10 ms.
func cpuTime(t *testing.T, pid int) time.Duration {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:])) // from the third on
	var ticks int64
	for _, field := range fields[11:13] { // utime and stime
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}
