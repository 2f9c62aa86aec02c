package cli

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/lensbus/lensbus/frame"
)

// topView is what top shows: the cameras, where the eye is, and the size that there is for it. It
// knows no terminal; render is one text for it.
type topView struct {
	colour    bool
	server    string
	connected bool
	note      string // the last thing that went wrong

	width, height int

	cameras []camera
	now     time.Time
	columns []column
	sort    int // index in columns
	reverse bool
	first   int // the camera on the first line
}

func newTopView(colour bool) *topView {
	return &topView{colour: colour, width: 80, height: 24, columns: slices.Concat(cameraColumns(), wideColumns()[:1], []column{reasonColumn()})}
}

// topLines are those beside the cameras': two above the titles, the titles, one below.
const topLines = 4

func (v *topView) update(cameras []camera, now time.Time) {
	v.cameras, v.now = cameras, now
	v.arrange()
}

// arrange sorts the cameras and keeps the place within them.
func (v *topView) arrange() {
	order := v.columns[v.sort].order
	slices.SortStableFunc(v.cameras, func(a, b camera) int {
		way := order(a, b)
		if v.reverse {
			way = -way
		}
		if way == 0 {
			way = strings.Compare(string(a.ID), string(b.ID))
		}
		return way
	})
	v.first = max(0, min(v.first, len(v.cameras)-v.room()))
}

func (v *topView) room() int { return max(1, v.height-topLines) }

// press does what a key says, and is true for the one that ends it.
func (v *topView) press(k key) (quit bool) {
	switch k {
	case keyQuit:
		return true
	case keySort:
		for v.sort = (v.sort + 1) % len(v.columns); v.columns[v.sort].order == nil; {
			v.sort = (v.sort + 1) % len(v.columns)
		}
	case keyReverse:
		v.reverse = !v.reverse
	case keyUp:
		v.first--
	case keyDown:
		v.first++
	case keyPageUp:
		v.first -= v.room()
	case keyPageDown:
		v.first += v.room()
	case keyHome:
		v.first = 0
	case keyEnd:
		v.first = len(v.cameras)
	}
	v.arrange()
	return false
}

// The colours, as terminals have them (ECMA-48, SGR).
const (
	styleNone   = ""
	styleBold   = "1"
	styleMarked = "1;4"
	styleFaint  = "2"
	styleRed    = "31"
	styleGreen  = "32"
	styleYellow = "33"
)

func (v *topView) style(style, text string) string {
	if style == styleNone || !v.colour && (style != styleBold && style != styleMarked) {
		return text
	}
	return "\x1b[" + style + "m" + text + "\x1b[0m"
}

// render is the whole screen, line by line from the top, so that nothing flickers.
func (v *topView) render() string {
	lines := []string{v.style(styleBold, cut(v.summary(), v.width)), cut(v.totals(), v.width)}
	sheet := lay(v.columns, v.cameras, v.width)
	// The last line says what follows, so a line of cameras is the least there is.
	lines = append(lines, clip(sheet.head(func(title, cell string) string {
		if title == v.columns[v.sort].title {
			return v.style(styleMarked, cell)
		}
		return v.style(styleBold, cell)
	}), v.width))
	last := min(len(v.cameras), v.first+v.room())
	for _, c := range v.cameras[v.first:last] {
		lines = append(lines, clip(sheet.line(c, func(title, cell string) string { return v.style(paint(c, title), cell) }), v.width))
	}
	for len(lines) < v.height-1 {
		lines = append(lines, "")
	}
	lines = append(lines[:max(0, min(len(lines), v.height-1))], v.style(styleFaint, cut(v.footer(last), v.width)))
	var b strings.Builder
	b.WriteString("\x1b[H")
	for i, line := range lines {
		if i > 0 {
			b.WriteString("\r\n")
		}
		// Cleared before it is written: after a line as wide as the screen its last cell would go.
		b.WriteString("\x1b[K" + line)
	}
	return b.String()
}

// summary is the first line: how many cameras there are in which state.
func (v *topView) summary() string {
	count := make(map[string]int)
	for _, c := range v.cameras {
		count[stateText(c)]++
	}
	text := fmt.Sprintf("%d cameras", len(v.cameras))
	if len(v.cameras) == 1 {
		text = "1 camera"
	}
	sep := ": "
	for _, state := range []string{"silent", string(frame.StateLost), string(frame.StateFrozen), string(frame.StateOpening), string(frame.StateIdle), string(frame.StateLive)} {
		if count[state] > 0 {
			text += fmt.Sprintf("%s%d %s", sep, count[state], state)
			sep = ", "
		}
	}
	server := v.server
	if !v.connected {
		server += " NOT CONNECTED"
	}
	return fmt.Sprintf("%s  %s  %s", v.now.Format(time.TimeOnly), text, server)
}

// totals is the second line: what all cameras send together, and why pictures were dropped.
func (v *topView) totals() string {
	var fps, bits float64
	reasons, unstored := make(map[string]uint64), make(map[string]uint64)
	for _, c := range v.cameras {
		if c.Silent {
			continue
		}
		fps += c.FPS
		bits += c.BitRate
		for reason, n := range c.Dropped {
			reasons[reason] += n
		}
		for reason, n := range c.Unstored {
			unstored[reason] += n
		}
	}
	text := fmt.Sprintf("%s frames/s  %.1f Mbit/s", short(fps), bits/1e6)
	if drops := reasonsText(reasons, 0); drops != "" {
		text += "  dropped: " + drops
	}
	if holes := reasonsText(unstored, 0); holes != "" {
		text += "  unstored: " + holes
	}
	return text
}

// footer is the last line: the keys, or what went wrong.
func (v *topView) footer(last int) string {
	if v.note != "" {
		return v.note
	}
	text := "q quit  s sort: " + strings.ToLower(v.columns[v.sort].title)
	if v.reverse {
		text += " reversed"
	}
	text += "  r reverse  arrows scroll"
	if len(v.cameras) > v.room() {
		text += fmt.Sprintf("  %d to %d of %d", v.first+1, last, len(v.cameras))
	}
	return text
}

// paint is the style of a camera's cell.
func paint(c camera, title string) string {
	switch title {
	case titleState:
		switch {
		case c.Silent, c.State == frame.StateLost, c.State == frame.StateFrozen:
			return styleRed
		case c.State == frame.StateLive:
			return styleGreen
		}
		return styleYellow
	case titleAge:
		if c.State == frame.StateLive && c.Age != nil && *c.Age > 1 {
			return styleYellow
		}
	case titleDrops:
		if dropped(c.Status) > 0 {
			return styleYellow
		}
	}
	return styleNone
}

// clip cuts a line that may have colours in it to a width.
func clip(line string, width int) string {
	n, styled := 0, false
	for i := 0; i < len(line); {
		if line[i] == 0x1b {
			end := strings.IndexByte(line[i:], 'm')
			if end < 0 {
				return line[:i]
			}
			i += end + 1
			styled = true
			continue
		}
		r, size := utf8.DecodeRuneInString(line[i:])
		if n += runeWidth(r); n > width {
			if styled {
				return line[:i] + "\x1b[0m"
			}
			return line[:i]
		}
		i += size
	}
	return line
}
