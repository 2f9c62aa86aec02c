package source

import (
	"bytes"
	"image"
	"image/jpeg"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/image/draw"

	"github.com/lensbus/lensbus/frame"
)

func openTest(t testing.TB, spec Spec, env Env) Source {
	t.Helper()
	src, err := OpenTest(t.Context(), spec, env)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = src.Close() })
	return src
}

func decode(t testing.TB, data []byte) image.Image {
	t.Helper()
	img, err := jpeg.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// Every size and quality gives pictures that are frames, in which the number reads.
func TestTestNumberReadsAfterCompression(t *testing.T) {
	for size, qualities := range map[image.Point][]int{
		{640, 480}: {10, 30, 80, 100}, {320, 240}: {10, 80}, {208, 160}: {10, 80}, {641, 479}: {80}, {1000, 100}: {80}, {1280, 720}: {80},
	} {
		for _, quality := range qualities {
			synctest.Test(t, func(t *testing.T) {
				src := openTest(t, Spec{Kind: KindTest, Width: size.X, Height: size.Y}, Env{Quality: quality})
				for want := uint32(1); want <= 2; want++ {
					pic, err := src.Next(t.Context())
					if err != nil {
						t.Fatal(err)
					}
					info, err := frame.ScanJPEG(pic.Data, frame.Limits{})
					if err != nil || info.Width != size.X || info.Height != size.Y || !info.Huffman {
						t.Fatalf("%v quality %d: %+v, %v", size, quality, info, err)
					}
					if n, ok := ReadTestNumber(decode(t, pic.Data)); !ok || n != want {
						t.Errorf("%v quality %d: read %d, %v, want %d", size, quality, n, ok, want)
					}
				}
			})
		}
	}
}

func TestTestSourceTakesAnySize(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, size := range []image.Point{{16, 16}, {17, 16384}, {16384, 17}, {33, 47}} {
			src := openTest(t, Spec{Width: size.X, Height: size.Y}, Env{Camera: "a"})
			for range 2 {
				pic, err := src.Next(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if got := decode(t, pic.Data).Bounds().Size(); got != size {
					t.Errorf("asked for %v, got %v", size, got)
				}
			}
		}
		if _, err := OpenTest(t.Context(), Spec{Width: 16384, Height: 16384}, Env{}); err == nil {
			t.Error("a picture that no frame may be was accepted")
		}
	})
}

// Frame n comes at start + n/fps, however long a picture takes; a late taker gets the newest turn.
func TestTestSourcePace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var skipped uint64
		env := Env{Dropped: func(reason string, n uint64) {
			if reason != DropEncode {
				t.Errorf("dropped for %q", reason)
			}
			skipped += n
		}}
		src := openTest(t, Spec{FPS: 10}, env)
		next := func() Picture {
			t.Helper()
			pic, err := src.Next(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if !pic.Captured.Equal(time.Now()) {
				t.Errorf("captured %v, now %v", pic.Captured, time.Now())
			}
			return pic
		}
		start := next().Captured
		for i := 1; i <= 20; i++ {
			time.Sleep(time.Duration(i*4) * time.Millisecond) // work; the fake clock of synctest
			if got, want := next().Captured.Sub(start), time.Duration(i)*100*time.Millisecond; got != want {
				t.Fatalf("picture %d came at %v, want %v", i, got, want)
			}
		}
		time.Sleep(1050 * time.Millisecond) // turns 21 to 29 pass; 30 is due, late
		late := next().Captured.Sub(start)
		after := next().Captured.Sub(start)
		if late != 3050*time.Millisecond || after != 3100*time.Millisecond || skipped != 9 {
			t.Errorf("late picture at %v, the next at %v, %d skipped; want 3.05s, 3.1s, 9", late, after, skipped)
		}
	})
}

