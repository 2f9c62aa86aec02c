package window

import (
	"bytes"
	"image"
	"slices"
)

// pixels is a decoded picture or the window's own: 3 bytes a pixel in OpenCV's order, blue, green,
// red; rows follow each other without padding.
type pixels struct {
	data          []byte
	width, height int
	clip          image.Rectangle // all that may be painted on; empty: everything
}

// colour is 0xRRGGBB.
type colour uint32

func (c colour) bgr() [3]byte { return [3]byte{byte(c), byte(c >> 8), byte(c >> 16)} }

func (p *pixels) size() image.Point       { return image.Pt(p.width, p.height) }
func (p *pixels) bounds() image.Rectangle { return image.Rect(0, 0, p.width, p.height) }

// within is the part of r that may be painted on.
func (p *pixels) within(r image.Rectangle) image.Rectangle {
	r = r.Intersect(p.bounds())
	if !p.clip.Empty() {
		r = r.Intersect(p.clip)
	}
	return r
}

// resize makes p of the given size, with its memory where that suffices. What it shows is undefined.
func (p *pixels) resize(size image.Point) {
	p.width, p.height = size.X, size.Y
	p.data = slices.Grow(p.data[:0], size.X*size.Y*3)[:size.X*size.Y*3]
}

// row is the part of row y from x0 to x1.
func (p *pixels) row(y, x0, x1 int) []byte {
	start := y * p.width * 3
	return p.data[start+x0*3 : start+x1*3]
}

// fill paints r in one colour.
func (p *pixels) fill(r image.Rectangle, c colour) {
	r = p.within(r)
	if r.Empty() {
		return
	}
	first, dot := p.row(r.Min.Y, r.Min.X, r.Max.X), c.bgr()
	for i := 0; i < len(first); i += 3 {
		copy(first[i:], dot[:])
	}
	for y := r.Min.Y + 1; y < r.Max.Y; y++ {
		copy(p.row(y, r.Min.X, r.Max.X), first)
	}
}

// shade darkens r: of each pixel, keep in 256 is left.
func (p *pixels) shade(r image.Rectangle, keep int) {
	r = p.within(r)
	if r.Empty() {
		return
	}
	var dark [256]byte
	for v := range dark {
		dark[v] = byte(v * keep >> 8)
	}
	for y := r.Min.Y; y < r.Max.Y; y++ {
		row := p.row(y, r.Min.X, r.Max.X)
		for i, v := range row {
			row[i] = dark[v]
		}
	}
}

// grey takes most of the colour out of r, so that nobody takes the picture for a live one.
func (p *pixels) grey(r image.Rectangle) {
	r = p.within(r)
	for y := r.Min.Y; y < r.Max.Y; y++ {
		row := p.row(y, r.Min.X, r.Max.X)
		for i := 0; i+2 < len(row); i += 3 {
			luma := (29*int(row[i]) + 150*int(row[i+1]) + 77*int(row[i+2])) >> 8
			row[i] = byte((int(row[i]) + 3*luma) >> 2)
			row[i+1] = byte((int(row[i+1]) + 3*luma) >> 2)
			row[i+2] = byte((int(row[i+2]) + 3*luma) >> 2)
		}
	}
}

// place copies src into r. Where src is not of r's size, as between a change of the window's size
// and the next decoded picture, the nearest pixels are taken.
func (p *pixels) place(src *pixels, r image.Rectangle) {
	visible := p.within(r)
	if visible.Empty() || src.width == 0 || src.height == 0 {
		return
	}
	for y := visible.Min.Y; y < visible.Max.Y; y++ {
		from := src.row((y-r.Min.Y)*src.height/r.Dy(), 0, src.width)
		to := p.row(y, visible.Min.X, visible.Max.X)
		if r.Dx() == src.width {
			copy(to, from[(visible.Min.X-r.Min.X)*3:])
			continue
		}
		for i := range visible.Dx() {
			x := (visible.Min.X - r.Min.X + i) * src.width / r.Dx()
			copy(to[i*3:i*3+3], from[x*3:])
		}
	}
}

// blend paints c where the mask says, as much as it says, with the mask's corner at the given point.
func (p *pixels) blend(mask *image.Alpha, at image.Point, c colour) {
	r := mask.Rect.Sub(mask.Rect.Min).Add(at)
	visible, dot := p.within(r), c.bgr()
	for y := visible.Min.Y; y < visible.Max.Y; y++ {
		cover := mask.Pix[(y-r.Min.Y)*mask.Stride+visible.Min.X-r.Min.X:]
		row := p.row(y, visible.Min.X, visible.Max.X)
		for i := range visible.Dx() {
			a := int(cover[i])
			if a == 0 {
				continue
			}
			for k := range dot {
				v := &row[i*3+k]
				*v = byte(int(*v) + (int(dot[k])-int(*v))*a/255)
			}
		}
	}
}

// mostScans is more than any encoder makes of a progressive JPEG. A decoder goes over the whole
// picture once a scan, so that a few MB of empty scans would keep it busy for minutes.
const mostScans = 64

// tooManyScans looks for the marker of a scan, which cannot occur inside encoded pixels.
func tooManyScans(jpeg []byte) bool { return bytes.Count(jpeg, []byte{0xFF, 0xDA}) > mostScans }
