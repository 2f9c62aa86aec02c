package cli

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/recorder"
)

// bar shows on a terminal how far something is; elsewhere it shows nothing.
type bar struct {
	out     terminal
	visible bool

	shown time.Time
	drawn bool
}

// progressBar is that of an export.
type progressBar struct {
	bar
	camera   frame.CameraID
	from, to time.Time
}

// barEvery is how often the bar is drawn.
const barEvery = 100 * time.Millisecond

func newProgressBar(out io.Writer, camera frame.CameraID, from, to time.Time) *progressBar {
	b := &progressBar{camera: camera, from: from, to: to}
	b.out, b.visible = terminalOf(out)
	return b
}

// show draws the bar where it is time to.
func (b *progressBar) show(p bus.ExportProgress) {
	b.draw(func(width int) string { return b.line(p, width) })
}

// draw shows what line is in so many columns, where it is time to.
func (b *bar) draw(line func(width int) string) {
	if now := time.Now(); b.visible && now.Sub(b.shown) >= barEvery {
		b.shown = now
		width, _ := b.out.size()
		b.drawn = b.out.write("\r"+line(width-1)+"\x1b[K") == nil
	}
}

// clear takes the bar away.
func (b *bar) clear() {
	if b.drawn {
		b.drawn = b.out.write("\r\x1b[K") != nil
	}
}

// line is the bar in so many columns.
func (b *progressBar) line(p bus.ExportProgress, width int) string {
	share := 0.0
	switch {
	case p.Total > 0:
		share = float64(p.Bytes) / float64(p.Total)
	case !b.to.IsZero() && !p.Captured.IsZero():
		share = float64(p.Captured.Sub(b.from)) / float64(b.to.Sub(b.from))
	}
	share = min(max(share, 0), 1) // the total is an estimate
	text := fmt.Sprintf(" %3.0f %%  %.1f MB", 100*share, float64(p.Bytes)/1e6)
	if !p.Captured.IsZero() {
		text += "  " + p.Captured.Local().Format("15:04:05")
	}
	return barLine(string(b.camera), share, text, width)
}

// barLine is a bar of which a share, from 0 to 1, is full, between what it is of and a text.
func barLine(what string, share float64, text string, width int) string {
	room := min(width-len(what)-len(text)-3, 40)
	if room < 5 {
		return what + text
	}
	full := int(share * float64(room))
	return what + " [" + strings.Repeat("#", full) + strings.Repeat(" ", room-full) + "]" + text
}

// filesBar is the bar of something that goes through a recorder's files.
type filesBar struct {
	bar
	what string
}

func newFilesBar(out io.Writer, what string) *filesBar {
	b := &filesBar{what: what}
	b.out, b.visible = terminalOf(out)
	return b
}

func (b *filesBar) show(p recorder.Progress) {
	b.draw(func(width int) string { return b.line(p, width) })
}

func (b *filesBar) line(p recorder.Progress, width int) string {
	share := float64(p.Done) / float64(max(p.Total, 1))
	return barLine(b.what, share, fmt.Sprintf(" %3.0f %%  %d of %d files", 100*share, p.Done, p.Total), width)
}
