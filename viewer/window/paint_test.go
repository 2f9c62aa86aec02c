package window

import (
	"bytes"
	"image"
	"strings"
	"testing"

	"golang.org/x/image/font/gofont/goregular"
)

func newTestPainter(t *testing.T) painter {
	t.Helper()
	l, err := newLetters()
	if err != nil {
		t.Fatal(err)
	}
	return painter{l}
}

// TestTypefaceShapes reads letters whose shape is known: a T is a bar on a stem, an l is a
// stem, a dot is at the base line.
func TestTypefaceShapes(t *testing.T) {
	face, err := newTypeface(goregular.TTF)
	if err != nil {
		t.Fatal(err)
	}
	const em, height, base = 100, 140, 105
	inked := func(text string) (box image.Rectangle, cover int) {
		mask := face.draw(text, em, height, base)
		for y := range height {
			for x := range mask.Rect.Dx() {
				if a := mask.AlphaAt(x, y).A; a > 0 {
					cover += int(a)
					box = box.Union(image.Rect(x, y, x+1, y+1))
				}
			}
		}
		return box, cover / 255
	}
	box, cover := inked("T")
	if box.Max.Y < base-1 || box.Max.Y > base+1 || box.Dy() < 65 || box.Dy() > 80 || cover > box.Dx()*box.Dy()/2 || cover < box.Dy()*5 {
		t.Errorf("T: %v, %d pixels", box, cover)
	}
	if dot, _ := inked("."); dot.Dy() > 20 || dot.Max.Y < base-1 || dot.Max.Y > base+1 {
		t.Errorf(".: %v", dot)
	}
	// An o has a hole: its middle is not inked.
	if o := face.draw("o", em, height, base); o.AlphaAt(o.Rect.Dx()/2, base-27).A != 0 {
		t.Error("the hole of the o is filled")
	}
	// A letter with an accent is made of two glyphs and higher than the letter.
	plain, _ := inked("e")
	if accented, _ := inked("é"); accented.Min.Y >= plain.Min.Y-5 || accented.Max.Y != plain.Max.Y {
		t.Errorf("é: %v, e: %v", accented, plain)
	}
	if _, cover := inked(" "); cover != 0 {
		t.Error("a space is inked")
	}
	if a, b := face.width("ab", em), face.width("abab", em); b < 2*a-1 || b > 2*a+1 {
		t.Errorf("ab is %d wide, abab %d", a, b)
	}
	for _, r := range "…●äß–'\"|" {
		if face.glyph(r) == 0 {
			t.Errorf("the font has no %c", r)
		}
	}
	// Whatever a stranger writes can be drawn: every character there is, as a box at worst.
	for r := rune(0); r < 0x30000; r += 13 {
		face.draw(string(r), 12, 16, 12)
	}
	if _, err := newTypeface(nil); err == nil {
		t.Error("nothing is a font")
	}
}

func TestShortenAndWrap(t *testing.T) {
	l := newTestPainter(t).letters
	long := words{text: strings.Repeat("a camera's endless reason ", 20)}
	for _, width := range []int{0, 5, 40, 200, 600} {
		if w := l.shorten(long, 16, width); w.text != "" && l.width(w, 16) > width {
			t.Errorf("%q is wider than %d", w.text, width)
		}
		for _, w := range l.wrap(long, 16, width, 3) {
			if w.text != "" && l.width(w, 16) > width {
				t.Errorf("%q is wider than %d", w.text, width)
			}
		}
	}
	if lines := l.wrap(words{text: "one two"}, 16, 600, 3); len(lines) != 1 || lines[0].text != "one two" {
		t.Errorf("%v", lines)
	}
	lines := l.wrap(long, 16, 300, 3)
	if len(lines) != 3 || !strings.HasSuffix(lines[2].text, "…") {
		t.Errorf("%v", lines)
	}
}

// TestTileStaysInside paints tiles of all sizes, with all that can be said, next to a border that
// must not change, and over the canvas's edges.
func TestTileStaysInside(t *testing.T) {
	p := newTestPainter(t)
	picture := &pixels{}
	picture.resize(image.Pt(64, 48))
	picture.fill(picture.bounds(), 0x336699)
	for _, size := range []image.Point{{1, 1}, {3, 200}, {20, 15}, {90, 50}, {300, 200}, {700, 40}} {
		on := &pixels{}
		on.resize(size.Add(image.Pt(20, 20)))
		on.fill(on.bounds(), 0xABCDEF)
		at := image.Rectangle{Min: image.Pt(10, 10), Max: image.Pt(10, 10).Add(size)}
		full := tile{
			at: at, number: 9, name: strings.Repeat("w", 32), picture: picture, stale: true,
			label: facts{fps: 1000, missed: 1 << 60, damaged: 1 << 60, slow: true}.label(),
		}
		p.tile(on, full)
		full.title, full.lines = strings.Repeat("no signal ", 9), []string{strings.Repeat("why ", 90), "x"}
		p.tile(on, full)
		p.tile(on, tile{at: at.Add(image.Pt(size.X, 0))}) // half outside
		p.tile(on, tile{at: at.Sub(image.Pt(size.X+5, 3)), name: "front", title: "waiting"})
		for x := range on.width {
			below := on.row(on.height-1, x, x+1)
			if !bytes.Equal(below, []byte{0xEF, 0xCD, 0xAB}) {
				t.Fatalf("size %v: the border below is painted at %d", size, x)
			}
		}
	}
}

// TestTextCanBeRead wants light letters on dark ground over a white picture and a black one.
func TestTextCanBeRead(t *testing.T) {
	p := newTestPainter(t)
	for _, ground := range []colour{0xFFFFFF, 0x000000, 0xFFFF00} {
		picture := &pixels{}
		picture.resize(image.Pt(640, 360))
		picture.fill(picture.bounds(), ground)
		on := &pixels{}
		on.resize(picture.size())
		p.tile(on, tile{at: on.bounds(), name: "front", picture: picture, label: facts{fps: 25}.label()})
		lightest, darkest := 0, 255
		for y := 2; y < 16; y++ {
			for x := 20; x < 90; x++ {
				dot := on.row(y, x, x+1)
				green := int(dot[1])
				lightest, darkest = max(lightest, green), min(darkest, green)
			}
		}
		if lightest < 220 || darkest > 90 {
			t.Errorf("on %06x: letters %d, ground %d", ground, lightest, darkest)
		}
	}
}

func TestPlaceScales(t *testing.T) {
	src := &pixels{}
	src.resize(image.Pt(2, 1))
	src.fill(image.Rect(0, 0, 1, 1), 0xFF0000)
	src.fill(image.Rect(1, 0, 2, 1), 0x0000FF)
	on := &pixels{}
	on.resize(image.Pt(6, 3))
	on.fill(on.bounds(), 0)
	on.place(src, image.Rect(-1, 1, 5, 3)) // a pixel hangs over the edge
	want := []byte{0, 0, 255, 0, 0, 255, 255, 0, 0, 255, 0, 0, 255, 0, 0, 0, 0, 0}
	if !bytes.Equal(on.row(1, 0, 6), want) || !bytes.Equal(on.row(2, 0, 6), want) || !bytes.Equal(on.row(0, 0, 6), make([]byte, 18)) {
		t.Errorf("%v", on.data)
	}
}
