package segment_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lensbus/lensbus/recorder/segment"
)

// plain makes a plain file of these frames, which come as over a network, in pieces of that many bytes. expect
// is how many frames are expected, negative for not known.
func plain(t *testing.T, all []segment.Record, expect, pieces int) string {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "plain.mp4"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	p := segment.NewPlain(f)
	if expect >= 0 {
		p.Expect(uint64(expect))
	}
	err = segment.WriteMP4(writer(func(data []byte) (int, error) {
		for at := 0; at < len(data); at += pieces {
			if _, err := p.Write(data[at:min(at+pieces, len(data))]); err != nil {
				return at, err
			}
		}
		return len(data), nil
	}), sequence(all, nil))
	if err = errors.Join(err, p.Close()); err != nil {
		t.Fatal(err)
	}
	if info, err := f.Stat(); err != nil || info.Size() != p.Size() {
		t.Errorf("%d bytes are said to be in a file of %d", p.Size(), info.Size())
	}
	return f.Name()
}

type writer func([]byte) (int, error)

func (w writer) Write(data []byte) (int, error) { return w(data) }

// boxes are the kinds of a file's outermost boxes, which must fill it.
func boxes(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for len(data) > 0 {
		size := uint64(binary.BigEndian.Uint32(data))
		if size == 1 {
			size = binary.BigEndian.Uint64(data[8:])
		}
		kinds = append(kinds, string(data[4:8]))
		data = data[size:]
	}
	return strings.Join(kinds, " ")
}

// seconds is what ffprobe says of a file's length.
func seconds(t *testing.T, path string) float64 {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), program(t, "ffprobe"), "-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0", path).Output()
	if err != nil {
		t.Fatal(err)
	}
	s, err := strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Players find every frame and its time in a plain file, wherever its tables are, and get to any moment.
func TestPlain(t *testing.T) {
	all := shot(t, random(t, 7), 90)
	for name, test := range map[string]struct {
		expect, pieces int
		want           string
	}{
		"about right":     {90, 4000, "ftyp moov free mdat"},
		"far too few":     {0, 1, "ftyp moov free mdat"}, // there is always some room
		"nothing is said": {-1, 1 << 20, "ftyp mdat moov"},
		"far too many":    {5000, 7, "ftyp moov free mdat"},
	} {
		t.Run(name, func(t *testing.T) {
			p := plain(t, all, test.expect, test.pieces)
			if got := boxes(t, p); got != test.want {
				t.Errorf("boxes %s, want %s", got, test.want)
			}
			packets, complaints := probe(t, p)
			if complaints != "" {
				t.Errorf("ffprobe: %s", complaints)
			}
			played(t, all, packets)
			whole := all[len(all)-1].Captured.Sub(all[0].Captured).Seconds()
			if got := seconds(t, p); got < whole || got > whole+1 {
				t.Errorf("%v s, want %v and the last frame", got, whole)
			}
			if n := decoded(t, p); n != len(all) {
				t.Errorf("%d pictures of %d", n, len(all))
			}
			at := 55
			since := all[at].Captured.Sub(all[0].Captured)
			out, err := exec.CommandContext(t.Context(), program(t, "ffmpeg"), "-v", "error", "-ss", strconv.FormatFloat(since.Seconds()+0.000001, 'f', 6, 64),
				"-i", p, "-frames:v", "1", "-c", "copy", "-f", "image2pipe", "-").Output()
			if err != nil || !bytes.Equal(out, all[at].Data) {
				t.Errorf("at %v there is another picture, of %d bytes: %v", since, len(out), err)
			}
		})
	}
}

// Long times without a frame do not fit the table in microseconds, nor in milliseconds: coarser ones are
// enough then.
func TestPlainWithALongHole(t *testing.T) {
	for hole, off := range map[time.Duration]float64{5 * time.Hour: 0.001, 50 * 24 * time.Hour: 0.01, 490 * 24 * time.Hour: 0.01} {
		all := shot(t, random(t, 8), 20)
		for i := 10; i < len(all); i++ {
			all[i].Captured = all[i].Captured.Add(hole)
		}
		p := plain(t, all, len(all), 1<<20)
		out, err := exec.CommandContext(t.Context(), program(t, "ffprobe"), "-v", "error", "-select_streams", "v:0", "-show_entries", "packet=pts_time", "-of", "csv=p=0", p).Output()
		if err != nil {
			t.Fatal(err)
		}
		times := strings.Fields(strings.ReplaceAll(string(out), ",", " "))
		if len(times) != len(all) {
			t.Fatalf("%v: %d frames of %d", hole, len(times), len(all))
		}
		for i, text := range times {
			got, err := strconv.ParseFloat(text, 64)
			want := all[i].Captured.Sub(all[0].Captured).Seconds()
			if err != nil || got-want > off || want-got > off {
				t.Errorf("%v: frame %d is at %s, want %v", hole, i, text, want)
			}
		}
	}
}

