package window

import (
	"testing"
	"time"

	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/test/numbers"
)

func TestShownIsTimedOnce(t *testing.T) {
	conn := connect(t, startServer(t))
	p, m := newPaper(), NewMetrics()
	front := startCamera(t, conn, "front", 20, red(t))
	began := time.Now()
	_, ended := runPaperWith(t, Deps{Bus: conn, Metrics: m}, p, Config{Cameras: []frame.CameraID{"front"}})
	const shown, seconds = "lensbus_window_receive_to_shown_seconds_count{front}", "lensbus_window_receive_to_shown_seconds_sum{front}"
	eventually(t, "frames are shown and timed", func() bool { return numbers.Of(t, m)[shown] >= 5 })
	front.cancel()
	before, since := -1.0, time.Now() // until no frame is on its way
	eventually(t, "no further frame is timed", func() bool {
		if now := numbers.Of(t, m)[shown]; now != before {
			before, since = now, time.Now()
		}
		return time.Since(since) > 500*time.Millisecond
	})
	if mean := numbers.Of(t, m)[seconds] / before; mean <= 0 || mean > time.Since(began).Seconds() {
		t.Errorf("%v s from arrival to the screen", mean)
	}
	// Another size: the same frame is decoded and drawn again.
	decodes, shows := p.decodes.Load(), p.count()
	if err := p.resize(p.size().Mul(2)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is decoded again", func() bool { return p.decodes.Load() > decodes && p.count() > shows })
	shows = p.count()
	eventually(t, "it is drawn again", func() bool { return p.count() > shows })
	if now := numbers.Of(t, m)[shown]; now != before {
		t.Errorf("%v frames are timed, %v were shown", now, before)
	}
	p.keys <- 'q'
	wantEnd(t, ended)
}
