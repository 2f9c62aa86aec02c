package source

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func writeFile(t *testing.T, dir, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func pngOf(t *testing.T, c color.Color) []byte {
	t.Helper()
	img := image.NewNRGBA(image.Rect(0, 0, 40, 30))
	for i := range 40 * 30 {
		img.Set(i%40, i/40, c)
	}
	var out bytes.Buffer
	if err := png.Encode(&out, img); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func openImages(t *testing.T, spec Spec, env Env) Source {
	t.Helper()
	src, err := OpenImages(t.Context(), spec, env)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = src.Close() })
	return src
}

func TestImagesOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		one, two, ten := noiseJPEG(t, 1, 16), noiseJPEG(t, 2, 16), noiseJPEG(t, 10, 16)
		writeFile(t, dir, "pic10.jpg", ten)
		writeFile(t, dir, "pic2.JPEG", two)
		writeFile(t, dir, "pic1.jpg", one)
		writeFile(t, dir, "pic3.png", pngOf(t, color.NRGBA{R: 200, A: 255}))
		writeFile(t, dir, "notes.txt", []byte("not shown"))
		if err := os.Mkdir(filepath.Join(dir, "old.jpg"), 0o700); err != nil {
			t.Fatal(err)
		}
		src := openImages(t, Spec{Kind: KindImages, Address: dir, FPS: 4}, Env{})
		if info := src.Info(); info.FPS != 4 || info.Untouched {
			t.Errorf("info %+v: want 4 a second, and not untouched with a PNG among them", info)
		}
		start := time.Now()
		for i, want := range [][]byte{one, two, nil, ten} {
			pic := mustNext(t, src)
			if want != nil && !bytes.Equal(pic.Data, want) {
				t.Errorf("picture %d is not the file's, or out of order", i)
			}
			if want == nil {
				img, err := jpeg.Decode(bytes.NewReader(pic.Data))
				if err != nil {
					t.Fatal(err)
				}
				if r, g, _, _ := img.At(20, 15).RGBA(); img.Bounds().Size() != image.Pt(40, 30) || r>>8 < 190 || g>>8 > 10 {
					t.Errorf("the PNG became %v with red %d, green %d", img.Bounds(), r>>8, g>>8)
				}
			}
			if got := time.Since(start); got != time.Duration(i)*250*time.Millisecond || !pic.Captured.Equal(time.Now()) {
				t.Errorf("picture %d after %v, captured %v", i, got, pic.Captured)
			}
		}
		if _, err := src.Next(t.Context()); err != io.EOF {
			t.Errorf("after the last: %v, want io.EOF", err)
		}
	})
}

// A loop shows what is there at each turn, and goes on around what cannot be used.
func TestImagesLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		a, b, c := noiseJPEG(t, 1, 16), noiseJPEG(t, 2, 16), noiseJPEG(t, 3, 16)
		writeFile(t, dir, "a.jpg", a)
		writeFile(t, dir, "b.jpg", b[:len(b)/2]) // being written
		var log bytes.Buffer
		var drops counter
		src := openImages(t, Spec{Address: dir, Loop: true}, Env{Log: slog.New(slog.NewTextHandler(&log, nil)), Dropped: drops.add})
		expect := func(want ...[]byte) {
			t.Helper()
			for i, data := range want {
				if pic := mustNext(t, src); !bytes.Equal(pic.Data, data) {
					t.Errorf("picture %d is another one", i)
				}
			}
		}
		expect(a, a, a)
		if n := strings.Count(log.String(), "\n"); n != 1 || !strings.Contains(log.String(), "b.jpg") || drops.get(DropInvalid) != 2 {
			t.Errorf("%d lines of log, %d counted; want one and 2:\n%s", n, drops.get(DropInvalid), log.String())
		}
		writeFile(t, dir, "b.jpg", b)
		writeFile(t, dir, "c.jpg", c)
		expect(b, a, b, c, a) // b is read when its turn comes; c is not in this turn's list
		if err := os.Remove(filepath.Join(dir, "a.jpg")); err != nil {
			t.Fatal(err)
		}
		expect(b, c, b, c)
	})
}