// The picture moves, and two cameras do not look the same.
func TestTestSourceMovesAndDiffers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pictures := func(camera string) (first, later image.Image) {
			src := openTest(t, Spec{FPS: 1}, Env{Camera: camera})
			a, _ := src.Next(t.Context())
			b, _ := src.Next(t.Context())
			return decode(t, a.Data), decode(t, b.Data)
		}
		front, front2 := pictures("front")
		yard, _ := pictures("yard")
		band := image.Rect(0, 230, 640, 290)
		if d := difference(front, front2, band); d < 5 {
			t.Errorf("the disc's band changes by %.1f levels in a second", d)
		}
		if d := difference(front, front2, image.Rect(0, 0, 640, 200)); d > 1 {
			t.Errorf("bars and name change by %.1f levels", d)
		}
		if d := difference(front, yard, image.Rect(0, 0, 640, 480)); d < 5 {
			t.Errorf("two cameras differ by %.1f levels only", d)
		}
	})
}

// difference is the mean difference of the colour channels in r, in levels of 0 to 255.
func difference(a, b image.Image, r image.Rectangle) float64 {
	var sum, count float64
	for y := r.Min.Y; y < r.Max.Y; y += 2 {
		for x := r.Min.X; x < r.Max.X; x += 2 {
			ar, ag, ab, _ := a.At(x, y).RGBA()
			br, bg, bb, _ := b.At(x, y).RGBA()
			for _, d := range []int{int(ar) - int(br), int(ag) - int(bg), int(ab) - int(bb)} {
				sum += float64(max(d, -d)) / 257
				count++
			}
		}
	}
	return sum / count
}

// A preview, made smaller and compressed again, still tells its number.
func TestReadTestNumberOfScaledPicture(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := openTest(t, Spec{Width: 640, Height: 360}, Env{})
		pic, err := src.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		full := decode(t, pic.Data)
		for _, width := range []int{960, 320, 250} {
			small := image.NewRGBA(image.Rect(0, 0, width, width*9/16))
			draw.ApproxBiLinear.Scale(small, small.Bounds(), full, full.Bounds(), draw.Src, nil)
			var again bytes.Buffer
			if err := jpeg.Encode(&again, small, &jpeg.Options{Quality: 60}); err != nil {
				t.Fatal(err)
			}
			if n, ok := ReadTestNumber(decode(t, again.Bytes())); !ok || n != 1 {
				t.Errorf("%d pixels wide: read %d, %v, want 1", width, n, ok)
			}
		}
	})
}

func TestReadTestNumberNoticesDamage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := openTest(t, Spec{}, Env{})
		pic, err := src.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		img := decode(t, pic.Data).(*image.YCbCr)
		if _, ok := ReadTestNumber(img.SubImage(image.Rect(0, 0, 640, 240))); ok {
			t.Error("half a picture reads")
		}
		if _, ok := ReadTestNumber(image.NewGray(image.Rect(0, 0, 640, 480))); ok {
			t.Error("a black picture reads")
		}
		if _, ok := ReadTestNumber(image.NewGray(image.Rect(0, 0, 3, 3))); ok {
			t.Error("a tiny picture reads")
		}
		// Each cell in turn: inverted, and grey.
		for cell := range 52 {
			for _, grey := range []bool{false, true} {
				damaged := *img
				damaged.Y = bytes.Clone(img.Y)
				for y := 450; y < 480; y++ {
					for x := 640 * cell / 52; x < 640*(cell+1)/52; x++ {
						i := damaged.YOffset(x, y)
						damaged.Y[i] = 255 - damaged.Y[i]
						if grey {
							damaged.Y[i] = 128
						}
					}
				}
				if n, ok := ReadTestNumber(&damaged); ok {
					t.Errorf("cell %d damaged (grey %v), and it reads %d", cell, grey, n)
				}
			}
		}
	})
}

func TestTestSourceEnds(t *testing.T) {
	testEnds(t, func() Source { return openTest(t, Spec{FPS: 0.001}, Env{}) })
}
