package source

import (
	"fmt"
	"hash/fnv"
	"image"
	"image/color"
	"math"
	"time"

	"golang.org/x/image/font/basicfont"
	"golang.org/x/image/math/fixed"
)

// pattern draws the test picture: colour bars, the camera's name on a colour of its own, a moving
// disc, the time and the frame number for people and the frame number for programs. Only what
// changes is drawn again.
type pattern struct {
	picture *image.YCbCr
	encoder *stripEncoder

	band   image.Rectangle // in which the disc moves
	ground color.YCbCr     // of the band
	disc   image.Rectangle // as drawn last

	clock, number textLine
}

const clockFormat = "2006-01-02 15:04:05.000"

func newPattern(width, height, quality int, camera string) *pattern {
	p := &pattern{picture: image.NewYCbCr(image.Rect(0, 0, width, height), image.YCbCrSubsampleRatio420)}
	p.encoder = newStripEncoder(p.picture, quality)
	rows := func(from, to float64) image.Rectangle { // fractions of the height, at whole strips
		align := func(f float64) int { return int(f*float64(height)) / stripHeight * stripHeight }
		return image.Rect(0, align(from), width, align(to))
	}

	if camera == "" {
		camera = "test"
	}
	hash := fnv.New32a()
	_, _ = hash.Write([]byte(camera))
	hue := float64(hash.Sum32()%360) / 360

	own := hsv(hue, 0.65, 0.5)
	fill(p.picture, p.picture.Rect, own)
	bars := rows(0, 0.3)
	for i := range 8 {
		bar := bars
		bar.Min.X, bar.Max.X = width*i/8, width*(i+1)/8
		fill(p.picture, bar, barColour(i))
	}
	label := textLine{panel: rows(0.3, 0.45), columns: max(len(camera)+1, 12), ground: own.Y}
	label.draw(p.picture, camera)

	p.band, p.ground = rows(0.46, 0.62), hsv(hue, 0.5, 0.25)
	fill(p.picture, p.band, p.ground)
	p.clock = textLine{panel: rows(0.64, 0.76), columns: len(clockFormat) + 1}
	p.number = textLine{panel: rows(0.78, 0.92), columns: 17}
	black := color.YCbCr{Cb: 128, Cr: 128}
	fill(p.picture, p.clock.panel, black)
	fill(p.picture, p.number.panel, black)
	fill(p.picture, numberRow(p.picture.Rect), black)
	return p
}

// draw makes the picture of frame n, taken at now, moving for elapsed.
func (p *pattern) draw(n uint32, now time.Time, elapsed time.Duration) {
	p.moveDisc(elapsed)
	p.clock.draw(p.picture, now.Format(clockFormat))
	p.encoder.changed(p.clock.panel.Min.Y, p.clock.panel.Min.Y+p.clock.height())
	p.number.draw(p.picture, fmt.Sprintf("frame %d", n))
	p.encoder.changed(p.number.panel.Min.Y, p.number.panel.Min.Y+p.number.height())
	p.drawNumber(n)
}

// moveDisc lets the disc go from left to right and back once in four seconds.
func (p *pattern) moveDisc(elapsed time.Duration) {
	size := min(p.band.Dy(), p.band.Dx()/2) &^ 1
	if size < 4 {
		return
	}
	_, phase := math.Modf(elapsed.Seconds() / 4)
	way := 1 - math.Abs(2*phase-1)
	left := int(way*float64(p.band.Dx()-size)) &^ 1
	top := p.band.Min.Y

	fill(p.picture, p.disc, p.ground)
	p.disc = image.Rect(left, top, left+size, top+size)
	radius := float64(size) / 2
	paint := hsv(0.14, 0.8, 1)
	for y := 0; y < size; y += 2 {
		dy := radius - float64(y) - 1
		half := int(math.Sqrt(max(radius*radius-dy*dy, 0))) &^ 1
		middle := left + size/2
		fill(p.picture, image.Rect(middle-half, top+y, middle+half, top+y+2), paint)
	}
	p.encoder.changed(p.disc.Min.Y, p.disc.Max.Y)
}

// drawNumber writes the row that ReadTestNumber reads.
func (p *pattern) drawNumber(n uint32) {
	row := numberRow(p.picture.Rect)
	code := numberCode(n)
	first := p.picture.Y[p.picture.YOffset(0, row.Min.Y):][:row.Dx()]
	for i := range numberCells {
		level := byte(0)
		if code>>(numberCells-1-i)&1 == 1 {
			level = 255
		}
		for x := row.Dx() * i / numberCells; x < row.Dx()*(i+1)/numberCells; x++ {
			first[x] = level
		}
	}
	for y := row.Min.Y + 1; y < row.Max.Y; y++ {
		copy(p.picture.Y[p.picture.YOffset(0, y):], first)
	}
	p.encoder.changed(row.Min.Y, row.Max.Y)
}

