package window

import (
	"strings"
	"time"
)

// draw brings the canvas up to date: the tiles that have changed, or everything.
func (w *window) draw(now time.Time) {
	over := w.help || w.toast.text != "" // lies over the tiles, so those are drawn anew with it
	all := w.all || over
	if all {
		w.canvas.fill(w.canvas.bounds(), paperWindow)
	}
	for _, v := range w.shown {
		if all || v.changed {
			v.describe(now)
			w.paint.tile(&w.canvas, v.tile)
			v.changed = false
		}
	}
	em := emOf(w.canvas.bounds())
	if len(w.shown) == 0 {
		w.drawEmpty(em)
	}
	if w.toast.text != "" {
		w.paint.toast(&w.canvas, w.toast, em)
	}
	if w.help {
		w.paint.help(&w.canvas, w.helpKeys(), em)
	}
	w.dirty, w.all = false, false
}

// drawEmpty is for a window without cameras.
func (w *window) drawEmpty(em int) {
	t := tile{at: w.canvas.bounds(), title: "waiting for cameras…"}
	if w.offline != "" {
		t.lines = reasonLines(w.offline)
	}
	w.canvas.fill(t.at, paperTile)
	w.paint.notice(&w.canvas, t, em)
}

// describe writes into the tile what is known of the camera now.
func (v *view) describe(now time.Time) {
	t := &v.tile
	t.picture, t.stale, t.title, t.lines, t.label = nil, v.stale, "", nil, nil
	if v.shot != nil {
		t.picture = v.shot.picture
	}
	if v.played != nil {
		v.describePlayed()
		return
	}
	switch {
	case v.shot == nil && v.measured.arrives && !v.measured.failing:
		// It comes within a decoder's time.
	case v.shot == nil && !v.measured.failing:
		t.title = "waiting for " + t.name + "…"
		t.lines = reasonLines(v.reason)
	case v.measured.failing && (v.shot == nil || v.stale):
		t.title = "no picture"
		t.lines = []string{"what arrives cannot be decoded"}
	case v.stale:
		t.title = "no signal"
		t.lines = append([]string{"last picture " + ageText(v.meter.Age(now, v.clock.Offset)) + " ago"}, reasonLines(v.reason)...)
	default:
		t.label = v.label
	}
}

func reasonLines(reason string) []string {
	if reason == "" {
		return nil
	}
	// What it comes from and what can be done stand on lines of their own where one would be too long.
	if head, tail, found := strings.Cut(reason, ": "); found && len(reason) > mostLine {
		return []string{head, tail}
	}
	return []string{reason}
}

// mostLine is how long a reason may be to stand on one line, bytes.
const mostLine = 60
