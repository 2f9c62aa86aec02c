//go:build opencv

package window

import (
	"fmt"
	"image"
	"image/color"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/test/screen"
)

// colourAt is the average of a square of 9 by 9 pixels.
func colourAt(img image.Image, at image.Point) (r, g, b int) {
	for y := at.Y - 4; y <= at.Y+4; y++ {
		for x := at.X - 4; x <= at.X+4; x++ {
			pr, pg, pb, _ := img.At(x, y).RGBA()
			r, g, b = r+int(pr>>8), g+int(pg>>8), b+int(pb>>8)
		}
	}
	return r / 81, g / 81, b / 81
}

func near(img image.Image, at image.Point, want color.RGBA) bool {
	r, g, b := colourAt(img, at)
	far := func(a int, b uint8) bool { return a-int(b) > 24 || int(b)-a > 24 }
	return !far(r, want.R) && !far(g, want.G) && !far(b, want.B)
}

// sees waits until the screen shows the colour at every one of the places.
func (p *process) sees(what string, want color.RGBA, places ...image.Point) {
	p.t.Helper()
	eventually(p.t, what, func() bool {
		img := p.shot("")
		for _, at := range places {
			if !near(img, at, want) {
				return false
			}
		}
		return true
	})
}

// moves waits until the white bar is seen at the place and gone from it again.
func (p *process) moves(what string, at image.Point) {
	p.t.Helper()
	white := color.RGBA{255, 255, 255, 255}
	p.sees(what+": the bar comes", white, at)
	eventually(p.t, what+": the bar goes", func() bool { return !near(p.shot(""), at, white) })
}

func TestWindowOfTwoCameras(t *testing.T) {
	url := startServer(t)
	conn := connect(t, url)
	s := startScreen(t, 1400, 900)
	red, blue := color.RGBA{190, 40, 40, 255}, color.RGBA{30, 60, 190, 255}
	size := image.Pt(640, 480)
	reds, blues := movingPictures(t, size, red, 20), movingPictures(t, size, blue, 20)
	front := startCamera(t, conn, "front", 20, reds)
	startCamera(t, conn, "yard", 20, blues)
	w := s.openWindow(url, "front", "yard")

	// 1280x720 in two columns of 4:3, at the corner of the screen, where there is no window manager.
	left, right := image.Pt(150, 400), image.Pt(1100, 400)
	eventually(t, "both cameras", func() bool {
		img := w.shot("two")
		return near(img, left, red) && near(img, right, blue)
	})
	w.sees("front on the left", red, left)
	w.sees("yard on the right", blue, right)
	w.moves("front", left)
	w.moves("yard", right)
	w.shot("two")

	w.press("h")
	eventually(t, "the keys are shown", func() bool {
		r, g, b := colourAt(w.shot("keys"), image.Pt(642, 310))
		return r+g+b < 150
	})
	w.press("h")

	w.press("2")
	w.sees("yard alone", blue, image.Pt(400, 350), image.Pt(800, 350))
	w.moves("yard alone", image.Pt(600, 300))
	w.shot("zoomed")
	w.press("2")
	w.sees("front again", red, left)

	w.press("s")
	eventually(t, "two snapshots", func() bool {
		files, _ := filepath.Glob(filepath.Join(w.dir, "*.jpg"))
		return len(files) == 2
	})
	w.shot("saved")
	for id, sent := range map[string][][]byte{"front": reds, "yard": blues} {
		files, _ := filepath.Glob(filepath.Join(w.dir, id+"-*Z.jpg"))
		if len(files) != 1 {
			t.Fatalf("snapshots of %s: %v", id, files)
		}
		data, err := os.ReadFile(files[0])
		if err != nil {
			t.Fatal(err)
		}
		if !contains(sent, data) {
			t.Errorf("%s is not what the camera sent", files[0])
		}
	}

	front.lose("device /dev/video0 has gone: no such device")
	eventually(t, "no signal", func() bool {
		r, g, b := colourAt(w.shot(""), left)
		return r < 100 && r-b < 40 && r-g < 40
	})
	w.moves("yard while front is lost", right)
	eventually(t, "a dark ground below the words, in the middle of front", func() bool {
		r, g, b := colourAt(w.shot("lost"), image.Pt(320-4, 400))
		return r+g+b < 3*60
	})

	began := time.Now()
	w.press("q")
	if code := w.waitEnd(); code != 0 {
		t.Errorf("exit %d after q", code)
	}
	t.Logf("the process had ended %v after q was typed", time.Since(began).Round(time.Millisecond))
}

