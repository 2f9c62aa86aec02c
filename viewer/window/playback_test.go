package window

import (
	"context"
	"testing"
	"time"

	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
)

// filmed is a recording of a camera: red for so many seconds, then blue for as many, ten frames a second.
type filmed struct {
	from, to  time.Time
	red, blue []byte
}

// frames sends what was asked for.
func (f filmed) frames(ctx context.Context, id frame.CameraID, r frame.ReplayRequest, job *bus.Job) error {
	half := f.from.Add(f.to.Sub(f.from) / 2)
	begun := false
	seq := uint64(0)
	var last time.Time
	for at := f.from; at.Before(f.to); at = at.Add(100 * time.Millisecond) {
		seq++
		if at.Before(r.From) || !r.To.IsZero() && !at.Before(r.To) || at.Sub(last) < time.Duration(r.EveryMS)*time.Millisecond {
			continue
		}
		if !begun {
			if err := job.Begin(0, 0); err != nil {
				return err
			}
		}
		begun, last = true, at
		picture := f.red
		if !at.Before(half) {
			picture = f.blue
		}
		sent := frame.Frame{Camera: id, Epoch: "e", Seq: seq, Captured: at, Codec: frame.JPEG, Width: 160, Height: 120, Key: true, Data: picture}
		if err := job.Frame(ctx, &sent); err != nil {
			return err
		}
	}
	if !begun {
		return &bus.RecorderError{Code: 404, Text: "nothing is recorded from " + r.From.String()}
	}
	return nil
}

func serveFilm(t *testing.T, conn *bus.Conn, id frame.CameraID, f filmed) (stop func()) {
	t.Helper()
	stop, err := conn.ServeRecorder(t.Context(), bus.RecorderService{Camera: id, Version: "0.0.0", Verbs: bus.RecorderVerbs{
		Ranges: func(context.Context, frame.RangesRequest) (frame.Ranges, error) { return frame.Ranges{}, nil },
		Replay: func(ctx context.Context, r frame.ReplayRequest, job *bus.Job) error { return f.frames(ctx, id, r, job) },
		Export: func(context.Context, frame.ExportRequest, *bus.Job) error { return nil },
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return stop
}

func TestPlayback(t *testing.T) {
	conn := connect(t, startServer(t))
	from := time.Now().Add(-time.Hour)
	film := filmed{from: from, to: from.Add(40 * time.Second), red: red(t)[0], blue: blue(t)[0]}
	serveFilm(t, conn, "front", film)
	p := newPaper()
	deps := Deps{Bus: conn, Playback: &Playback{From: from, Speed: 0.1}}
	_, ended := runPaperWith(t, deps, p, Config{Cameras: []frame.CameraID{"front"}})
	eventually(t, "the beginning", func() bool { return p.isRed(50, 80) })
	p.keys <- ' '
	p.keys <- 0xFF53
	p.keys <- 0xFF53
	p.keys <- 0xFF53 // at 30 s, and paused
	eventually(t, "30 seconds on", func() bool { return p.isBlue(50, 80) })
	p.keys <- 0xFF51
	p.keys <- 0xFF51
	eventually(t, "20 seconds back", func() bool { return p.isRed(50, 80) })
	for range 3 {
		p.keys <- 0xFF51 // before the beginning
	}
	eventually(t, "nothing there", func() bool { return p.isDim(50, 80) })
	p.keys <- ' ' // goes on to what there is
	eventually(t, "the beginning again", func() bool { return p.isRed(50, 80) })
	for range 9 {
		p.keys <- '+'
	}
	eventually(t, "the end, 64 times as fast", func() bool { return p.isBlue(50, 80) })
	p.keys <- 'h'
	p.keys <- 'h'
	// Live: nobody publishes it, until somebody does.
	p.keys <- 0xFF57
	eventually(t, "live, and no picture", func() bool { return p.isDim(50, 80) })
	startCamera(t, conn, "front", 10, red(t))
	eventually(t, "live", func() bool { return p.isRed(50, 80) })
	p.keys <- 'q'
	wantEnd(t, ended)
}

// Two cameras by one clock, one of which is not recorded for half of the time.
func TestPlaybackInStep(t *testing.T) {
	conn := connect(t, startServer(t))
	from := time.Now().Add(-time.Hour)
	serveFilm(t, conn, "front", filmed{from: from, to: from.Add(40 * time.Second), red: red(t)[0], blue: blue(t)[0]})
	serveFilm(t, conn, "yard", filmed{from: from.Add(20 * time.Second), to: from.Add(60 * time.Second), red: red(t)[0], blue: blue(t)[0]})
	p := newPaper()
	deps := Deps{Bus: conn, Playback: &Playback{From: from.Add(10 * time.Second), Speed: 1}}
	_, ended := runPaperWith(t, deps, p, Config{Cameras: []frame.CameraID{"front", "yard"}})
	p.keys <- ' '
	eventually(t, "front is red, yard is not there yet", func() bool { return p.isRed(30, 60) && p.isDim(70, 60) })
	p.keys <- 0xFF53
	p.keys <- 0xFF53 // 30 s
	eventually(t, "front is blue, yard red", func() bool { return p.isBlue(30, 60) && p.isRed(70, 60) })
	for range 2 { // the clock is at 30 s: exactly one frame, of both
		p.keys <- '.'
	}
	p.keys <- 0xFF53
	p.keys <- 0xFF53 // 50 s
	eventually(t, "front is over, yard blue", func() bool { return p.isDim(30, 60) && p.isBlue(70, 60) })
	p.keys <- 'q'
	wantEnd(t, ended)
}

func TestPlaybackWithoutARecorder(t *testing.T) {
	conn := connect(t, startServer(t))
	p := newPaper()
	from := time.Now().Add(-time.Hour)
	_, ended := runPaperWith(t, Deps{Bus: conn, Playback: &Playback{From: from, Speed: 0.1}}, p, Config{Cameras: []frame.CameraID{"front"}})
	eventually(t, "a word", func() bool { return p.count() > 3 })
	film := filmed{from: from, to: from.Add(time.Minute), red: red(t)[0], blue: blue(t)[0]}
	stop := serveFilm(t, conn, "front", film)
	eventually(t, "there is one", func() bool { return p.isRed(50, 80) })
	stop()
	p.keys <- 'q'
	wantEnd(t, ended)
}
