package window

import (
	"image"
	"strconv"
)

// The window's colours. Text is light on a dark band whatever the picture is, so that it can always
// be read.
const (
	inkPlain   colour = 0xF4F4F4
	inkFaint   colour = 0xB4BAC0
	inkWarning colour = 0xFFC04D
	inkLive    colour = 0x58D68D
	inkNone    colour = 0xFF6B5E

	paperWindow colour = 0x050607
	paperTile   colour = 0x16191D
)

// How much of the picture shows through, in 256.
const (
	keepBand   = 72  // below a line of text
	keepStale  = 100 // in a picture that is no longer live
	keepNotice = 60  // below a message
)

// tile is what the window shows of one camera.
type tile struct {
	at      image.Rectangle
	number  int // the key that zooms it; 0: none
	name    string
	picture *pixels // nil: none to show
	stale   bool    // the picture is not live
	label   []words
	// title and lines stand in the middle: what is shown in place of a live picture.
	title string
	lines []string
}

// painter draws tiles and messages.
type painter struct {
	letters *letters
}

// emOf is the size of a tile's letters in pixels: in proportion to the tile, so that they are read
// as well on a screen of many small pixels, and never too small to read.
func emOf(at image.Rectangle) int {
	return min(max(min(at.Dy()/30, at.Dx()/36), 12), 48)
}

// tile draws t and nothing outside it.
func (p *painter) tile(on *pixels, t tile) {
	if t.at.Intersect(on.bounds()).Empty() {
		return
	}
	on.clip = t.at
	defer func() { on.clip = image.Rectangle{} }()
	on.fill(t.at, paperTile)
	if t.picture != nil {
		r := fit(t.picture.size(), t.at)
		on.fill(t.at, paperWindow)
		on.place(t.picture, r)
		if t.stale {
			on.grey(r)
			on.shade(r, keepStale)
		}
	}
	em := emOf(t.at)
	p.band(on, t, em)
	if t.title != "" {
		p.notice(on, t, em)
	}
}

// band draws the line at the top: a light, the key, the name, and as much of the label as fits.
func (p *painter) band(on *pixels, t tile, em int) {
	pad := em / 2
	band := t.at
	band.Max.Y = min(band.Min.Y+lineHeight(em)+pad, t.at.Max.Y)
	light := inkLive
	switch {
	case t.stale:
		light = inkNone
	case t.picture == nil:
		light = inkFaint
	}
	name := []words{{text: "●", ink: light}}
	if t.number > 0 {
		name = append(name, words{text: strconv.Itoa(t.number), ink: inkFaint})
	}
	space := t.at.Dx() - 2*pad
	for _, w := range name {
		space -= p.letters.width(w, em) + pad
	}
	name = append(name, p.letters.shorten(words{text: t.name, ink: inkPlain, bold: true}, em, space))
	space -= p.letters.width(name[len(name)-1], em)

	on.shade(band, keepBand)
	at := band.Min.Add(image.Pt(pad, pad/2))
	for _, w := range name {
		at.X += p.letters.draw(on, w, em, at) + pad
	}
	for _, w := range t.label {
		space -= pad + p.letters.width(w, em)
		if space < 0 {
			return
		}
		at.X += pad/2 + p.letters.draw(on, w, em, at) + pad/2
	}
}

// notice draws title and lines in the middle of the tile.
func (p *painter) notice(on *pixels, t tile, em int) {
	big := em * 3 / 2
	inner := t.at.Dx() - 2*em
	title := p.letters.shorten(words{text: t.title, ink: inkPlain, bold: true}, big, inner)
	var lines []words
	for _, text := range t.lines {
		lines = append(lines, p.letters.wrap(words{text: text, ink: inkFaint}, em, inner, 3)...)
	}
	room := t.at.Dy() - 2*lineHeight(em) - lineHeight(big) // below the band
	lines = lines[:min(len(lines), max(0, room/lineHeight(em)))]
	p.block(on, t.at, append([]words{title}, lines...), func(i int) int {
		if i == 0 {
			return big
		}
		return em
	})
}

// block draws lines, each in the middle of its own width, on a dark ground in the middle of within.
func (p *painter) block(on *pixels, within image.Rectangle, lines []words, em func(i int) int) {
	width, height := 0, 0
	for i, w := range lines {
		width = max(width, p.letters.width(w, em(i)))
		height += lineHeight(em(i))
	}
	pad := em(len(lines) - 1)
	middle := within.Min.Add(within.Max).Div(2)
	ground := image.Rect(middle.X-width/2-pad, middle.Y-height/2-pad/2, middle.X+(width+1)/2+pad, middle.Y+(height+1)/2+pad/2)
	on.shade(ground.Intersect(within), keepNotice)
	y := middle.Y - height/2
	for i, w := range lines {
		p.letters.draw(on, w, em(i), image.Pt(middle.X-p.letters.width(w, em(i))/2, y))
		y += lineHeight(em(i))
	}
}

// help draws the keys and what they do over everything.
func (p *painter) help(on *pixels, keys [][2]string, em int) {
	keyWidth, textWidth := 0, 0
	for _, k := range keys {
		keyWidth = max(keyWidth, p.letters.width(words{text: k[0], ink: inkPlain, bold: true}, em))
		textWidth = max(textWidth, p.letters.width(words{text: k[1], ink: inkPlain}, em))
	}
	width, height := keyWidth+em+textWidth, len(keys)*lineHeight(em)
	at := on.size().Sub(image.Pt(width, height)).Div(2)
	on.shade(image.Rectangle{Min: at, Max: at.Add(image.Pt(width, height))}.Inset(-em), keepNotice)
	for _, k := range keys {
		p.letters.draw(on, words{text: k[0], ink: inkPlain, bold: true}, em, at)
		p.letters.draw(on, words{text: k[1], ink: inkPlain}, em, at.Add(image.Pt(keyWidth+em, 0)))
		at.Y += lineHeight(em)
	}
}

// toast draws one line at the bottom.
func (p *painter) toast(on *pixels, w words, em int) {
	w = p.letters.shorten(w, em, on.width-2*em)
	width := p.letters.width(w, em)
	at := image.Pt((on.width-width)/2, on.height-2*lineHeight(em))
	ground := image.Rectangle{Min: at, Max: at.Add(image.Pt(width, lineHeight(em)))}
	on.shade(image.Rect(ground.Min.X-em, ground.Min.Y-em/4, ground.Max.X+em, ground.Max.Y+em/4), keepNotice)
	p.letters.draw(on, w, em, at)
}
