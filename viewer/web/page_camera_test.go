package web_test

import (
	"bytes"
	"context"
	"encoding/json"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/seal"
)

// pageCamera publishes a moving picture and its status, and answers what is asked of it. Like a
// publisher that knows nothing of previews, it makes none.
type pageCamera struct {
	r        *pageRig
	id       frame.CameraID
	epoch    string
	started  time.Time
	cancel   context.CancelFunc
	finished chan struct{}
	changed  chan struct{}

	mu      sync.Mutex
	size    image.Point
	quiet   bool // no frames
	state   frame.State
	reason  string
	status  func(*frame.Status)
	spoil   func(n int) bool // frames that are no pictures
	footage [][]byte         // instead of a pattern
	sealer  *seal.Sealer     // of a sealed camera
	seq     uint64
	last    time.Time

	sizes    []frame.Size
	controls []frame.Control
	coarse   int64 // controls take multiples of it only, where it is over 0

	cache map[image.Point][][]byte
}

const pageFrames = 80 * time.Millisecond

func (r *pageRig) camera(id frame.CameraID, width, height int) *pageCamera {
	r.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	c := &pageCamera{
		r: r, id: id, epoch: frame.NewEpoch(), started: time.Now(), cancel: cancel,
		finished: make(chan struct{}), changed: make(chan struct{}, 1),
		size: image.Pt(width, height), state: frame.StateLive, cache: make(map[image.Point][][]byte),
	}
	if _, err := r.conn.EnsureStream(ctx, id); err != nil {
		r.t.Fatal(err)
	}
	out, err := r.conn.Publisher(id)
	if err != nil {
		r.t.Fatal(err)
	}
	stop, err := r.conn.ServeCamera(ctx, id, "0.0.0", func() frame.Status { return c.now("") }, nil, map[string]bus.Verb{
		frame.VerbGet: func(context.Context, []byte) (bus.Reply, error) { return bus.JSONReply(c.detail()) },
		frame.VerbSet: c.change,
		frame.VerbWatch: func(context.Context, []byte) (bus.Reply, error) {
			return bus.JSONReply(frame.WatchReply{Seconds: 20})
		},
	})
	if err != nil {
		r.t.Fatal(err)
	}
	go func() {
		defer close(c.finished)
		defer stop()
		c.run(ctx, out)
	}()
	r.t.Cleanup(c.stop)
	return c
}

func (c *pageCamera) run(ctx context.Context, out *bus.Publisher) {
	frames, statuses := time.NewTicker(pageFrames), time.NewTicker(frame.StatusInterval)
	defer frames.Stop()
	defer statuses.Stop()
	for n := 0; ; n++ {
		// Disconnected while the rig ends.
		select {
		case <-ctx.Done():
			return
		case <-frames.C:
			if f, ok := c.next(n); ok {
				_ = out.Publish(ctx, f)
			}
			if n > 0 {
				continue
			}
		case <-c.changed:
		case <-statuses.C:
		}
		_ = c.r.conn.PublishStatus(c.now(""))
	}
}

func (c *pageCamera) next(n int) (*frame.Frame, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.quiet {
		return nil, false
	}
	pictures := c.footage
	if pictures == nil {
		pictures = c.pattern()
	}
	data := pictures[n%len(pictures)]
	if c.spoil != nil && c.spoil(n) {
		data = withoutTables(data)
	}
	info, err := frame.ScanJPEG(data, frame.DefaultLimits())
	if err != nil {
		c.r.t.Error(err)
		return nil, false
	}
	c.seq++
	c.last = time.Now()
	f := frame.Frame{
		Camera: c.id, Epoch: c.epoch, Seq: c.seq, Captured: c.last, Codec: frame.JPEG,
		Width: info.Width, Height: info.Height, Key: true, Data: data,
	}
	if c.sealer != nil {
		if f, err = c.sealer.Seal(f); err != nil {
			c.r.t.Error(err)
			return nil, false
		}
	}
	return &f, true
}

