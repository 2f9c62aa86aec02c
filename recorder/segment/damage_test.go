package segment_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lensbus/lensbus/recorder/segment"
)

func TestClosedFilesThatAreNone(t *testing.T) {
	d := openFolder(t)
	p := segment.Path("front", day())
	for _, data := range [][]byte{nil, []byte("x"), make([]byte, 70_000)} {
		put(t, d, p, data)
		if _, err := d.Open(p); !errors.Is(err, segment.ErrDamaged) {
			t.Errorf("open: %v", err)
		}
		if _, damage, err := d.Verify(p); err != nil || len(damage) != 1 || damage[0].Kind != segment.DamageFile {
			t.Errorf("verify: %+v, %v", damage, err)
		}
		if left, err := os.ReadFile(full(d, p)); err != nil || !bytes.Equal(left, data) {
			t.Errorf("touched: %v", err)
		}
	}
	if err := os.Remove(full(d, p)); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(full(d, p), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Open(p); !errors.Is(err, segment.ErrDamaged) { // and does not wait
		t.Errorf("open of a pipe: %v", err)
	}
}

// Whatever is changed in a file, a reader gives the frames that are as they were, says that others
// are missing, and never gives anything else.
func TestDamageAnywhere(t *testing.T) {
	d := openFolder(t)
	r := random(t, 23)
	all := shot(t, r, 40)
	data, ends := file(t, d, all, 5)
	name, err := segment.ParsePath(segment.Path("front", day()))
	if err != nil {
		t.Fatal(err)
	}
	partOf := func(at int64) int {
		i, exact := slices.BinarySearch(ends, at)
		if exact {
			i++
		}
		return i
	}
	changes := map[string]func(b []byte, at int){
		"a bit":   func(b []byte, at int) { b[at] ^= 1 << r.IntN(8) },
		"a block": func(b []byte, at int) { clear(b[at:min(at+512, len(b))]) },
		"noise": func(b []byte, at int) {
			for i := at; i < min(at+3000, len(b)); i++ {
				b[i] = byte(r.Uint32())
			}
		},
	}
	for kind, change := range changes {
		for i := range 60 {
			bad := bytes.Clone(data)
			at := r.IntN(len(bad))
			if i < len(ends)-1 { // and what it is most about
				at = int(ends[i]) + r.IntN(100)
			}
			change(bad, at)
			if bytes.Equal(bad, data) {
				continue
			}
			first, last := partOf(int64(at)), partOf(int64(min(at+3000, len(bad)-1)))
			reader, _, err := segment.Scan(bytes.NewReader(bad), int64(len(bad)), name)
			if err != nil {
				t.Fatalf("%s at %d: %v", kind, at, err)
			}
			got, damage := collect(t, reader, time.Time{}, time.Time{})
			kept := 0
			for _, rec := range all {
				if kept < len(got) && got[kept].Seq == rec.Seq {
					same(t, []segment.Record{rec}, got[kept:kept+1])
					kept++
				}
			}
			if kept != len(got) {
				t.Fatalf("%s at %d: %d frames of which %d are the segment's", kind, at, len(got), kept)
			}
			for i, rec := range all {
				if part := i / 5; part < first || part > last {
					if !slices.ContainsFunc(got, func(g segment.Record) bool { return g.Seq == rec.Seq }) {
						t.Fatalf("%s at %d, in parts %d to %d: frame %d of part %d is missing", kind, at, first, last, rec.Seq, part)
					}
				}
			}
			if verified := reader.Verify(); len(got) < len(all) && len(damage) == 0 || len(damage) == 0 && len(verified) == 0 {
				t.Fatalf("%s at %d: %d of %d frames, damage %+v, verified %+v", kind, at, len(got), len(all), damage, verified)
			}
		}
	}
}

func TestDamageSaysWhatIsLost(t *testing.T) {
	d := openFolder(t)
	all := shot(t, random(t, 24), 30)
	data, ends := file(t, d, all, 10)
	p := segment.Path("front", day())

	t.Run("a frame", func(t *testing.T) {
		bad := bytes.Clone(data)
		bad[ends[1]-1] ^= 1 // the last byte of frame 19
		put(t, d, p, bad)
		got, damage := read(t, d, p, time.Time{}, time.Time{})
		same(t, append(slices.Clone(all[:19]), all[20:]...), got)
		_, verified, err := d.Verify(p)
		for _, found := range [][]segment.Damage{damage, verified} {
			if err != nil || len(found) != 1 || found[0].Kind != segment.DamageFrame || found[0].FirstSeq != all[19].Seq || found[0].LastSeq != all[19].Seq ||
				!found[0].From.Equal(all[19].Captured) || found[0].Offset+found[0].Length != ends[1] {
				t.Errorf("%+v, %v", found, err)
			}
		}
	})
	t.Run("a part", func(t *testing.T) {
		bad := bytes.Clone(data)
		bad[ends[0]+2] ^= 1 // of the size of its box
		put(t, d, p, bad)
		got, damage := read(t, d, p, time.Time{}, time.Time{})
		same(t, append(slices.Clone(all[:10]), all[20:]...), got)
		if len(damage) != 1 || damage[0].Kind != segment.DamageParts || damage[0].Offset != ends[0] || damage[0].Length != ends[1]-ends[0] ||
			damage[0].FirstSeq != all[9].Seq+1 || damage[0].LastSeq != all[20].Seq-1 || !damage[0].From.Equal(all[9].Captured) || !damage[0].To.Equal(all[20].Captured) {
			t.Errorf("%+v", damage)
		}
		if _, damage := read(t, d, p, all[20].Captured, time.Time{}); len(damage) > 0 {
			t.Errorf("damage that was not asked for: %+v", damage)
		}
		if _, damage := read(t, d, p, time.Time{}, all[9].Captured); len(damage) > 0 {
			t.Errorf("damage that was not asked for: %+v", damage)
		}
	})
	t.Run("a part cut out", func(t *testing.T) {
		put(t, d, p, append(bytes.Clone(data[:ends[0]]), data[ends[1]:]...))
		got, damage := read(t, d, p, time.Time{}, time.Time{})
		same(t, append(slices.Clone(all[:10]), all[20:]...), got)
		if len(damage) != 1 || damage[0].Kind != segment.DamageParts || !strings.Contains(damage[0].Detail, "parts 2 to 2 are missing") {
			t.Errorf("%+v", damage)
		}
	})
	t.Run("a part twice", func(t *testing.T) {
		put(t, d, p, append(bytes.Clone(data[:ends[1]]), data[ends[0]:]...))
		got, damage := read(t, d, p, time.Time{}, time.Time{})
		same(t, all, got)
		if len(damage) != 1 || damage[0].Length != ends[1]-ends[0] {
			t.Errorf("%+v", damage)
		}
	})
	t.Run("the end", func(t *testing.T) {
		put(t, d, p, data[:ends[2]-1])
		got, damage := read(t, d, p, time.Time{}, time.Time{})
		same(t, all[:20], got)
		if len(damage) != 1 || damage[0].Kind != segment.DamageTorn || damage[0].Frames != 10 || damage[0].FirstSeq != all[20].Seq || damage[0].LastSeq != all[29].Seq {
			t.Errorf("%+v", damage)
		}
	})
	t.Run("the head", func(t *testing.T) {
		bad := bytes.Clone(data)
		clear(bad[:100])
		put(t, d, p, bad)
		got, _ := read(t, d, p, time.Time{}, time.Time{})
		same(t, all, got)
		if _, damage, err := d.Verify(p); err != nil || len(damage) != 2 || damage[1].Kind != segment.DamagePlayers {
			t.Errorf("%+v, %v", damage, err)
		}
	})
	t.Run("a moof", func(t *testing.T) {
		bad := bytes.Clone(data)
		i := bytes.LastIndex(bad, []byte("trun"))
		bad[i+8] ^= 1
		put(t, d, p, bad)
		got, damage := read(t, d, p, time.Time{}, time.Time{})
		same(t, all, got)
		_, verified, err := d.Verify(p)
		if err != nil || len(damage) > 0 || len(verified) != 1 || verified[0].Kind != segment.DamagePlayers {
			t.Errorf("%+v %+v, %v", damage, verified, err)
		}
	})
	t.Run("no picture", func(t *testing.T) {
		changed := slices.Clone(all)
		changed[4].Data = []byte("not a picture")
		changed[5].Data = picture(t, random(t, 1), 16, 24, 0)
		if err := os.Remove(full(d, p)); err != nil {
			t.Fatal(err)
		}
		info := write(t, d, changed, 10)
		got, _ := read(t, d, info.Path, time.Time{}, time.Time{})
		same(t, changed, got)
		_, damage, err := d.Verify(info.Path)
		if err != nil || len(damage) != 2 || damage[0].Kind != segment.DamagePicture || damage[0].FirstSeq != changed[4].Seq || damage[1].FirstSeq != changed[5].Seq {
			t.Errorf("%+v, %v", damage, err)
		}
	})
}

// A publisher may send pictures with parts in them. Where a search comes upon those, they are not taken.
func TestPicturesThatLookLikeParts(t *testing.T) {
	d := openFolder(t)
	r := random(t, 25)
	forged, ends := file(t, d, shot(t, r, 10), 2)
	all := shot(t, random(t, 26), 20)
	for i := range all {
		all[i].Data = append(append(bytes.Clone(all[i].Data[:len(all[i].Data)-2]), forged[ends[0]:]...), 0xFF, 0xD9)
	}
	data, ends := file(t, d, all, 5)
	p := segment.Path("front", day())
	for i := 1; i < 3; i++ {
		bad := bytes.Clone(data)
		bad[ends[i-1]+30] ^= 1
		put(t, d, p, bad)
		got, damage := read(t, d, p, time.Time{}, time.Time{})
		same(t, append(slices.Clone(all[:5*i]), all[5*i+5:]...), got)
		if len(damage) != 1 {
			t.Errorf("%+v", damage)
		}
	}
}

// Searching what is made to be searched for long ends.
func TestAFileFullOfMarks(t *testing.T) {
	d := openFolder(t)
	data, ends := file(t, d, shot(t, random(t, 27), 20), 10)
	mark := bytes.Clone(data[ends[0] : ends[0]+24])
	binary.BigEndian.PutUint32(mark, 300_000)
	bad := append(bytes.Clone(data[:ends[0]]), bytes.Repeat(mark, 1<<17)...)
	name, err := segment.ParsePath(segment.Path("front", day()))
	if err != nil {
		t.Fatal(err)
	}
	counted := &counter{r: bytes.NewReader(bad)}
	reader, damage, err := segment.Scan(counted, int64(len(bad)), name)
	if err != nil || reader.Info().Frames != 10 || len(damage) != 1 {
		t.Fatalf("%+v, %+v, %v", reader.Info(), damage, err)
	}
	if most := int64(len(bad)) * 6; counted.n > most {
		t.Errorf("read %d bytes of a file of %d", counted.n, len(bad))
	}
}

type counter struct {
	r *bytes.Reader
	n int64
}

func (c *counter) ReadAt(p []byte, at int64) (int, error) {
	n, err := c.r.ReadAt(p, at)
	c.n += int64(n)
	return n, err
}

// Opening a segment and reading one moment of it does not read the rest.
func TestOpenDoesNotReadPictures(t *testing.T) {
	d := openFolder(t)
	r := random(t, 28)
	all := shot(t, r, 60)
	for i := range all {
		all[i].Data = picture(t, r, 32, 24, 50_000)
	}
	data, _ := file(t, d, all, 15)
	name, err := segment.ParsePath(segment.Path("front", day()))
	if err != nil {
		t.Fatal(err)
	}
	c := &counter{r: bytes.NewReader(data)}
	reader, _, err := segment.Scan(c, int64(len(data)), name)
	if err != nil {
		t.Fatal(err)
	}
	opened := c.n
	got, _ := collect(t, reader, all[40].Captured, all[41].Captured)
	same(t, all[40:41], got)
	if opened > 20_000 || c.n-opened > 60_000 {
		t.Errorf("of %d bytes, %d to open, %d for a frame", len(data), opened, c.n-opened)
	}
}

var errDisk = errors.New("the disk is broken")
