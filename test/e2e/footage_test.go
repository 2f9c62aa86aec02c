package e2e

import (
	"bytes"
	"encoding/binary"
	"image"
	"os"
	"testing"
	"time"

	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/test/screen"
)

// film is footage of a known size.
type film struct {
	path          string
	width, height int
}

// films returns two films: the one that LENSBUS_TEST_FOOTAGE names and the one that gocv ships, or
// the latter twice.
func films(t *testing.T) [2]film {
	t.Helper()
	shipped := film{shippedFootage(t), 560, 320}
	path := os.Getenv("LENSBUS_TEST_FOOTAGE")
	if path == "" {
		return [2]film{shipped, shipped}
	}
	width, height := aviSize(t, path)
	return [2]film{{path, width, height}, shipped}
}

// aviSize reads the size of the pictures from an AVI file's main header.
func aviSize(t *testing.T, path string) (width, height int) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	i := bytes.Index(data, []byte("avih"))
	if !bytes.HasPrefix(data, []byte("RIFF")) || i < 0 || len(data) < i+48 {
		t.Fatalf("LENSBUS_TEST_FOOTAGE: %s is no AVI file", path)
	}
	const widthAt = 8 + 32 // behind the chunk's name and size, eight numbers before
	number := func(at int) int { return int(binary.LittleEndian.Uint32(data[i+at:])) }
	return number(widthAt), number(widthAt + 4)
}

// span is how long pictures are watched for motion.
const span = 2 * time.Second

// TestFootageReachesEverybody: two films at once, from publisher through broker to NATS clients, to
// the page's streams and sockets, and to the window.
func TestFootageReachesEverybody(t *testing.T) {
	needOpenCV(t)
	films := films(t)
	url := start(t, "broker", "--listen", "127.0.0.1:0").brokerURL()
	nc := connect(t, url)
	names := []string{"a", "b"}
	subs := []*subscription{subscribe(t, nc, "cam.a.frame"), subscribe(t, nc, "cam.b.frame")}
	start(t, "publish", "--server", url, "--camera", "a=file:"+films[0].path+"?loop=1", "--camera", "b=file:"+films[1].path+"?loop=1")
	page := start(t, "web", "--server", url, "--listen", "127.0.0.1:0").pageURL()

	for i, sub := range subs {
		t.Run("NATS "+names[i], func(t *testing.T) {
			var moving motion
			var prev frame.Frame
			var began time.Time
			for n := 0; n == 0 || prev.Captured.Sub(began) < span; n++ {
				f := sub.frame()
				if f.Width != films[i].width || f.Height != films[i].height {
					t.Fatalf("frame of %dx%d, the film is %dx%d", f.Width, f.Height, films[i].width, films[i].height)
				}
				img := pixels(t, f.Data)
				if !sameSize(img, f.Width, f.Height) {
					t.Fatalf("the headers say %dx%d, the picture is %v", f.Width, f.Height, img.Bounds())
				}
				if n == 0 {
					began = f.Captured
				} else if f.Epoch != prev.Epoch || f.Seq != prev.Seq+1 || !f.Captured.After(prev.Captured) {
					t.Fatalf("frame %d at %v after frame %d at %v", f.Seq, f.Captured, prev.Seq, prev.Captured)
				}
				moving.see(img)
				prev = f
			}
			moving.check(t)
		})
	}
	for i, id := range names {
		t.Run("page "+id, func(t *testing.T) {
			var streamed, pushed motion
			stream, ws := openStream(t, page, id), openSocket(t, page, id)
			first := stream.next()
			for p := first; p.captured.Sub(first.captured) < span; p = stream.next() {
				img := pixels(t, p.data)
				if !sameSize(img, films[i].width, films[i].height) {
					t.Fatalf("stream.mjpeg has a picture of %v", img.Bounds())
				}
				streamed.see(img)
				said, data := ws.next()
				if said.Width != films[i].width || said.Height != films[i].height {
					t.Fatalf("the WebSocket says %+v", said)
				}
				pushed.see(pixels(t, data))
			}
			streamed.check(t)
			pushed.check(t)
		})
	}
	t.Run("window", func(t *testing.T) { watchInWindow(t, url) })
	t.Run("browser", func(t *testing.T) { watchInBrowser(t, page) })
}

func watchInWindow(t *testing.T, url string) {
	s := screen.Start(t, 1280, 720)
	p := openWindow(t, s, url, "a", "b")
	// Both halves of the grid move: each is another camera.
	var left, right motion
	eventually(t, "the window shows two moving pictures", func() bool {
		img := s.Shot(t, "e2e-window")
		b := img.Bounds()
		middle := b.Min.X + b.Dx()/2
		cut := img.(interface {
			SubImage(image.Rectangle) image.Image
		})
		left.see(cut.SubImage(image.Rect(b.Min.X, b.Min.Y, middle, b.Max.Y)))
		right.see(cut.SubImage(image.Rect(middle, b.Min.Y, b.Max.X, b.Max.Y)))
		return left.changes >= 3 && right.changes >= 3
	})
	p.end(signals(1))
}

// motion tells whether pictures change over time.
type motion struct {
	prev    []int
	changes int
	seen    int
}

// see takes the next picture: its brightness on a grid of 64 by 48 points, next to that of the last
// picture that was different.
func (m *motion) see(img image.Image) {
	const across, down = 64, 48
	b := img.Bounds()
	grid := make([]int, 0, across*down)
	for y := range down {
		for x := range across {
			r, g, bl, _ := img.At(b.Min.X+x*b.Dx()/across, b.Min.Y+y*b.Dy()/down).RGBA()
			grid = append(grid, int(r+g+bl)/3>>8)
		}
	}
	m.seen++
	if m.prev != nil {
		moved := 0
		for i := range grid {
			if d := grid[i] - m.prev[i]; d > 16 || d < -16 { // more than what coding does
				moved++
			}
		}
		if moved < 5 {
			return
		}
		m.changes++
	}
	m.prev = grid
}

func (m *motion) check(t *testing.T) {
	t.Helper()
	if m.changes < 3 {
		t.Errorf("%d pictures, and only %d times another one: it does not move", m.seen, m.changes)
	}
}
