package frame_test

import (
	"bytes"
	"image"
	"image/jpeg"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"github.com/lensbus/lensbus/frame"
)

func decode(t testing.TB, data []byte) image.Image {
	t.Helper()
	img, err := jpeg.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// A picture without Huffman tables decodes to nothing, completed it has the original's pixels.
func TestCompleteJPEGPutsTablesIn(t *testing.T) {
	for _, grey := range []bool{false, true} {
		original := goJPEG(t, 200, 100, grey)
		bare := without(t, original, dht)
		if _, err := jpeg.Decode(bytes.NewReader(bare)); err == nil {
			t.Fatal("Go's decoder reads a picture without tables: this test shows nothing")
		}
		input := bytes.Clone(bare)
		for name, padding := range map[string][]byte{"no padding": nil, "zeros": make([]byte, 5000), "0xFF": bytes.Repeat([]byte{0xFF}, 5000)} {
			whole, info, err := frame.CompleteJPEG(slices.Concat(bare, padding), frame.Limits{})
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if !reflect.DeepEqual(decode(t, whole), decode(t, original)) {
				t.Errorf("%s: the pixels differ from the original's", name)
			}
			scanned, err := frame.ScanJPEG(whole, frame.Limits{})
			if err != nil || scanned != info || !info.Huffman || info.Width != 200 || info.Height != 100 {
				t.Errorf("%s: told %+v, scanned %+v, %v", name, info, scanned, err)
			}
		}
		if !bytes.Equal(bare, input) {
			t.Error("the input was written to")
		}
	}
}

// The tables are those of the standard: Go's encoder writes them too, all four for colour.
func TestCompleteJPEGPutsStandardTablesIn(t *testing.T) {
	original := goJPEG(t, 64, 48, false)
	whole, _, err := frame.CompleteJPEG(without(t, original, dht), frame.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(whole, original) {
		t.Error("a picture of Go's encoder, tables taken out and put in, is not the same")
	}
}

func TestCompleteJPEGLeavesWholePicturesAlone(t *testing.T) {
	pictures := map[string][]byte{"go colour": goJPEG(t, 64, 48, false), "go grey": goJPEG(t, 64, 48, true)}
	for path, data := range photographs(t) {
		pictures[filepath.Base(path)] = data
	}
	for name, data := range pictures {
		for _, padding := range [][]byte{nil, {0}, {0xFF}, make([]byte, 4096), bytes.Repeat([]byte{0xFF, 0}, 2048)} {
			padded := slices.Concat(data, padding)
			whole, info, err := frame.CompleteJPEG(padded, frame.Limits{})
			if err != nil {
				t.Errorf("%s with %d bytes of padding: %v", name, len(padding), err)
				continue
			}
			if &whole[0] != &padded[0] {
				t.Errorf("%s: copied", name)
			}
			if !bytes.Equal(whole, data) {
				t.Errorf("%s: not the picture without its padding: %d bytes of %d", name, len(whole), len(data))
			}
			if want, err := frame.ScanJPEG(data, frame.Limits{}); err != nil || info != want {
				t.Errorf("%s: told %+v, want %+v, %v", name, info, want, err)
			}
		}
	}
}

func TestCompleteJPEGRefuses(t *testing.T) {
	good := goJPEG(t, 64, 48, false)
	bare := without(t, good, dht)
	for name, c := range map[string]struct {
		data   []byte
		limits frame.Limits
		want   frame.Reason
	}{
		"nothing":                     {nil, frame.Limits{}, frame.ReasonPicture},
		"padding":                     {make([]byte, 1000), frame.Limits{}, frame.ReasonPicture},
		"other padding":               {bytes.Repeat([]byte{0xFF}, 1000), frame.Limits{}, frame.ReasonPicture},
		"cut":                         {good[:len(good)-3], frame.Limits{}, frame.ReasonPicture},
		"cut and padded":              {append(bytes.Clone(good[:len(good)-3]), make([]byte, 100)...), frame.Limits{}, frame.ReasonPicture},
		"something else after EOI":    {append(bytes.Clone(good), 1, 2, 3), frame.Limits{}, frame.ReasonPicture},
		"arithmetic, without tables":  {patched(t, bare, sof0, 1, 0xC9), frame.Limits{}, frame.ReasonPicture},
		"too large":                   {good, frame.Limits{Bytes: len(good) - 1}, frame.ReasonTooLarge},
		"too large with tables":       {bare, frame.Limits{Bytes: len(bare)}, frame.ReasonTooLarge},
		"one too large with tables":   {bare, frame.Limits{Bytes: len(good) - 1}, frame.ReasonTooLarge},
		"too many pixels":             {resized(t, good, 65500, 65500), frame.Limits{}, frame.ReasonTooLarge},
		"too many pixels, no tables":  {resized(t, bare, 65500, 65500), frame.Limits{}, frame.ReasonTooLarge},
		"a megabyte of padding first": {append(make([]byte, 1<<20), good...), frame.Limits{}, frame.ReasonPicture},
	} {
		data, info, err := frame.CompleteJPEG(c.data, c.limits)
		if reasonOf(err) != c.want || data != nil || info != (frame.JPEGInfo{}) {
			t.Errorf("%s: got %d bytes, %+v, %v, want reason %s", name, len(data), info, err, c.want)
		}
	}
	if _, _, err := frame.CompleteJPEG(bare, frame.Limits{Bytes: len(good)}); err != nil {
		t.Errorf("exactly as large as the limit: %v", err)
	}
	if data, _, err := frame.CompleteJPEG(append(bytes.Clone(good), make([]byte, 1000)...), frame.Limits{Bytes: len(good)}); err != nil || len(data) != len(good) {
		t.Errorf("padding does not count: %d bytes, %v", len(data), err)
	}
}