// textLine is one line of large letters; those that stay the same are not drawn again. It writes
// luma only: the panel's colour is the letters' colour too.
type textLine struct {
	panel   image.Rectangle
	columns int  // that must fit the panel's width
	ground  byte // luma behind the letters
	shown   string
}

const letterWidth, letterHeight = 7, 13 // pixels of basicfont.Face7x13

// scale is the size of a letter's dot in pixels, 0 where the panel is too small for letters.
func (t *textLine) scale() int {
	return min(t.panel.Dx()/(letterWidth*t.columns), t.panel.Dy()/letterHeight)
}

// height is that of the letters in pixels.
func (t *textLine) height() int { return letterHeight * t.scale() }

func (t *textLine) draw(picture *image.YCbCr, text string) {
	scale := t.scale()
	if scale == 0 {
		return
	}
	for i := range max(len(text), len(t.shown)) {
		letter := byte(' ')
		if i < len(text) {
			letter = text[i]
		}
		if i < len(t.shown) && t.shown[i] == letter {
			continue
		}
		at := t.panel.Min.Add(image.Pt((i*letterWidth+letterWidth/2)*scale, 0))
		t.drawLetter(picture, at, rune(letter))
	}
	t.shown = text
}

func (t *textLine) drawLetter(picture *image.YCbCr, at image.Point, letter rune) {
	const ink = 255
	face, scale := basicfont.Face7x13, t.scale()
	fillLuma(picture, image.Rect(0, 0, letterWidth*scale, letterHeight*scale).Add(at).Intersect(t.panel), t.ground)
	box, mask, from, _, ok := face.Glyph(fixed.P(0, face.Ascent), letter)
	if !ok {
		return
	}
	for y := range box.Dy() {
		for x := range box.Dx() {
			if _, _, _, a := mask.At(from.X+x, from.Y+y).RGBA(); a == 0 {
				continue
			}
			dot := image.Rect(box.Min.X+x, box.Min.Y+y, box.Min.X+x+1, box.Min.Y+y+1)
			dot = image.Rect(dot.Min.X*scale, dot.Min.Y*scale, dot.Max.X*scale, dot.Max.Y*scale)
			fillLuma(picture, dot.Add(at).Intersect(t.panel), ink)
		}
	}
}

func fillLuma(picture *image.YCbCr, r image.Rectangle, level byte) {
	if r.Empty() {
		return
	}
	for y := r.Min.Y; y < r.Max.Y; y++ {
		setAll(picture.Y[picture.YOffset(r.Min.X, y):][:r.Dx()], level)
	}
}

// fill paints r. Where its sides are odd, the colour (not the brightness) of the pixels next to it
// changes too: two by two pixels share one.
func fill(picture *image.YCbCr, r image.Rectangle, c color.YCbCr) {
	r = r.Intersect(picture.Rect)
	if r.Empty() {
		return
	}
	fillLuma(picture, r, c.Y)
	half := (r.Max.X+1)/2 - r.Min.X/2
	for y := r.Min.Y &^ 1; y < r.Max.Y; y += 2 {
		at := picture.COffset(r.Min.X, y)
		setAll(picture.Cb[at:][:half], c.Cb)
		setAll(picture.Cr[at:][:half], c.Cr)
	}
}

func setAll(row []byte, value byte) {
	for i := range row {
		row[i] = value
	}
}

// barColour is the i-th of eight colour bars: white, yellow, cyan, green, magenta, red, blue, black.
func barColour(i int) color.YCbCr {
	level := func(bit int) byte {
		if (7-i)>>bit&1 == 1 {
			return 235
		}
		return 16
	}
	y, cb, cr := color.RGBToYCbCr(level(1), level(2), level(0))
	return color.YCbCr{Y: y, Cb: cb, Cr: cr}
}

// hsv is the colour of a hue, a saturation and a brightness, each 0 to 1.
func hsv(h, s, v float64) color.YCbCr {
	channel := func(n float64) byte {
		k := math.Mod(n+h*6, 6)
		return byte(255 * (v - v*s*max(0, min(k, 4-k, 1))))
	}
	y, cb, cr := color.RGBToYCbCr(channel(5), channel(3), channel(1))
	return color.YCbCr{Y: y, Cb: cb, Cr: cr}
}
