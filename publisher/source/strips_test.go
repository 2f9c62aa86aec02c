package source

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"math/rand/v2"
	"testing"
	"time"
)

// The strips decode to exactly what image/jpeg makes of the whole picture, however little of it
// was encoded again.
func TestStripEncoderIsExact(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, size := range []image.Point{{64, 48}, {50, 37}, {16, 16}, {17, 161}, {240, 16}} {
		picture := image.NewYCbCr(image.Rect(0, 0, size.X, size.Y), image.YCbCrSubsampleRatio420)
		encoder := newStripEncoder(picture, 85)
		for round := range 8 {
			r := image.Rect(random.IntN(size.X), random.IntN(size.Y), random.IntN(size.X)+1, random.IntN(size.Y)+1)
			fill(picture, r, color.YCbCr{Y: byte(random.Uint32()), Cb: byte(random.Uint32()), Cr: byte(random.Uint32())})
			encoder.changed(r.Min.Y&^1, r.Max.Y+1)
			got, err := encoder.encode()
			if err != nil {
				t.Fatal(err)
			}
			var want bytes.Buffer
			if err := jpeg.Encode(&want, picture, &jpeg.Options{Quality: 85}); err != nil {
				t.Fatal(err)
			}
			a, b := mustDecode(t, want.Bytes()), mustDecode(t, got)
			if a.Rect != b.Rect || !bytes.Equal(a.Y, b.Y) || !bytes.Equal(a.Cb, b.Cb) || !bytes.Equal(a.Cr, b.Cr) {
				t.Fatalf("%v, round %d: whole and strips differ", size, round)
			}
		}
	}
}

func mustDecode(t *testing.T, data []byte) *image.YCbCr {
	t.Helper()
	img, err := jpeg.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return img.(*image.YCbCr)
}

// The pattern tells its encoder about everything that it draws.
func TestPatternMarksChanges(t *testing.T) {
	for _, size := range []image.Point{{320, 240}, {333, 217}, {100, 40}} {
		p := newPattern(size.X, size.Y, 80, "front")
		for n := range uint32(25) {
			elapsed := time.Duration(n) * 167 * time.Millisecond
			p.draw(n*n, time.Date(2026, 1, 2, 23, 59, 58, 0, time.UTC).Add(elapsed), elapsed)
			if _, err := p.encoder.encode(); err != nil {
				t.Fatal(err)
			}
		}
		got, _ := p.encoder.encode()
		p.encoder.changed(0, size.Y)
		want, _ := p.encoder.encode()
		if !bytes.Equal(got, want) {
			t.Errorf("%v: a picture that is encoded from scratch is another one", size)
		}
	}
}

func TestCRC16(t *testing.T) {
	// CRC-16/CCITT-FALSE of "1234".
	if got := crc16(0x31323334); got != 0x5349 {
		t.Errorf("crc16 = %#x, want 0x5349", got)
	}
}

// What a test camera costs for each picture, next to encoding all of it.
func BenchmarkTestPicture(b *testing.B) {
	for _, size := range []image.Point{{640, 480}, {1920, 1080}} {
		p := newPattern(size.X, size.Y, 80, "front")
		start := time.Now()
		b.Run(fmt.Sprintf("strips/%dx%d", size.X, size.Y), func(b *testing.B) {
			b.ReportAllocs()
			n := uint32(0)
			for b.Loop() {
				n++
				elapsed := time.Duration(n) * time.Second / 15
				p.draw(n, start.Add(elapsed), elapsed)
				if _, err := p.encoder.encode(); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("whole/%dx%d", size.X, size.Y), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				var out bytes.Buffer
				if err := jpeg.Encode(&out, p.picture, &jpeg.Options{Quality: 80}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
