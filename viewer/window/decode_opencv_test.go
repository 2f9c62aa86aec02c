//go:build opencv

package window

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/color"
	"image/jpeg"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/lensbus/lensbus/frame"
)

// quarters is a picture with a colour in each quarter: red, green, blue, white.
func quarters(t testing.TB, size image.Point) []byte {
	t.Helper()
	img := image.NewRGBA(image.Rectangle{Max: size})
	for y := range size.Y {
		for x := range size.X {
			c := [2][2]color.RGBA{
				{{255, 0, 0, 255}, {0, 255, 0, 255}}, {{0, 0, 255, 255}, {255, 255, 255, 255}},
			}[2*y/size.Y][2*x/size.X]
			img.SetRGBA(x, y, c)
		}
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: 95}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// quarterNames says which colours p has in its quarters.
func quarterNames(p *pixels) string {
	var names strings.Builder
	for _, at := range []image.Point{{1, 1}, {3, 1}, {1, 3}, {3, 3}} {
		x := p.width * at.X / 4
		dot := p.row(p.height*at.Y/4, x, x+1)
		switch b, g, r := dot[0] > 200, dot[1] > 200, dot[2] > 200; {
		case r && g && b:
			names.WriteByte('w')
		case r:
			names.WriteByte('r')
		case g:
			names.WriteByte('g')
		case b:
			names.WriteByte('b')
		default:
			names.WriteByte('.')
		}
	}
	return names.String()
}

// turned puts an EXIF segment with an orientation into a JPEG.
func turned(data []byte, orientation byte) []byte {
	exif := append([]byte("Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x01"), 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0, 0, 0, 0, 0)
	segment := binary.BigEndian.AppendUint16([]byte{0xFF, 0xE1}, uint16(len(exif)+2))
	return bytes.Join([][]byte{data[:2], segment, exif, data[2:]}, nil)
}

func TestDecodeWithOpenCV(t *testing.T) {
	b, err := newBackend()
	if err != nil {
		t.Fatal(err)
	}
	d := b.newDecoder()
	defer d.close()
	for _, tt := range []struct {
		size, within, want image.Point
	}{
		{image.Pt(640, 480), image.Pt(640, 480), image.Pt(640, 480)},
		{image.Pt(640, 480), image.Pt(1280, 720), image.Pt(960, 720)},
		{image.Pt(641, 479), image.Pt(320, 200), image.Pt(268, 200)},
		{image.Pt(1919, 1079), image.Pt(100, 100), image.Pt(100, 56)},
		{image.Pt(16, 2000), image.Pt(300, 300), image.Pt(2, 300)},
		{image.Pt(8, 8), image.Pt(1, 1), image.Pt(1, 1)},
	} {
		var p pixels
		if err := d.decode(&p, quarters(t, tt.size), tt.size, tt.within); err != nil {
			t.Errorf("%+v: %v", tt, err)
			continue
		}
		if p.size() != tt.want || len(p.data) != 3*tt.want.X*tt.want.Y {
			t.Errorf("%+v: got %v, %d bytes", tt, p.size(), len(p.data))
		}
		if names := quarterNames(&p); tt.want.X >= 8 && names != "rgbw" {
			t.Errorf("%+v: quarters %q", tt, names)
		}
	}

	size := image.Pt(640, 480)
	var p pixels
	if err := d.decode(&p, turned(quarters(t, size), 6), size, image.Pt(480, 480)); err != nil || p.size() != image.Pt(360, 480) || quarterNames(&p) != "brwg" {
		t.Errorf("turned by a quarter: %v, %v, %q", err, p.size(), quarterNames(&p))
	}
	grey := image.NewGray(image.Rect(0, 0, 64, 64))
	var encoded bytes.Buffer
	if err := jpeg.Encode(&encoded, grey, nil); err != nil {
		t.Fatal(err)
	}
	if err := d.decode(&p, encoded.Bytes(), image.Pt(64, 64), image.Pt(64, 64)); err != nil || len(p.data) != 3*64*64 {
		t.Errorf("grey: %v", err)
	}
}

func TestDecodeRefuses(t *testing.T) {
	b, err := newBackend()
	if err != nil {
		t.Fatal(err)
	}
	d := b.newDecoder()
	defer d.close()
	size := image.Pt(640, 480)
	good := quarters(t, size)
	info, err := frame.ScanJPEG(good, frame.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	noTables := bytes.Clone(good)
	copy(noTables[info.Scan:], bytes.Repeat([]byte{0}, len(good)-info.Scan))
	for name, tt := range map[string]struct {
		data       []byte
		dimensions image.Point
	}{
		"other dimensions":     {good, image.Pt(320, 240)},
		"one pixel more":       {good, image.Pt(641, 480)},
		"nothing":              {nil, size},
		"no picture":           {[]byte("\xFF\xD8 not at all \xFF\xD9"), size},
		"cut off before scans": {good[:info.Scan], size},
		"no scan":              {noTables, size},
	} {
		var p pixels
		if err := d.decode(&p, tt.data, tt.dimensions, size); err == nil {
			t.Errorf("%s: decoded to %v", name, p.size())
		} else if strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: an error of several lines: %q", name, err)
		}
	}
	var p pixels
	if err := d.decode(&p, good, size, size); err != nil || quarterNames(&p) != "rgbw" {
		t.Errorf("a good one after bad ones: %v", err)
	}
}

// TestDecodeKeepsItsMemory decodes many pictures and wants the process no larger afterwards.
func TestDecodeKeepsItsMemory(t *testing.T) {
	resident := func() int {
		data, err := os.ReadFile("/proc/self/statm")
		if err != nil {
			t.Skipf("SKIPPED: memory is not known here: %v", err)
		}
		pages, err := strconv.Atoi(strings.Fields(string(data))[1])
		if err != nil {
			t.Fatal(err)
		}
		return pages * os.Getpagesize()
	}
	b, err := newBackend()
	if err != nil {
		t.Fatal(err)
	}
	size := image.Pt(1280, 720) // 2.8 MB decoded
	good := quarters(t, size)
	var p pixels
	round := func() {
		d := b.newDecoder()
		defer d.close()
		for range 20 {
			if err := d.decode(&p, good, size, image.Pt(700, 700)); err != nil {
				t.Fatal(err)
			}
			if err := d.decode(&p, good[:300], size, image.Pt(700, 700)); err == nil {
				t.Fatal("decoded")
			}
		}
	}
	round()
	before := resident()
	for range 5 {
		round()
	}
	if grown := resident() - before; grown > 40<<20 { // 100 pictures are 280 MB
		t.Errorf("%d MB more after 100 pictures", grown>>20)
	}
}

// BenchmarkDecode is what a picture costs until it is ready to be shown.
func BenchmarkDecode(b *testing.B) {
	back, err := newBackend()
	if err != nil {
		b.Fatal(err)
	}
	size := image.Pt(1920, 1080)
	data := quarters(b, size)
	for name, within := range map[string]image.Point{"whole": size, "to 1280x720": {1280, 720}, "to 640x360": {640, 360}, "to 320x180": {320, 180}} {
		b.Run(name, func(b *testing.B) {
			d := back.newDecoder()
			defer d.close()
			var p pixels
			b.ReportAllocs()
			for b.Loop() {
				if err := d.decode(&p, data, size, within); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
