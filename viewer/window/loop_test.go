package window

import (
	"bytes"
	"context"
	"errors"
	"image"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
)

func TestEveryWayToTheEnd(t *testing.T) {
	url := startServer(t)
	conn := connect(t, url)
	startCamera(t, conn, "front", 10, red(t))
	before := goleak.IgnoreCurrent()
	for name, end := range map[string]func(p *paper, cancel context.CancelFunc){
		"q":       func(p *paper, _ context.CancelFunc) { p.keys <- 'q' },
		"Escape":  func(p *paper, _ context.CancelFunc) { p.keys <- keyEscape },
		"closed":  func(p *paper, _ context.CancelFunc) { p.mu.Lock(); p.hidden = true; p.mu.Unlock() },
		"context": func(_ *paper, cancel context.CancelFunc) { cancel() },
	} {
		viewing, err := bus.Connect(t.Context(), bus.Options{Server: url})
		if err != nil {
			t.Fatal(err)
		}
		p := newPaper()
		cancel, ended := runPaper(t, viewing, p, Config{})
		eventually(t, name+": the camera is shown", func() bool { return p.isRed(50, 80) })
		end(p, cancel)
		wantEnd(t, ended)
		if err := viewing.Close(); err != nil {
			t.Error(err)
		}
	}
	goleak.VerifyNone(t, before, goleak.IgnoreAnyFunction("github.com/nats-io/nats-server/v2/server/ats.Register.func1"))
}

func TestCamerasComeAndGo(t *testing.T) {
	conn := connect(t, startServer(t))
	p := newPaper()
	runPaper(t, conn, p, Config{})
	front := startCamera(t, conn, "front", 10, red(t))
	eventually(t, "front", func() bool { return p.isRed(20, 80) && p.isRed(80, 80) })
	startCamera(t, conn, "yard", 10, blue(t))
	eventually(t, "front and yard", func() bool { return p.isRed(30, 50) && p.isBlue(70, 50) })
	p.keys <- '2'
	eventually(t, "yard alone", func() bool { return p.isBlue(30, 50) && p.isBlue(70, 50) })
	p.keys <- '1'
	eventually(t, "front alone", func() bool { return p.isRed(30, 50) && p.isRed(70, 50) })
	front.end()
	eventually(t, "front has gone, zoom with it", func() bool { return p.isBlue(30, 50) && p.isBlue(70, 50) })
	p.keys <- 'f'
	eventually(t, "full screen", func() bool { p.mu.Lock(); defer p.mu.Unlock(); return p.full })
}

func TestNoSignalAndBack(t *testing.T) {
	conn := connect(t, startServer(t))
	front := startCamera(t, conn, "front", 20, red(t))
	p := newPaper()
	runPaper(t, conn, p, Config{Cameras: []frame.CameraID{"front", "none"}})
	eventually(t, "front", func() bool { return p.isRed(25, 85) })
	front.lose("unplugged")
	eventually(t, "no signal", func() bool { return p.isDim(25, 85) })
	startCamera(t, conn, "front", 20, blue(t)) // another epoch
	eventually(t, "front again", func() bool { return p.isBlue(25, 85) })
}

// TestKeptPictureIsNotLive begins to view a camera that has been gone for an hour, of which the server
// has kept the last picture.
func TestKeptPictureIsNotLive(t *testing.T) {
	conn := connect(t, startServer(t))
	if _, err := conn.EnsureStream(t.Context(), "front"); err != nil {
		t.Fatal(err)
	}
	publisher, err := conn.Publisher("front")
	if err != nil {
		t.Fatal(err)
	}
	f := frame.Frame{
		Camera: "front", Epoch: frame.NewEpoch(), Seq: 100, Captured: time.Now().Add(-time.Hour),
		Codec: frame.JPEG, Width: 160, Height: 120, Key: true, Data: red(t)[0],
	}
	eventually(t, "the server keeps the picture", func() bool {
		if err := publisher.Publish(t.Context(), &f); err != nil && !errors.Is(err, bus.ErrDisconnected) {
			t.Fatal(err)
		}
		_, err := conn.Newest(t.Context(), "front")
		return err == nil
	})
	p := newPaper()
	sawLive := false
	runPaper(t, conn, p, Config{Cameras: []frame.CameraID{"front"}})
	eventually(t, "the kept picture, dimmed", func() bool {
		sawLive = sawLive || p.isRed(50, 85)
		r, _, b := p.at(50, 85)
		return r > b+15 && p.isDim(50, 85)
	})
	if sawLive {
		t.Error("a picture of an hour ago was shown as live")
	}
}

