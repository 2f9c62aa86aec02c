package window

import (
	"encoding/binary"
	"errors"
	"image"

	"golang.org/x/image/vector"
)

// typeface reads the outlines of a TrueType font: as much of the format as the Go fonts use, whose
// bytes x/image carries. x/image's own reader would bring golang.org/x/text with it for one table of
// Macintosh characters. The bytes are the program's own and are trusted.
type typeface struct {
	cmap, glyf, hmtx, loca []byte
	unitsPerEm             int
	wideMetrics            int // glyphs with a width of their own
	longLoca               bool
}

var errTypeface = errors.New("not a TrueType font of the kind that is built in")

func newTypeface(ttf []byte) (*typeface, error) {
	if len(ttf) < 12 {
		return nil, errTypeface
	}
	tables := make(map[string][]byte)
	for i := range int(be16(ttf, 4)) {
		entry := ttf[12+16*i:]
		offset, length := binary.BigEndian.Uint32(entry[8:]), binary.BigEndian.Uint32(entry[12:])
		tables[string(entry[:4])] = ttf[offset:][:length]
	}
	head, hhea := tables["head"], tables["hhea"]
	if len(head) < 54 || len(hhea) < 36 {
		return nil, errTypeface
	}
	t := &typeface{
		glyf: tables["glyf"], hmtx: tables["hmtx"], loca: tables["loca"],
		unitsPerEm: int(be16(head, 18)), longLoca: be16(head, 50) != 0, wideMetrics: int(be16(hhea, 34)),
	}
	cmap := tables["cmap"]
	for i := range int(be16(cmap, 2)) {
		entry := cmap[4+8*i:]
		table := cmap[binary.BigEndian.Uint32(entry[4:]):]
		if be16(entry, 0) == 3 && be16(entry, 2) == 1 && be16(table, 0) == 4 { // Unicode, by ranges
			t.cmap = table
			return t, nil
		}
	}
	return nil, errTypeface
}

func be16(b []byte, i int) uint16  { return binary.BigEndian.Uint16(b[i:]) }
func signed16(b []byte, i int) int { return int(int16(be16(b, i))) }

// glyph returns the number of a character's glyph: 0, a box, where the font has none.
func (t *typeface) glyph(r rune) int {
	if r > 0xFFFF {
		return 0
	}
	segments := int(be16(t.cmap, 6)) // twice their number
	ends, starts := t.cmap[14:], t.cmap[16+segments:]
	deltas, offsets := starts[segments:], starts[2*segments:]
	for i := 0; i < segments; i += 2 {
		if uint16(r) > be16(ends, i) {
			continue
		}
		start := be16(starts, i)
		if uint16(r) < start {
			return 0
		}
		if offset := int(be16(offsets, i)); offset != 0 {
			number := be16(offsets, i+offset+2*int(uint16(r)-start))
			if number == 0 {
				return 0
			}
			return int(number + be16(deltas, i))
		}
		return int(uint16(r) + be16(deltas, i))
	}
	return 0
}

// advance is a glyph's width in pixels at em pixels.
func (t *typeface) advance(glyph, em int) float32 {
	i := min(glyph, t.wideMetrics-1)
	return float32(int(be16(t.hmtx, 4*i))*em) / float32(t.unitsPerEm)
}

// width is that of the text in pixels.
func (t *typeface) width(text string, em int) int {
	var sum float32
	for _, r := range text {
		sum += t.advance(t.glyph(r), em)
	}
	return int(sum + 0.999)
}

// draw makes the text into a mask of the given height, with its base line at the given one.
func (t *typeface) draw(text string, em, height, baseline int) *image.Alpha {
	mask := image.NewAlpha(image.Rect(0, 0, t.width(text, em)+1, height))
	paint := vector.NewRasterizer(mask.Rect.Dx(), height)
	at := transform{scale: float32(em) / float32(t.unitsPerEm), y: float32(baseline)}
	for _, r := range text {
		glyph := t.glyph(r)
		t.trace(paint, glyph, at, 0)
		at.x += t.advance(glyph, em)
	}
	paint.Draw(mask, mask.Rect, image.Opaque, image.Point{})
	return mask
}

// transform is from font units, y up, to pixels, y down.
type transform struct{ scale, x, y float32 }

func (t transform) apply(p point) (x, y float32) {
	return t.x + t.scale*float32(p.x), t.y - t.scale*float32(p.y)
}

// point is one of an outline, in font units. Those that are off it bend it.
type point struct {
	x, y int
	on   bool
}

func middle(a, b point) point { return point{(a.x + b.x) / 2, (a.y + b.y) / 2, true} }