// pattern is a bar that crosses a coloured field.
func (c *pageCamera) pattern() [][]byte {
	if made := c.cache[c.size]; made != nil {
		return made
	}
	var made [][]byte
	const steps = 12
	for i := range steps {
		img := image.NewRGBA(image.Rectangle{Max: c.size})
		for y := range c.size.Y {
			shade := uint8(40 + 120*y/c.size.Y)
			row := image.Rect(0, y, c.size.X, y+1)
			draw.Draw(img, row, image.NewUniform(color.RGBA{shade / 2, shade, shade / 4 * uint8(c.id[0]%5), 255}), image.Point{}, draw.Src)
		}
		x := c.size.X * i / steps
		draw.Draw(img, image.Rect(x, 0, x+c.size.X/steps, c.size.Y), image.NewUniform(color.RGBA{240, 240, 220, 255}), image.Point{}, draw.Src)
		var b bytes.Buffer
		if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: 80}); err != nil {
			c.r.t.Error(err)
		}
		made = append(made, b.Bytes())
	}
	c.cache[c.size] = made
	return made
}

// withoutTables takes the quantisation tables out of a JPEG: its markers are in order, and nobody
// can decode it.
func withoutTables(data []byte) []byte {
	at := bytes.Index(data, []byte{0xff, 0xdb})
	length := int(data[at+2])<<8 | int(data[at+3])
	return append(append([]byte(nil), data[:at]...), data[at+2+length:]...)
}

func (c *pageCamera) now(state frame.State) frame.Status {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := frame.Status{
		ID: c.id, Epoch: c.epoch, State: c.state, Reason: c.reason,
		Time: time.Now().UTC(), Since: c.started.UTC(), Started: c.started.UTC(), LastFrame: c.last.UTC(),
		Host: "bench-1", Kind: "test", Source: "test:bars", Format: "MJPG", Untouched: true,
		Width: c.size.X, Height: c.size.Y, FPS: 12.5, FPSAsked: 12.5, BitRate: 1e6, Sent: c.seq, Stream: "memory",
	}
	if c.status != nil {
		c.status(&s)
	}
	if state != "" {
		s.State = state
	}
	return s
}

func (c *pageCamera) detail() frame.Detail {
	status := c.now("")
	c.mu.Lock()
	defer c.mu.Unlock()
	return frame.Detail{Status: status, Controls: slices.Clone(c.controls), Sizes: c.sizes}
}

// change takes controls only.
func (c *pageCamera) change(_ context.Context, request []byte) (bus.Reply, error) {
	var change frame.Change
	if err := json.Unmarshal(request, &change); err != nil {
		return bus.Reply{}, &bus.ControlError{Code: 400, Text: err.Error()}
	}
	c.mu.Lock()
	for i := range c.controls {
		if value, ok := change.Controls[c.controls[i].Name]; ok {
			if c.coarse > 0 {
				value -= value % c.coarse
			}
			c.controls[i].Value = value
		}
	}
	c.mu.Unlock()
	return bus.JSONReply(c.detail())
}

// control is a control's value.
func (c *pageCamera) control(name string) int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, control := range c.controls {
		if control.Name == name {
			return control.Value
		}
	}
	c.r.t.Errorf("no control %s", name)
	return 0
}

// set changes the camera and tells it to the bus.
func (c *pageCamera) set(change func(*pageCamera)) {
	c.mu.Lock()
	change(c)
	c.mu.Unlock()
	select {
	case c.changed <- struct{}{}:
	default:
	}
}

// stop ends the camera as a publisher that is killed does.
func (c *pageCamera) stop() {
	c.cancel()
	<-c.finished
}

// end takes the camera off the bus.
func (c *pageCamera) end() {
	c.stop()
	if err := c.r.conn.PublishStatus(c.now(frame.StateEnded)); err != nil {
		c.r.t.Error(err)
	}
}

// pageFootage is real pictures for a screenshot that is worth looking at; nil where there is no
// footage, no ffmpeg, or nobody looks.
func pageFootage(t *testing.T) [][]byte {
	source := os.Getenv("LENSBUS_TEST_FOOTAGE")
	if source == "" || os.Getenv("LENSBUS_SCREENSHOTS") == "" {
		return nil
	}
	if info, err := os.Stat(source); err == nil && info.IsDir() {
		source = filepath.Join(source, "vtest.avi")
	}
	dir := t.TempDir()
	out, err := exec.CommandContext(t.Context(), "ffmpeg", "-v", "error", "-i", source, "-t", "4", "-q:v", "4", filepath.Join(dir, "%03d.jpg")).CombinedOutput()
	if err != nil {
		t.Logf("no footage, so patterns: ffmpeg: %v: %s", err, out)
		return nil
	}
	names, _ := filepath.Glob(filepath.Join(dir, "*.jpg"))
	var pictures [][]byte
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		pictures = append(pictures, data)
	}
	return pictures
}
