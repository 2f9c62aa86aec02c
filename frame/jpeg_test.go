package frame_test

import (
	"bytes"
	"errors"
	"image/jpeg"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/lensbus/lensbus/frame"
)

func reasonOf(err error) frame.Reason {
	var rejected *frame.RejectError
	if errors.As(err, &rejected) {
		return rejected.Reason
	}
	return ""
}

func TestScanJPEGOfGoEncoder(t *testing.T) {
	for _, size := range [][2]int{{1, 1}, {8, 8}, {17, 5}, {640, 480}, {1, 2000}} {
		for components, grey := range map[int]bool{1: true, 3: false} {
			data := goJPEG(t, size[0], size[1], grey)
			scan, _ := findMarker(t, data, sos)
			want := frame.JPEGInfo{Width: size[0], Height: size[1], Components: components, Huffman: true, Scan: scan}
			if got, err := frame.ScanJPEG(data, frame.Limits{}); err != nil || got != want {
				t.Errorf("got %+v, %v, want %+v", got, err, want)
			}
		}
	}
}

// Every photograph is read as Go's decoder reads it, and nothing less than the whole of it is a
// picture, although thumbnails inside end with EOI too.
func TestScanJPEGOfPhotographs(t *testing.T) {
	progressive, thumbnails := 0, 0
	for path, data := range photographs(t) {
		name := filepath.Base(path)
		info, err := frame.ScanJPEG(data, frame.Limits{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		want, err := jpeg.DecodeConfig(bytes.NewReader(data))
		if err != nil {
			t.Errorf("%s: Go's decoder: %v", name, err)
			continue
		}
		if info.Width != want.Width || info.Height != want.Height || !info.Huffman || data[info.Scan] != 0xFF || data[info.Scan+1] != sos {
			t.Errorf("%s: got %+v, want %dx%d", name, info, want.Width, want.Height)
		}
		if bytes.Contains(data[:info.Scan], []byte{0xFF, 0xC2}) {
			progressive++
		}
		if bytes.Contains(data[:info.Scan], []byte{0xFF, 0xD9}) {
			thumbnails++
		}
		// Every cut is tried in the headers, where thumbnails and lengths are, and at each place
		// after them that could pass for an end.
		for cut := range data {
			if cut > info.Scan+100 && data[cut-1] != 0xD9 {
				continue
			}
			if _, err := frame.ScanJPEG(data[:cut], frame.Limits{}); reasonOf(err) != frame.ReasonPicture {
				t.Fatalf("%s cut to %d of %d bytes: %v", name, cut, len(data), err)
			}
		}
	}
	t.Logf("%d progressive pictures, %d with a thumbnail", progressive, thumbnails)
}

func TestScanJPEGCutEverywhere(t *testing.T) {
	data := goJPEG(t, 64, 48, false)
	for cut := range data {
		if info, err := frame.ScanJPEG(data[:cut], frame.Limits{}); reasonOf(err) != frame.ReasonPicture || info != (frame.JPEGInfo{}) {
			t.Fatalf("cut to %d of %d bytes: %+v, %v", cut, len(data), info, err)
		}
		// With an EOI put after the cut, a picture that has lost its headers or its scan is none.
		// One that has lost a part of its scan looks whole from outside.
		ended := append(bytes.Clone(data[:cut]), 0xFF, 0xD9)
		info, err := frame.ScanJPEG(ended, frame.Limits{})
		scan, scanned := findMarker(t, data, sos)
		if whole := cut >= scanned; whole && (err != nil || info.Scan != scan) || !whole && reasonOf(err) != frame.ReasonPicture {
			t.Fatalf("cut to %d of %d bytes and ended: %+v, %v", cut, len(data), info, err)
		}
	}
}

// thumbnail is an EXIF segment with a whole JPEG inside.
func thumbnail(picture []byte) []byte {
	return segment(app1, append([]byte("Exif\x00\x00"), picture...)...)
}

type scanCase struct {
	name string
	data []byte
	want frame.Reason // "": a 64x48 picture
}

// scanCases are pictures that are hard to read and bytes that look like pictures. They seed the
// fuzz tests too.
func scanCases(t testing.TB) []scanCase {
	good := goJPEG(t, 64, 48, false)
	small := goJPEG(t, 8, 8, true)
	scanAt, _ := findMarker(t, good, sos)
	frameAt, frameEnd := findMarker(t, good, sof0)
	frameHeader := good[frameAt:frameEnd]
	put := func(more ...byte) []byte { return before(t, good, sos, more...) }
	sof := func(offset int, with ...byte) []byte { return patched(t, good, sof0, offset, with...) }
	return []scanCase{
		{"good", good, ""},
		{"fill bytes", put(0xFF, 0xFF, 0xFF), ""},
		{"fill bytes before every segment", slices.Concat(good[:2], bytes.Repeat([]byte{0xFF}, 1000), good[2:]), ""},
		{"restart marker before the scan", put(0xFF, 0xD0, 0xFF, 0xD7), ""},
		{"TEM before the scan", put(0xFF, 0x01), ""},
		{"comment", put(segment(0xFE, []byte("hello")...)...), ""},
		{"empty comment", put(segment(0xFE)...), ""},
		{"longest comment", put(segment(0xFE, make([]byte, 65533)...)...), ""},
		{"every application segment", put(slices.Concat(segment(0xE0), segment(0xE5, 1), segment(0xEF, 0xFF, 0xD9))...), ""},
		{"restart interval", put(segment(0xDD, 0, 4)...), ""},
		{"frame header in a comment", before(t, good, sof0, segment(0xFE, frameHeader...)...), ""},
		{"EXIF thumbnail", slices.Concat(good[:2], thumbnail(small), good[2:]), ""},
		{"frame header after the scan", slices.Concat(good[:len(good)-2], frameHeader, good[len(good)-2:]), ""},
		{"two pictures", slices.Concat(good, small), ""},
		{"extended sequential", sof(1, 0xC1), ""},
		{"no tables", without(t, good, dht), ""},
		{"30000x1000", resized(t, good, 30000, 1000), ""},

		{"empty", nil, frame.ReasonPicture},
		{"one byte", []byte{0xFF}, frame.ReasonPicture},
		{"SOI", []byte{0xFF, 0xD8}, frame.ReasonPicture},
		{"SOI and EOI", []byte{0xFF, 0xD8, 0xFF, 0xD9}, frame.ReasonPicture},
		{"SOI and EOI in one", []byte{0xFF, 0xD8, 0xD9}, frame.ReasonPicture},
		{"PNG", []byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"), frame.ReasonPicture},
		{"text", []byte("HTTP/1.1 404 Not Found\r\n\r\n"), frame.ReasonPicture},
		{"fill bytes only", append([]byte{0xFF, 0xD8}, bytes.Repeat([]byte{0xFF}, 1000)...), frame.ReasonPicture},
		{"fill bytes and EOI", slices.Concat([]byte{0xFF, 0xD8}, bytes.Repeat([]byte{0xFF}, 1000), []byte{0xD9}), frame.ReasonPicture},
		{"zeros after EOI", append(bytes.Clone(good), 0, 0, 0), frame.ReasonPicture},
		{"something before SOI", slices.Concat([]byte{0}, good), frame.ReasonPicture},
		{"something between segments", put(0), frame.ReasonPicture},
		{"stuffing between segments", put(0xFF, 0), frame.ReasonPicture},
		{"SOI again", put(0xFF, 0xD8), frame.ReasonPicture},
		{"EOI before the scan", put(0xFF, 0xD9), frame.ReasonPicture},
		{"the thumbnail is all there is", slices.Concat(good[:2], thumbnail(small)), frame.ReasonPicture},
		{"cut in the thumbnail", slices.Concat(good[:2], segment(app1, slices.Concat(small, make([]byte, 99))...)[:4+len(small)]), frame.ReasonPicture},
		{"scan before the frame header", slices.Concat(good[:frameAt], good[scanAt:]), frame.ReasonPicture},
		{"two frame headers", put(frameHeader...), frame.ReasonPicture},
		{"second frame header is larger", put(sof(5, 0xFF, 0xFF, 0xFF, 0xFF)[frameAt:frameEnd]...), frame.ReasonPicture},
		{"length 0", put(0xFF, 0xFE, 0, 0), frame.ReasonPicture},
		{"length 1", put(0xFF, 0xFE, 0, 1), frame.ReasonPicture},
		{"length that runs out", put(0xFF, 0xFE, 0xFF, 0xFF), frame.ReasonPicture},
		{"length over EOI", slices.Concat(good[:scanAt], []byte{0xFF, 0xDA, 0, 12}, good[scanAt+4:scanAt+12], []byte{0xFF, 0xD9}), frame.ReasonPicture},
		{"marker without its length", slices.Concat(good[:scanAt], []byte{0xFF, 0xDA, 0xFF, 0xD9}), frame.ReasonPicture},
		{"scan without components", patched(t, good, sos, 4, 0), frame.ReasonPicture},
		{"scan with more components than the picture", patched(t, good, sos, 4, 4), frame.ReasonPicture},
		{"scan header too long", patched(t, good, sos, 2, 0, 13), frame.ReasonPicture},
		{"height 0", resized(t, good, 64, 0), frame.ReasonPicture},
		{"width 0", resized(t, good, 0, 48), frame.ReasonPicture},
		{"12 bits", sof(4, 12), frame.ReasonPicture},
		{"no components", sof(9, 0), frame.ReasonPicture},
		{"one component of three", sof(9, 1), frame.ReasonPicture},
		{"255 components", sof(9, 255), frame.ReasonPicture},
		{"two components", slices.Concat(good[:frameAt], segment(sof0, 8, 0, 48, 0, 64, 2, 1, 0x11, 0, 2, 0x11, 0), good[frameEnd:]), frame.ReasonPicture},
		{"frame header of 5 bytes", slices.Concat(good[:frameAt], segment(sof0, 8, 0, 48, 0, 64), good[frameEnd:]), frame.ReasonPicture},
		{"sampling factor 0", sof(11, 0x01), frame.ReasonPicture},
		{"sampling factor 15", sof(11, 0xF1), frame.ReasonPicture},
		{"lossless", sof(1, 0xC3), frame.ReasonPicture},
		{"hierarchical", sof(1, 0xC5), frame.ReasonPicture},
		{"arithmetic", sof(1, 0xC9), frame.ReasonPicture},
		{"JPEG-LS", sof(1, 0xF7), frame.ReasonPicture},
		{"number of lines", put(segment(0xDC, 0xFF, 0xFF)...), frame.ReasonPicture},
		{"hierarchical size", put(segment(0xDE, frameHeader[4:]...)...), frame.ReasonPicture},
		{"reserved marker", put(segment(0x02)...), frame.ReasonPicture},

		{"65500x65500", resized(t, good, 65500, 65500), frame.ReasonTooLarge},
		{"65535x65535", resized(t, good, 65535, 65535), frame.ReasonTooLarge},
		{"65535x32769, negative in 32 bits", resized(t, good, 65535, 32769), frame.ReasonTooLarge},
		{"30000x30000", resized(t, good, 30000, 30000), frame.ReasonTooLarge},
		{"7681x4320", resized(t, good, 7681, 4320), frame.ReasonTooLarge},
		{"over 8 MiB", before(t, good, sos, bytes.Repeat(segment(0xFE, make([]byte, 65533)...), 129)...), frame.ReasonTooLarge},
	}
}

func TestScanJPEG(t *testing.T) {
	for _, c := range scanCases(t) {
		info, err := frame.ScanJPEG(c.data, frame.Limits{})
		if c.want != "" {
			if reasonOf(err) != c.want || info != (frame.JPEGInfo{}) {
				t.Errorf("%s: got %+v, %v, want reason %s", c.name, info, err, c.want)
			}
			if err != nil && (len(err.Error()) > 300 || strings.Contains(err.Error(), "\n")) {
				t.Errorf("%s: not a short line: %.400q", c.name, err)
			}
			continue
		}
		width, height := 64, 48
		if c.name == "30000x1000" {
			width, height = 30000, 1000
		}
		if err != nil || info.Width != width || info.Height != height || info.Components != 3 || c.data[info.Scan+1] != sos {
			t.Errorf("%s: got %+v, %v", c.name, info, err)
		}
	}
}

func TestScanJPEGDoesNotAllocate(t *testing.T) {
	data := goJPEG(t, 640, 480, false)
	if n := testing.AllocsPerRun(100, func() {
		if _, err := frame.ScanJPEG(data, frame.Limits{}); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
