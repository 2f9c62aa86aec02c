package source

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/lensbus/lensbus/frame"
)

// noiseJPEG is a JPEG of about size bytes; each seed gives another one.
func noiseJPEG(t testing.TB, seed uint64, side int) []byte {
	t.Helper()
	random := rand.New(rand.NewPCG(seed, 7))
	img := image.NewGray(image.Rect(0, 0, side, side))
	for i := range img.Pix {
		img.Pix[i] = byte(random.Uint32())
	}
	var out bytes.Buffer
	if err := jpeg.Encode(&out, img, &jpeg.Options{Quality: 90}); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// withThumbnail puts a whole JPEG into an APP1 segment of pic, as cameras do.
func withThumbnail(pic, thumbnail []byte) []byte {
	n := len(thumbnail) + 2
	out := append([]byte{0xFF, 0xD8, 0xFF, 0xE1, byte(n >> 8), byte(n)}, thumbnail...)
	return append(out, pic[2:]...)
}

// readAll is what a stream gives until it ends.
func readAll(r io.Reader, boundary string, maxBytes int) (pictures [][]byte, dropped []string, lies int, err error) {
	m := newMultipartReader(r, boundary, maxBytes)
	m.dropped = func(why string) { dropped = append(dropped, why) }
	m.lied = func() { lies++ }
	for {
		pic, err := m.next()
		if err != nil {
			return pictures, dropped, lies, err
		}
		pictures = append(pictures, pic.Data)
	}
}

func TestMultipart(t *testing.T) {
	a, b, c := noiseJPEG(t, 1, 100), noiseJPEG(t, 2, 120), noiseJPEG(t, 3, 80)
	thumb := withThumbnail(b, noiseJPEG(t, 4, 16))
	part := func(delimiter string, header string, data []byte) string {
		return delimiter + "\r\n" + header + "\r\n" + string(data) + "\r\n"
	}
	length := func(n int) string { return fmt.Sprintf("Content-Type: image/jpeg\r\nContent-Length: %d\r\n", n) }
	const plain = "Content-Type: image/jpeg\r\n"
	proper := func(delimiter string) string {
		return part(delimiter, length(len(a)), a) + part(delimiter, length(len(thumb)), thumb) + part(delimiter, length(len(c)), c)
	}
	all := [][]byte{a, thumb, c}
	cut := a[:len(a)/2]

	tests := []struct {
		name, boundary, stream string
		want                   [][]byte
		dropped, lies          int
		err                    error // nil: io.EOF
	}{
		{name: "as RFC 2046 has it", boundary: "frame", stream: proper("--frame") + "--frame--\r\n", want: all},
		{name: "boundary announced with its dashes", boundary: "--frame", stream: proper("--frame"), want: all},
		{name: "boundary doubly dashed", boundary: "--frame", stream: proper("----frame"), want: all},
		{name: "boundary sent without dashes", boundary: "frame", stream: proper("frame"), want: all},
		{name: "boundary quoted", boundary: `"a frame"`, stream: proper("--frame"), want: all},
		{name: "boundary not announced", boundary: "", stream: proper("--x"), want: all},
		{name: "another boundary than announced", boundary: "frame", stream: proper("--ImageData"), want: all},
		{name: "preamble", boundary: "frame", stream: "This is a stream.\r\nOf pictures.\r\n" + proper("--frame"), want: all},
		{name: "preamble, boundary not announced", boundary: "", stream: "\r\nhello\r\n\r\n" + proper("--frame"), want: all},
		{name: "every delimiter is the last one", boundary: "frame", stream: proper("--frame--"), want: all},
		{
			name: "bare line feeds", boundary: "frame",
			stream: "--frame\n" + fmt.Sprintf("Content-Length: %d\n\n", len(a)) + string(a) + "\n--frame\n\n" + string(thumb) + "\n--frame\n\n" + string(c) + "\n", want: all,
		},
		{
			name: "no lengths", boundary: "frame",
			stream: part("--frame", plain, a) + part("--frame", plain, thumb) + part("--frame", plain, c), want: all,
		},
		{name: "no headers", boundary: "frame", stream: part("--frame", "", a) + part("--frame", "", thumb) + part("--frame", "", c), want: all},
		{name: "no empty line before the picture", boundary: "frame", stream: "--frame\r\n" + length(len(a)) + string(a) + "\r\n" + part("--frame", plain, c), want: [][]byte{a, c}},
		{name: "no line end before the delimiter", boundary: "frame", stream: "--frame\r\n\r\n" + string(a) + "--frame\r\n\r\n" + string(c) + "--frame\r\n", want: [][]byte{a, c}},
		{name: "padding in the length", boundary: "frame", stream: part("--frame", length(len(a)+64), append(bytes.Clone(a), make([]byte, 64)...)) + part("--frame", length(len(c)), c), want: [][]byte{a, c}},
		{
			name: "length too small", boundary: "frame",
			stream: part("--frame", length(len(a)-50), a) + part("--frame", length(len(thumb)-50), thumb) + part("--frame", length(10), c), want: all, lies: 1,
		},
		{
			name: "length too large", boundary: "frame",
			stream: part("--frame", length(len(a)+50), a) + part("--frame", length(len(thumb)+5000), thumb) + part("--frame", length(1<<30), c), want: all, lies: 1,
		},
		{name: "length absurd", boundary: "frame", stream: part("--frame", "Content-Length: 99999999999999999999\r\n", a) + part("--frame", "content-length: -5\r\n", thumb) + part("--frame", "CONTENT-LENGTH : x\r\n", c), want: all},
		{name: "length over the limit", boundary: "frame", stream: part("--frame", length(1<<20+1), a) + part("--frame", length(len(c)), c), want: [][]byte{a, c}, lies: 1},
		{name: "a picture cut off, with its true length", boundary: "frame", stream: part("--frame", length(len(cut)), cut) + part("--frame", length(len(c)), c), want: [][]byte{c}, dropped: 1, lies: 1},
		{name: "a picture cut off, with the length of the whole", boundary: "frame", stream: part("--frame", length(len(a)), cut) + part("--frame", length(len(c)), c), want: [][]byte{c}, dropped: 1, lies: 1},
		{name: "a picture cut off, without length", boundary: "frame", stream: part("--frame", plain, cut) + part("--frame", plain, c), want: [][]byte{c}, dropped: 1},
		{name: "parts that are no pictures", boundary: "frame", stream: part("--frame", "Content-Type: text/html\r\n", []byte("<html>")) + part("--frame", length(0), nil) + part("--frame", length(len(c)), c), want: [][]byte{c}, dropped: 2},
		{name: "a header without end", boundary: "frame", stream: "--frame\r\nX: " + strings.Repeat("y", 70000) + "\r\n" + part("--frame", length(len(c)), c), want: [][]byte{c}, dropped: 1},
		{name: "many header lines", boundary: "frame", stream: "--frame\r\n" + strings.Repeat("X-Y: z\r\n", 9000) + "\r\n" + part("--frame", length(len(c)), c), want: [][]byte{c}, dropped: 1},
		{name: "no boundaries at all", boundary: "frame", stream: string(a) + string(thumb) + "\r\n\r\n" + string(c), want: all},
		{name: "stops in mid-picture", boundary: "frame", stream: part("--frame", length(len(a)), a) + "--frame\r\n" + length(len(c)) + "\r\n" + string(c[:200]), want: [][]byte{a}, err: io.ErrUnexpectedEOF},
		{name: "stops in mid-header", boundary: "frame", stream: part("--frame", length(len(a)), a) + "--frame\r\nContent-Le", want: [][]byte{a}, err: io.ErrUnexpectedEOF},
		{name: "nothing", boundary: "frame", stream: ""},
	}
	for _, test := range tests {
		for _, reader := range []struct {
			name string
			wrap func(io.Reader) io.Reader
		}{{"at once", func(r io.Reader) io.Reader { return r }}, {"byte by byte", iotest.OneByteReader}} {
			t.Run(test.name+"/"+reader.name, func(t *testing.T) {
				got, dropped, lies, err := readAll(reader.wrap(strings.NewReader(test.stream)), test.boundary, 1<<20)
				if want := test.err; !errors.Is(err, want) && (want != nil || err != io.EOF) {
					t.Errorf("ended with %v, want %v", err, want)
				}
				if len(dropped) != test.dropped || lies != test.lies {
					t.Errorf("dropped %d %q, lied %d times; want %d, %d", len(dropped), dropped, lies, test.dropped, test.lies)
				}
				if len(got) != len(test.want) {
					t.Fatalf("%d pictures, want %d", len(got), len(test.want))
				}
				for i := range got {
					whole, _, err := frame.CompleteJPEG(got[i], frame.Limits{})
					if err != nil || !bytes.Equal(whole, test.want[i]) {
						t.Errorf("picture %d is not the camera's: %d bytes, want %d; %v", i, len(got[i]), len(test.want[i]), err)
					}
				}
			})
		}
	}
}

// A picture is there when its last byte is, not when the next one begins.
func TestMultipartDoesNotWaitForTheNextPart(t *testing.T) {
	pic := noiseJPEG(t, 1, 64)
	for _, header := range []string{fmt.Sprintf("Content-Length: %d\r\n", len(pic)), "", fmt.Sprintf("Content-Length: %d\r\n", len(pic)-1)} {
		r, w := io.Pipe()
		go func() {
			_, _ = w.Write([]byte("--b\r\n" + header + "\r\n" + string(pic)))
			// and no more: the camera's next picture is a long time away
		}()
		got, err := newMultipartReader(r, "b", 1<<20).next()
		if err != nil || !bytes.Equal(got.Data, pic) || got.Captured.IsZero() {
			t.Errorf("header %q: %d bytes at %v, %v", header, len(got.Data), got.Captured, err)
		}
		_ = r.Close()
	}
}

func TestMultipartBoundsMemory(t *testing.T) {
	const limit = 100_000
	pic := noiseJPEG(t, 1, 100)
	endless := func(head string, filler byte, n int) string { return head + strings.Repeat(string([]byte{filler}), n) }
	for name, head := range map[string]string{
		"in a picture":           "--b\r\n\r\n" + string(pic[:len(pic)-2]),
		"in a picture of a size": "--b\r\nContent-Length: 99999\r\n\r\n" + string(pic[:len(pic)-2]),
		"in what is no picture":  "--b\r\n\r\nhello",
		"in a header":            "--b\r\nX: ",
		"before a boundary":      "",
		"without boundaries":     string(pic[:len(pic)-2]),
	} {
		stream := endless(head, 'x', 3_000_000) + "\r\n--b\r\n\r\n" + string(pic) + "\r\n--b\r\n"
		m := newMultipartReader(strings.NewReader(stream), "b", limit)
		got, err := m.next()
		if err != nil || !bytes.Equal(got.Data, pic) {
			t.Errorf("endless %s: %d bytes, %v; want the picture after it", name, len(got.Data), err)
		}
		if cap(m.buf) > 4*limit+4*readSize {
			t.Errorf("endless %s: the buffer grew to %d bytes", name, cap(m.buf))
		}
	}
}

// FuzzMultipart checks that hostile streams neither crash nor hang the reader, that what it gives
// is within bounds, and that it does not depend on how the bytes are cut up on their way.
func FuzzMultipart(f *testing.F) {
	files, err := filepath.Glob("testdata/multipart/*")
	if err != nil || len(files) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		for _, boundary := range []string{"frame", "--frame", ""} {
			f.Add(data, boundary)
		}
	}
	const limit = 1 << 16
	f.Fuzz(func(t *testing.T, data []byte, boundary string) {
		if len(data) > limit/2 {
			return
		}
		whole, dropped, lies, err := readAll(bytes.NewReader(data), boundary, limit)
		if err != io.EOF && err != io.ErrUnexpectedEOF {
			t.Fatalf("ended with %v", err)
		}
		total := 0
		for _, pic := range whole {
			if !hasSOI(pic) || !bytes.HasSuffix(pic, []byte{0xFF, 0xD9}) {
				t.Fatalf("a picture of %d bytes without its markers", len(pic))
			}
			total += len(pic)
		}
		if total > len(data) {
			t.Fatalf("%d bytes of pictures from %d", total, len(data))
		}
		pieces, droppedToo, liesToo, errToo := readAll(iotest.OneByteReader(bytes.NewReader(data)), boundary, limit)
		if len(pieces) != len(whole) || len(droppedToo) != len(dropped) || lies != liesToo || err != errToo {
			t.Fatalf("at once %d pictures, %q dropped, %d lies, %v; byte by byte %d, %q, %d, %v",
				len(whole), dropped, lies, err, len(pieces), droppedToo, liesToo, errToo)
		}
		for i := range whole {
			if !bytes.Equal(whole[i], pieces[i]) {
				t.Fatalf("picture %d differs byte by byte", i)
			}
		}
	})
}

func BenchmarkMultipart(b *testing.B) {
	pic := noiseJPEG(b, 1, 330)
	for _, length := range []bool{true, false} {
		header := ""
		if length {
			header = fmt.Sprintf("Content-Length: %d\r\n", len(pic))
		}
		part := []byte("--frame\r\n" + header + "\r\n" + string(pic) + "\r\n")
		b.Run(fmt.Sprintf("%dKB/length=%v", len(pic)/1000, length), func(b *testing.B) {
			m := newMultipartReader(&repeat{data: part}, "frame", 32<<20)
			b.SetBytes(int64(len(pic)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := m.next(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// repeat reads the same bytes for ever.
type repeat struct {
	data []byte
	at   int
}

func (r *repeat) Read(p []byte) (int, error) {
	n := copy(p, r.data[r.at:])
	r.at = (r.at + n) % len(r.data)
	return n, nil
}
