package cli

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
)

// progressBar shows on a terminal how far an export is; elsewhere it shows nothing.
type progressBar struct {
	out      terminal
	visible  bool
	camera   frame.CameraID
	from, to time.Time

	shown time.Time
	drawn bool
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
	if now := time.Now(); b.visible && now.Sub(b.shown) >= barEvery {
		b.shown = now
		width, _ := b.out.size()
		b.drawn = b.out.write("\r"+b.line(p, width-1)+"\x1b[K") == nil
	}
}

// clear takes the bar away.
func (b *progressBar) clear() {
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
	room := min(width-len(string(b.camera))-len(text)-3, 40)
	if room < 5 {
		return string(b.camera) + text
	}
	full := int(share * float64(room))
	return string(b.camera) + " [" + strings.Repeat("#", full) + strings.Repeat(" ", room-full) + "]" + text
}