// What fits in no way is refused when it comes, and not at the end.
func TestPlainWithAHoleThatIsTooLong(t *testing.T) {
	all := shot(t, random(t, 8), 20)
	for i := 10; i < len(all); i++ {
		all[i].Captured = all[i].Captured.Add(500 * 24 * time.Hour)
	}
	f, err := os.Create(filepath.Join(t.TempDir(), "hole.mp4"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	p := segment.NewPlain(f)
	if err := segment.WriteMP4(p, sequence(all, nil)); err == nil || !strings.Contains(err.Error(), "12000h") || !strings.Contains(err.Error(), "--from and --to") {
		t.Error(err)
	}
}

// holes writes nothing of what is large.
type holes struct{ *os.File }

func (h holes) Write(data []byte) (int, error) {
	if len(data) < 1<<20 {
		return h.File.Write(data)
	}
	_, err := h.Seek(int64(len(data)), io.SeekCurrent)
	return len(data), err
}

// A file of more than 4 GiB has places that 32 bits do not hold.
func TestPlainOfManyBytes(t *testing.T) {
	all := shot(t, random(t, 11), 80)
	large := make([]byte, 60<<20)
	for i := range all {
		all[i].Data = large
	}
	f, err := os.Create(filepath.Join(t.TempDir(), "plain.mp4"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	p := segment.NewPlain(holes{f})
	if err := errors.Join(segment.WriteMP4(p, sequence(all, nil)), p.Close()); err != nil {
		t.Fatal(err)
	}
	moov := make([]byte, 8<<10)
	n, err := f.ReadAt(moov, p.Size()-4<<10)
	if err != nil && !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	table := bytes.Index(moov[:n], []byte("co64"))
	if table < 0 {
		t.Fatal("there is no co64")
	}
	be := binary.BigEndian
	entries := moov[table+12:]
	if count := be.Uint32(moov[table+8:]); count != 80 {
		t.Fatalf("%d places", count)
	}
	first, last := be.Uint64(entries), be.Uint64(entries[79*8:])
	if last-first != 79*60<<20 || last+60<<20 > uint64(p.Size()) {
		t.Errorf("from %d to %d in a file of %d", first, last, p.Size())
	}
	var head [16]byte
	if _, err := f.ReadAt(head[:], int64(first)-16); err != nil || string(head[4:8]) != "mdat" || be.Uint64(head[8:]) != 16+80*60<<20 {
		t.Errorf("before the first there is %q: %v", head, err)
	}
}

func TestPlainOfWhatIsNone(t *testing.T) {
	all := shot(t, random(t, 9), 12)
	var whole bytes.Buffer
	if err := segment.WriteMP4(&whole, sequence(all, nil)); err != nil {
		t.Fatal(err)
	}
	write := func(data []byte) error {
		f, err := os.Create(filepath.Join(t.TempDir(), "plain.mp4"))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		p := segment.NewPlain(f)
		_, err = p.Write(data)
		if err == nil {
			err = p.Close()
		}
		return err
	}
	if err := write(nil); !errors.Is(err, segment.ErrNoFrames) {
		t.Errorf("nothing: %v", err)
	}
	moof := bytes.Index(whole.Bytes(), []byte("moof")) - 4
	for name, data := range map[string][]byte{
		"text":             []byte("<html>no film</html>"),
		"cut":              whole.Bytes()[:whole.Len()-1],
		"cut in a head":    append(bytes.Clone(whole.Bytes()), 0, 0, 0),
		"no head":          whole.Bytes()[moof:],
		"two heads":        append(bytes.Clone(whole.Bytes()[:moof]), whole.Bytes()...),
		"a part twice":     append(bytes.Clone(whole.Bytes()), whole.Bytes()[moof:]...),
		"another moof":     bytes.Replace(whole.Bytes(), []byte("trun"), []byte("xrun"), 1),
		"no mdat":          append(bytes.Clone(whole.Bytes()), whole.Bytes()[moof:moof+200]...),
		"a huge box":       {0x7f, 0xff, 0xff, 0xff, 'f', 't', 'y', 'p'},
		"a box of no size": {0, 0, 0, 0, 'f', 't', 'y', 'p', 0, 0, 0, 0},
	} {
		if err := write(data); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	// A disk that is full says so.
	p := segment.NewPlain(&limitedSeeker{room: 3000})
	if _, err := io.Copy(p, &whole); !errors.Is(err, errNarrow) {
		t.Errorf("a full disk: %v", err)
	}
}

var errNarrow = errors.New("no room")

// limitedSeeker takes so many bytes.
type limitedSeeker struct{ room int }

func (l *limitedSeeker) Write(p []byte) (int, error) {
	n := min(len(p), l.room)
	if l.room -= n; n < len(p) {
		return n, errNarrow
	}
	return n, nil
}

func (l *limitedSeeker) Seek(int64, int) (int64, error) { return 0, nil }

// Whatever comes, it is an error or a file, and no more than came.
func FuzzPlain(f *testing.F) {
	all := shot(f, random(f, 10), 3)
	var whole bytes.Buffer
	if err := segment.WriteMP4(&whole, sequence(all, nil)); err != nil {
		f.Fatal(err)
	}
	f.Add(whole.Bytes())
	f.Add(whole.Bytes()[:400])
	f.Fuzz(func(t *testing.T, data []byte) {
		p := segment.NewPlain(&limitedSeeker{room: 1 << 30})
		if _, err := p.Write(data); err == nil && p.Close() == nil && p.Size() > int64(2*len(data)+8<<10) {
			t.Errorf("%d bytes of %d", p.Size(), len(data))
		}
	})
}
