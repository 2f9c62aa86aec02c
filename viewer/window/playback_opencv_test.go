//go:build opencv

package window

import (
	"image"
	"image/color"
	"testing"
	"time"
)

// The keys of a replay, pressed on a keyboard: arrows and End are not ASCII, and their codes are the
// window system's.
func TestPlaybackKeysOfAKeyboard(t *testing.T) {
	url := startServer(t)
	conn := connect(t, url)
	s := startScreen(t, 1400, 900)
	redC, blueC := color.RGBA{220, 20, 20, 255}, color.RGBA{20, 20, 220, 255}
	from := time.Now().Add(-time.Hour)
	serveFilm(t, conn, "front", filmed{from: from, to: from.Add(40 * time.Second), red: red(t)[0], blue: blue(t)[0]})
	t.Setenv("LENSBUS_TEST_FROM", from.Format(time.RFC3339Nano))
	w := s.openWindow(url, "front")
	place := image.Pt(300, 400)
	w.sees("the beginning", redC, place)
	s.shot("playback")
	w.press("space")
	w.press("Right", "Right", "Right")
	w.sees("30 seconds on", blueC, place)
	w.press("Left", "Left")
	w.sees("10 seconds", redC, place)
	w.press("period", "plus", "minus")
	s.shot("playback-paused")
	w.press("End")
	startCamera(t, conn, "front", 10, blue(t))
	w.sees("live", blueC, place)
	w.press("q")
	if code := w.waitEnd(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}