func TestWindowOfAllCameras(t *testing.T) {
	url := startServer(t)
	conn := connect(t, url)
	s := startScreen(t, 1400, 900)
	w := s.openWindow(url)
	w.shot("none")
	var cameras []*testCamera
	var grounds []color.RGBA
	for i := range 5 {
		ground := color.RGBA{uint8(40 + 45*i), uint8(180 - 35*i), uint8(60 + i%2*110), 255}
		grounds = append(grounds, ground)
		pictures := movingPictures(t, image.Pt(320, 180), ground, 12)
		cameras = append(cameras, startCamera(t, conn, cameraName(i), 8, pictures))
	}
	places := func(n int, size image.Point) (at []image.Point) {
		for _, r := range grid(n, size, wideScreen) {
			at = append(at, image.Pt(r.Min.X+20, r.Max.Y-12))
		}
		return at
	}
	shows := func(what string, indices []int, size func() image.Point) {
		t.Helper()
		eventually(t, what, func() bool {
			img := w.shot("appearing")
			at := places(len(indices), size())
			for i, camera := range indices {
				if !near(img, at[i], grounds[camera]) && !near(img, at[i], color.RGBA{255, 255, 255, 255}) {
					return false
				}
			}
			return true
		})
	}
	windowSize := func() image.Point {
		out, err := w.try("xdotool", "getwindowgeometry", "--shell", w.id)
		if err != nil {
			t.Fatalf("geometry: %v: %s", err, out)
		}
		var size image.Point
		for line := range strings.Lines(out) {
			_, _ = fmt.Sscanf(line, "WIDTH=%d", &size.X)
			_, _ = fmt.Sscanf(line, "HEIGHT=%d", &size.Y)
		}
		return size
	}
	shows("five cameras appear", []int{0, 1, 2, 3, 4}, windowSize)
	w.shot("five")

	if out, err := w.try("xdotool", "windowsize", "--sync", w.id, "420", "300"); err != nil {
		t.Fatalf("resize: %v: %s", err, out)
	}
	shows("five cameras in a small window", []int{0, 1, 2, 3, 4}, func() image.Point { return image.Pt(420, 300) })
	w.shot("small")

	cameras[1].end()
	shows("one leaves", []int{0, 2, 3, 4}, windowSize)

	asked := w.watchWindowManager()
	w.press("f")
	select {
	case <-asked:
	case <-time.After(patience):
		t.Fatal("f does not ask the window manager for full screen")
	}
	if out, err := w.try("xdotool", "windowsize", "--sync", w.id, "1400", "900"); err != nil { // what it would do
		t.Fatalf("resize: %v: %s", err, out)
	}
	shows("four on the full screen", []int{0, 2, 3, 4}, windowSize)
	w.shot("full")

	w.clickCross()
	if code := w.waitEnd(); code != 0 {
		t.Errorf("exit %d after the window was closed", code)
	}
}

func cameraName(i int) frame.CameraID { return frame.CameraID("cam" + string(rune('a'+i))) }

