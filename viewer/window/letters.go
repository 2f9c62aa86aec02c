package window

import (
	"fmt"
	"image"
	"strings"

	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/goregular"
)

// words are text in one colour.
type words struct {
	text string
	ink  colour
	bold bool
}

// letters makes text into masks to paint through. It is for one goroutine.
type letters struct {
	regular, bold *typeface
	masks         map[maskKey]*image.Alpha
}

type maskKey struct {
	text string
	bold bool
	em   int // pixels
}

// mostMasks bounds the cache: texts with numbers in them are new all the time.
const mostMasks = 512

func newLetters() (*letters, error) {
	l := &letters{masks: make(map[maskKey]*image.Alpha)}
	var err error
	if l.regular, err = newTypeface(goregular.TTF); err != nil {
		return nil, fmt.Errorf("read the built-in font: %w", err)
	}
	if l.bold, err = newTypeface(gobold.TTF); err != nil {
		return nil, fmt.Errorf("read the built-in font: %w", err)
	}
	return l, nil
}

// lineHeight is from one line of text to the next, in pixels.
func lineHeight(em int) int { return em * 4 / 3 }

func (l *letters) face(w words) *typeface {
	if w.bold {
		return l.bold
	}
	return l.regular
}

// mask is as wide as the text and [lineHeight] high.
func (l *letters) mask(w words, em int) *image.Alpha {
	key := maskKey{w.text, w.bold, em}
	if mask, ok := l.masks[key]; ok {
		return mask
	}
	if len(l.masks) >= mostMasks {
		clear(l.masks)
	}
	mask := l.face(w).draw(w.text, em, lineHeight(em), em+em/24)
	l.masks[key] = mask
	return mask
}

// width is that of the words in pixels.
func (l *letters) width(w words, em int) int { return l.mask(w, em).Rect.Dx() }

// draw writes the words with their upper left corner at the given point and returns their width.
func (l *letters) draw(on *pixels, w words, em int, at image.Point) int {
	mask := l.mask(w, em)
	on.blend(mask, at, w.ink)
	return mask.Rect.Dx()
}

// shorten cuts the words' end off until they are at most width wide.
func (l *letters) shorten(w words, em, width int) words {
	if l.width(w, em) <= width {
		return w
	}
	runes := []rune(w.text)
	for n := len(runes) - 1; n > 0; n-- {
		short := w
		short.text = strings.TrimRight(string(runes[:n]), " ") + "…"
		if l.face(w).width(short.text, em) < width {
			return short
		}
	}
	w.text = ""
	return w
}

// wrap breaks the words into at most n lines of the given width; what does not fit is cut off.
func (l *letters) wrap(w words, em, width, n int) []words {
	var lines []words
	face := l.face(w)
	rest := strings.Fields(w.text)
	for len(rest) > 0 && len(lines) < n {
		line, taken := rest[0], 1
		for taken < len(rest) && face.width(line+" "+rest[taken], em) < width {
			line += " " + rest[taken]
			taken++
		}
		if len(lines) == n-1 { // the last line takes all that is left
			line, taken = strings.Join(rest, " "), len(rest)
		}
		rest = rest[taken:]
		lines = append(lines, l.shorten(words{line, w.ink, w.bold}, em, width))
	}
	return lines
}