func TestImagesHostileFiles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, outside := t.TempDir(), t.TempDir()
		good := noiseJPEG(t, 1, 16)
		writeFile(t, outside, "secret.jpg", noiseJPEG(t, 9, 16))
		if err := os.Symlink(filepath.Join(outside, "secret.jpg"), filepath.Join(dir, "1-link.jpg")); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Mkfifo(filepath.Join(dir, "2-pipe.jpg"), 0o600); err != nil {
			t.Fatal(err)
		}
		writeFile(t, dir, "3-empty.jpg", nil)
		writeFile(t, dir, "4-text.jpg", []byte("hello"))
		bomb := pngOf(t, color.White)
		binary.BigEndian.PutUint32(bomb[16:], 60000) // the width in IHDR, whose check sum is then wrong too
		writeFile(t, dir, "5-bomb.png", bomb)
		writeFile(t, dir, "6-cut.png", pngOf(t, color.White)[:60])
		writeFile(t, dir, "7-large.jpg", make([]byte, 100_001))
		writeFile(t, dir, "8-good.jpg", good)
		var drops counter
		src := openImages(t, Spec{Address: dir}, Env{Dropped: drops.add, MaxBytes: 100_000})
		if pic := mustNext(t, src); !bytes.Equal(pic.Data, good) {
			t.Error("something else than the good file was shown")
		}
		if n := drops.get(DropInvalid); n != 7 {
			t.Errorf("%d files were counted, want 7", n)
		}
	})
}

// The limit on a PNG's pixels holds before they are decoded.
func TestImagesPNGBomb(t *testing.T) {
	var header bytes.Buffer
	wide := image.NewPaletted(image.Rect(0, 0, 16000, 1), color.Palette{color.Black})
	if err := png.Encode(&header, wide); err != nil {
		t.Fatal(err)
	}
	// 16000x1 is fine, and so is 16000x2073; one row more is not: the header is all that is read.
	data := header.Bytes()
	for height, want := range map[uint32]string{2073: "", 2074: "16000x2074 pixels, limit"} {
		binary.BigEndian.PutUint32(data[20:], height)
		binary.BigEndian.PutUint32(data[29:], crc32.ChecksumIEEE(data[12:29]))
		_, err := encodePNG(data, 80)
		if err == nil || want != "" && !strings.Contains(err.Error(), want) || want == "" && strings.Contains(err.Error(), "limit") {
			t.Errorf("height %d: %v, want %q", height, err, want)
		}
	}
}

func TestImagesErrors(t *testing.T) {
	empty, bad := t.TempDir(), t.TempDir()
	writeFile(t, empty, "readme.txt", nil)
	writeFile(t, bad, "a.jpg", []byte("no"))
	writeFile(t, bad, "b.png", []byte("no"))
	missing := filepath.Join(empty, "missing")
	for dir, want := range map[string]string{
		missing:                            "images:" + missing + ": cannot open the folder: no such file or directory",
		filepath.Join(empty, "readme.txt"): "not a directory",
		empty:                              "images:" + empty + ": the folder has no .jpg, .jpeg or .png files",
	} {
		if _, err := OpenImages(t.Context(), Spec{Address: dir}, Env{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", dir, err, want)
		}
	}
	if _, err := OpenImages(t.Context(), Spec{Address: missing}, Env{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v is not os.ErrNotExist", err)
	}
	for _, loop := range []bool{false, true} {
		src := openImages(t, Spec{Address: bad, Loop: loop}, Env{})
		if _, err := src.Next(t.Context()); err == nil || !strings.Contains(err.Error(), "none of the 2 pictures can be used") {
			t.Errorf("nothing usable, loop %v: %v", loop, err)
		}
	}
}

func TestImagesEnds(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, dir, "a.jpg", noiseJPEG(t, 1, 16))
	testEnds(t, func() Source { return openImages(t, Spec{Address: dir, FPS: 0.001, Loop: true}, Env{}) })
}

func TestNaturalOrder(t *testing.T) {
	want := []string{"", "01.jpg", "1.jpg", "2.jpg", "10.jpg", "99999999999999999999999.jpg", "100000000000000000000000.jpg", "a", "a1b2", "a1b10", "a2", "a02b", "b"}
	got := slices.Clone(want)
	slices.Reverse(got)
	slices.SortFunc(got, naturalOrder)
	if !slices.Equal(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
	for _, a := range want {
		for _, b := range want {
			if x, y := naturalOrder(a, b), naturalOrder(b, a); (x < 0) != (y > 0) || (x == 0) != (a == b) {
				t.Errorf("%q and %q: %d one way, %d the other", a, b, x, y)
			}
		}
	}
}