// mostNesting bounds glyphs that are made of glyphs.
const mostNesting = 4

// trace draws a glyph's outlines.
func (t *typeface) trace(paint *vector.Rasterizer, glyph int, at transform, nesting int) {
	data := t.outline(glyph)
	if len(data) == 0 || nesting > mostNesting { // a space
		return
	}
	contours := signed16(data, 0)
	if contours < 0 {
		t.traceParts(paint, data[10:], at, nesting)
		return
	}
	points, ends := simplePoints(data[10:], contours)
	first := 0
	for _, end := range ends {
		traceContour(paint, points[first:end+1], at)
		first = end + 1
	}
}

func (t *typeface) outline(glyph int) []byte {
	if t.longLoca {
		return t.glyf[binary.BigEndian.Uint32(t.loca[4*glyph:]):binary.BigEndian.Uint32(t.loca[4*glyph+4:])]
	}
	return t.glyf[2*int(be16(t.loca, 2*glyph)) : 2*int(be16(t.loca, 2*glyph+2))]
}

// traceParts draws a glyph that is made of others, such as a letter and its accent. Parts that are
// turned or scaled are drawn as they are: the Go fonts have none.
func (t *typeface) traceParts(paint *vector.Rasterizer, data []byte, at transform, nesting int) {
	const wide, offsets, scaled, more, scaledXY, matrix = 0x01, 0x02, 0x08, 0x20, 0x40, 0x80
	for {
		flags, part := be16(data, 0), int(be16(data, 2))
		var dx, dy int
		if data = data[4:]; flags&wide != 0 {
			dx, dy, data = signed16(data, 0), signed16(data, 2), data[4:]
		} else {
			dx, dy, data = int(int8(data[0])), int(int8(data[1])), data[2:]
		}
		moved := at
		if flags&offsets != 0 {
			moved.x, moved.y = at.apply(point{x: dx, y: dy})
		}
		t.trace(paint, part, moved, nesting+1)
		switch {
		case flags&scaled != 0:
			data = data[2:]
		case flags&scaledXY != 0:
			data = data[4:]
		case flags&matrix != 0:
			data = data[8:]
		}
		if flags&more == 0 {
			return
		}
	}
}

// simplePoints reads the points of all contours and the index of each one's last.
func simplePoints(data []byte, contours int) (points []point, ends []int) {
	const on, shortX, shortY, repeat, sameX, sameY = 0x01, 0x02, 0x04, 0x08, 0x10, 0x20
	for i := range contours {
		ends = append(ends, int(be16(data, 2*i)))
	}
	if contours == 0 {
		return nil, nil
	}
	data = data[2*contours:]
	data = data[2+int(be16(data, 0)):] // the hinting program
	n := ends[contours-1] + 1
	flags := make([]byte, 0, n)
	for len(flags) < n {
		flag, times := data[0], 1
		data = data[1:]
		if flag&repeat != 0 {
			times += int(data[0])
			data = data[1:]
		}
		for range times {
			flags = append(flags, flag)
		}
	}
	coordinate := func(flag, short, same byte, last int) int {
		switch {
		case flag&short != 0:
			d := int(data[0])
			if data = data[1:]; flag&same == 0 {
				d = -d
			}
			return last + d
		case flag&same == 0:
			last += signed16(data, 0)
			data = data[2:]
		}
		return last
	}
	points = make([]point, n)
	last := 0
	for i := range points {
		last = coordinate(flags[i], shortX, sameX, last)
		points[i] = point{x: last, on: flags[i]&on != 0}
	}
	last = 0
	for i := range points {
		last = coordinate(flags[i], shortY, sameY, last)
		points[i].y = last
	}
	return points, ends
}

// traceContour draws a closed line of straight parts and quadratic curves. Between two points off
// the line there is one on it that the font does not say.
func traceContour(paint *vector.Rasterizer, c []point, at transform) {
	if len(c) < 2 {
		return
	}
	start := c[0]
	if !start.on {
		if last := c[len(c)-1]; last.on {
			start = last
		} else {
			start = middle(start, last)
		}
	}
	x, y := at.apply(start)
	paint.MoveTo(x, y)
	var bend *point
	to := func(p point) {
		x, y := at.apply(p)
		if bend == nil {
			paint.LineTo(x, y)
			return
		}
		bx, by := at.apply(*bend)
		paint.QuadTo(bx, by, x, y)
		bend = nil
	}
	for i := range c {
		p := c[i]
		switch {
		case p.on:
			to(p)
		case bend != nil:
			to(middle(*bend, p))
			bend = &c[i]
		default:
			bend = &c[i]
		}
	}
	to(start)
	paint.ClosePath()
}
