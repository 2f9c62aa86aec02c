package frame_test

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/color"
	"image/jpeg"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// goJPEG is a baseline picture with something in it, of Go's own encoder.
func goJPEG(t testing.TB, width, height int, grey bool) []byte {
	t.Helper()
	var img image.Image
	if grey {
		p := image.NewGray(image.Rect(0, 0, width, height))
		for i := range p.Pix {
			p.Pix[i] = byte(i*i/width ^ i)
		}
		img = p
	} else {
		p := image.NewRGBA(image.Rect(0, 0, width, height))
		for y := range height {
			for x := range width {
				p.SetRGBA(x, y, color.RGBA{byte(x * y), byte(x ^ y), byte(x*x + y), 255})
			}
		}
		img = p
	}
	var out bytes.Buffer
	if err := jpeg.Encode(&out, img, &jpeg.Options{Quality: 80}); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// photographs are pictures of other people's encoders, by path: those of Go's own image tests and
// those that the gocv module ships. Progressive ones, CMYK, odd subsampling, restart intervals and
// EXIF thumbnails are among them.
func photographs(t testing.TB) map[string][]byte {
	t.Helper()
	found := make(map[string][]byte)
	for _, place := range []struct {
		folder  string
		command []string
	}{
		{"src/image/testdata", []string{"env", "GOROOT"}},
		{"images", []string{"list", "-m", "-f", "{{.Dir}}", "gocv.io/x/gocv"}},
	} {
		out, err := exec.CommandContext(t.Context(), "go", place.command...).Output()
		folder := strings.TrimSpace(string(out))
		if err != nil || folder == "" {
			t.Logf("NOT TESTED: the pictures of go %s: %q, %v", strings.Join(place.command, " "), folder, err)
			continue
		}
		paths, _ := filepath.Glob(filepath.Join(folder, place.folder, "*.jp*g")) // the pattern is a good one
		if len(paths) == 0 {
			t.Logf("NOT TESTED: no pictures in %s/%s", folder, place.folder)
		}
		for _, path := range paths {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			found[path] = data
		}
	}
	if len(found) == 0 {
		t.Skip("NOT TESTED: neither Go's source nor the gocv module is here, so there are no photographs")
	}
	return found
}

// segment is one JPEG marker segment.
func segment(marker byte, content ...byte) []byte {
	s := []byte{0xFF, marker, 0, 0}
	binary.BigEndian.PutUint16(s[2:], uint16(len(content)+2))
	return append(s, content...)
}

// findMarker returns where the first segment with the marker begins and ends. It trusts data.
func findMarker(t testing.TB, data []byte, marker byte) (from, to int) {
	t.Helper()
	for i := 2; i+4 <= len(data) && data[i] == 0xFF; {
		end := i + 2 + int(binary.BigEndian.Uint16(data[i+2:]))
		if data[i+1] == marker {
			return i, end
		}
		if data[i+1] == sos {
			break
		}
		i = end
	}
	t.Fatalf("no segment %#02x before the scan", marker)
	return 0, 0
}

const (
	sof0 = 0xC0
	dht  = 0xC4
	sos  = 0xDA
	app1 = 0xE1
)

// without returns a copy of data that lacks the first segment with the marker.
func without(t testing.TB, data []byte, marker byte) []byte {
	t.Helper()
	from, to := findMarker(t, data, marker)
	return slices.Concat(data[:from], data[to:])
}

// before returns a copy of data with more put in before the first segment with the marker.
func before(t testing.TB, data []byte, marker byte, more ...byte) []byte {
	t.Helper()
	from, _ := findMarker(t, data, marker)
	return slices.Concat(data[:from], more, data[from:])
}

// resized returns a copy of data whose header claims another size.
func resized(t testing.TB, data []byte, width, height int) []byte {
	t.Helper()
	return patched(t, data, sof0, 5, byte(height>>8), byte(height), byte(width>>8), byte(width))
}

// patched returns a copy of data with bytes of the first segment with the marker replaced, from
// the offset on, which counts from the marker's 0xFF.
func patched(t testing.TB, data []byte, marker byte, offset int, with ...byte) []byte {
	t.Helper()
	from, _ := findMarker(t, data, marker)
	data = slices.Clone(data)
	copy(data[from+offset:], with)
	return data
}