func TestInterruptEndsWindow(t *testing.T) {
	url := startServer(t)
	s := startScreen(t, 800, 600)
	for range 3 {
		w := s.openWindow(url, "front")
		w.shot("waiting")
		if err := w.cmd.Process.Signal(syscall.SIGINT); err != nil {
			t.Fatal(err)
		}
		if code := w.waitEnd(); code != 0 {
			t.Errorf("exit %d after an interrupt", code)
		}
	}
}

// TestNoDisplay has Qt abort the process if the window does not look first.
func TestNoDisplay(t *testing.T) {
	url := startServer(t)
	for _, display := range []string{"", ":64999"} {
		var stderr strings.Builder
		c := exec.Command(os.Args[0])
		c.Stderr = &stderr
		c.Env = append((&screen.Screen{Display: display}).Environment(), "LENSBUS_TEST_WINDOW="+url)
		err := c.Run()
		if code := c.ProcessState.ExitCode(); code != 1 || strings.Count(stderr.String(), "\n") != 1 || !strings.HasPrefix(stderr.String(), "no display") {
			t.Errorf("DISPLAY=%q: exit %d (%v), says %.300q", display, code, err, stderr.String())
		}
	}
}

// TestRealFootage shows a real camera's film. Set LENSBUS_TEST_FOOTAGE to one of your own.
func TestRealFootage(t *testing.T) {
	film := os.Getenv("LENSBUS_TEST_FOOTAGE")
	if film == "" {
		dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "gocv.io/x/gocv").Output()
		if err != nil {
			t.Skipf("SKIPPED: no LENSBUS_TEST_FOOTAGE, and the gocv module's film is not found: %v", err)
		}
		film = filepath.Join(strings.TrimSpace(string(dir)), "images", "small.mp4")
	}
	dir := t.TempDir()
	out, err := exec.Command("ffmpeg", "-v", "error", "-i", film, "-frames:v", "120", "-q:v", "4", filepath.Join(dir, "%04d.jpg")).CombinedOutput()
	if err != nil {
		t.Skipf("SKIPPED: pictures of %s cannot be made with ffmpeg: %v: %s", film, err, out)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.jpg"))
	if err != nil || len(files) < 30 {
		t.Fatalf("pictures of %s: %d, %v", film, len(files), err)
	}
	var pictures [][]byte
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		pictures = append(pictures, data)
	}
	url := startServer(t)
	conn := connect(t, url)
	s := startScreen(t, 1400, 900)
	startCamera(t, conn, "street", 25, pictures)
	startCamera(t, conn, "yard", 10, pictures[15:])
	began := time.Now()
	w := s.openWindow(url, "street", "yard")
	changed := func(a, b image.Image, part image.Rectangle) (n int) {
		for y := part.Min.Y; y < part.Max.Y; y += 3 {
			for x := part.Min.X; x < part.Max.X; x += 3 {
				r0, g0, b0, _ := a.At(x, y).RGBA()
				r1, g1, b1, _ := b.At(x, y).RGBA()
				if d := int(r0>>8) + int(g0>>8) + int(b0>>8) - int(r1>>8) - int(g1>>8) - int(b1>>8); d > 40 || d < -40 {
					n++
				}
			}
		}
		return n
	}
	before := w.shot("")
	for i, part := range []image.Rectangle{image.Rect(0, 80, 600, 400), image.Rect(680, 80, 1270, 400)} {
		eventually(t, fmt.Sprintf("picture %d changes", i+1), func() bool {
			now := w.shot("footage")
			defer func() { before = now }()
			return changed(before, now, part) > 30
		})
	}
	w.press("1")
	eventually(t, "one large", func() bool {
		return changed(before, w.shot("footage-large"), image.Rect(680, 80, 1270, 400)) > 500
	})
	w.press("Escape")
	if code := w.waitEnd(); code != 0 {
		t.Errorf("exit %d after Escape", code)
	}
	t.Logf("the window took %v of processor time in %v", w.cmd.ProcessState.UserTime()+w.cmd.ProcessState.SystemTime(), time.Since(began).Round(time.Millisecond))
}