// TestSlowDecoderSkips holds the decoder up and wants what it shows then to be the newest, with
// nothing queued between, and one picture of a camera at a time.
func TestSlowDecoderSkips(t *testing.T) {
	conn := connect(t, startServer(t))
	p := newPaper()
	p.hold = make(chan struct{})
	front := startCamera(t, conn, "front", 30, append(red(t), blue(t)...))
	_, ended := runPaper(t, conn, p, Config{Cameras: []frame.CameraID{"front"}})
	live, err := conn.Live("front")
	if err != nil {
		t.Fatal(err)
	}
	defer live.Close()
	eventually(t, "30 frames come while one is decoded", func() bool { return live.Stats().Received > 30 })
	if p.most.Load() != 1 {
		t.Errorf("%d decoders work on one camera", p.most.Load())
	}
	front.cancel()
	seq := uint64(0) // the last that came
	eventually(t, "no frame is on its way", func() bool {
		f, _ := live.Newest()
		settled := f.Seq == seq
		seq = f.Seq
		return settled
	})
	newest, _ := live.Newest()
	isRed := bytes.Equal(newest.Data, front.pictures[0])
	close(p.hold)
	eventually(t, "the newest is shown", func() bool {
		r, _, b := p.at(50, 85)
		return isRed && r > b+15 || !isRed && b > r+15
	})
	// The first, the newest, and those again where the window has taken their shape.
	if n := p.decodes.Load(); n > 4 {
		t.Errorf("%d pictures were decoded: they have queued", n)
	}
	p.keys <- 'q'
	wantEnd(t, ended)
}

func TestDamagedPicturesAreCounted(t *testing.T) {
	conn := connect(t, startServer(t))
	good := red(t)[0]
	info, err := frame.ScanJPEG(good, frame.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	cut := append(bytes.Clone(good[:info.Scan+2+12]), 0xFF, 0xD9) // a scan without pixels
	endless := append(bytes.Clone(good[:len(good)-2]), bytes.Repeat([]byte{0xFF, 0xDA, 0, 2}, 1000)...)
	endless = append(endless, 0xFF, 0xD9)
	bad := startCamera(t, conn, "front", 20, [][]byte{cut, endless})
	f, err := newFeed(t.Context(), conn, "front", NewMetrics().camera("front"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := f.close(); err != nil {
			t.Error(err)
		}
	}()
	d := newPaper().newDecoder()
	for range 4 {
		eventually(t, "a frame to decode", func() bool { return f.ask(image.Pt(100, 100)) })
		f.decode(d)
		if f.take(nil) != nil {
			t.Fatal("a damaged picture is shown")
		}
	}
	if m := f.measure(time.Now()); m.damaged != 4 || !m.failing {
		t.Errorf("%+v, want 4 damaged", m)
	}
	bad.cancel()
	startCamera(t, conn, "front", 20, [][]byte{good})
	var got *shot
	eventually(t, "a good one", func() bool {
		if f.ask(image.Pt(100, 100)) {
			f.decode(d)
		}
		got = f.take(nil)
		return got != nil
	})
	if got.picture.size() != image.Pt(100, 75) || !bytes.Equal(got.frame.Data, good) {
		t.Errorf("shown: %v", got.picture.size())
	}
	if f.ask(image.Pt(100, 100)) && f.newest.frame.Seq == got.frame.Seq {
		t.Error("a picture is decoded twice at the same size")
	}
}

func TestSave(t *testing.T) {
	conn := connect(t, startServer(t))
	reds := red(t)
	startCamera(t, conn, "front", 20, reds)
	p := newPaper()
	dir := t.TempDir()
	_, ended := runPaper(t, conn, p, Config{Cameras: []frame.CameraID{"none", "front"}, SnapshotDir: dir})
	p.keys <- 's' // before there is a picture
	eventually(t, "front", func() bool { return p.isRed(75, 85) })
	p.keys <- 's'
	p.keys <- 'q' // what was begun is done
	wantEnd(t, ended)
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) < 1 {
		t.Fatalf("files: %v, %v", files, err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil || !bytes.Equal(data, reds[0]) {
			t.Errorf("%s is not what the camera sent (%v)", file, err)
		}
	}
}

func TestRunWithoutOpenCV(t *testing.T) {
	if Built {
		t.Skip("SKIPPED: this build has OpenCV")
	}
	if err := Run(t.Context(), Config{}, Deps{}); !errors.Is(err, ErrNotBuilt) {
		t.Errorf("%v", err)
	}
	if err := Run(t.Context(), Config{MaxFPS: -1}, Deps{}); err == nil || errors.Is(err, ErrNotBuilt) {
		t.Errorf("a wrong configuration: %v", err)
	}
}
