package window

import (
	"bytes"
	"context"
	"image"
	"image/color"
	"image/jpeg"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lensbus/lensbus/bus"
)

// paper is a backend without OpenCV: a window that nobody sees, and image/jpeg as the decoder. The
// rest of the window is the real one, against a real server.
type paper struct {
	keys chan int

	mu     sync.Mutex
	area   image.Point
	full   bool
	hidden bool
	shown  pixels
	shows  int

	decoding atomic.Int32  // at the same time, now
	most     atomic.Int32  // and at most
	decodes  atomic.Int32  // in all
	hold     chan struct{} // nil: decoders do not wait
}

func newPaper() *paper { return &paper{keys: make(chan int, 16)} }

func (p *paper) open(_ string, size image.Point) error { return p.resize(size) }
func (p *paper) close()                                {}

func (p *paper) resize(size image.Point) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.area = size
	return nil
}

func (p *paper) size() image.Point {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.area
}

func (p *paper) fullScreen(on bool) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.full = on
	return nil
}

func (p *paper) visible() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.hidden
}

func (p *paper) key(wait time.Duration) int {
	select {
	case k := <-p.keys:
		return k
	case <-time.After(wait):
		return -1
	}
}

func (p *paper) show(from *pixels) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.shown = pixels{data: bytes.Clone(from.data), width: from.width, height: from.height}
	p.shows++
	return nil
}

func (p *paper) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.shows
}

// at is the colour at a place given in hundredths of the window.
func (p *paper) at(x, y int) (r, g, b int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shown.width == 0 {
		return 0, 0, 0
	}
	px := p.shown.width * x / 100
	dot := p.shown.row(p.shown.height*y/100, px, px+1)
	return int(dot[2]), int(dot[1]), int(dot[0])
}

func (p *paper) isRed(x, y int) bool  { r, g, b := p.at(x, y); return r > 170 && g < 80 && b < 80 }
func (p *paper) isBlue(x, y int) bool { r, g, b := p.at(x, y); return b > 170 && g < 90 && r < 80 }
func (p *paper) isDim(x, y int) bool  { r, g, b := p.at(x, y); return r < 90 && g < 90 && b < 90 }

func (p *paper) newDecoder() decoder { return goDecoder{p} }

type goDecoder struct{ p *paper }

func (goDecoder) close() {}

func (d goDecoder) decode(dst *pixels, data []byte, dimensions, within image.Point) error {
	now := d.p.decoding.Add(1)
	defer d.p.decoding.Add(-1)
	d.p.most.Store(max(now, d.p.most.Load()))
	d.p.decodes.Add(1)
	if d.p.hold != nil {
		<-d.p.hold
	}
	img, err := jpeg.Decode(bytes.NewReader(data))
	if err != nil {
		return err
	}
	size := fit(dimensions, image.Rectangle{Max: within}).Size()
	dst.resize(size)
	for y := range size.Y {
		row := dst.row(y, 0, size.X)
		for x := range size.X {
			r, g, b, _ := img.At(x*dimensions.X/size.X, y*dimensions.Y/size.Y).RGBA()
			row[3*x], row[3*x+1], row[3*x+2] = byte(b>>8), byte(g>>8), byte(r>>8)
		}
	}
	return nil
}

// runPaper runs a window and returns how to wait for its end.
func runPaper(t *testing.T, conn *bus.Conn, p *paper, cfg Config) (cancel context.CancelFunc, ended <-chan error) {
	t.Helper()
	return runPaperWith(t, Deps{Bus: conn}, p, cfg)
}

func runPaperWith(t *testing.T, deps Deps, p *paper, cfg Config) (cancel context.CancelFunc, ended <-chan error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	end := make(chan error, 1)
	go func() {
		defer close(end)
		end <- run(ctx, cfg.withDefaults(), deps.withDefaults(), p)
	}()
	t.Cleanup(func() { cancel(); <-end })
	return cancel, end
}

// wantEnd fails unless the window has ended without error within the time that Run promises, and a
// little for a busy machine.
func wantEnd(t *testing.T, ended <-chan error) {
	t.Helper()
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("the window ended with %v", err)
		}
	case <-time.After(2 * time.Second):
		t.Fatal("the window does not end")
	}
}

func still(size image.Point, c color.RGBA, t *testing.T) [][]byte {
	t.Helper()
	img := image.NewRGBA(image.Rectangle{Max: size})
	for i := 0; i < len(img.Pix); i += 4 {
		copy(img.Pix[i:], []byte{c.R, c.G, c.B, 255})
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, nil); err != nil {
		t.Fatal(err)
	}
	return [][]byte{b.Bytes()}
}

func red(t *testing.T) [][]byte  { return still(image.Pt(160, 120), color.RGBA{220, 20, 20, 255}, t) }
func blue(t *testing.T) [][]byte { return still(image.Pt(160, 120), color.RGBA{20, 20, 220, 255}, t) }
