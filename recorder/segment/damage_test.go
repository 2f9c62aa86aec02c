package segment_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/lensbus/lensbus/recorder/segment"
)

// file makes a segment and returns its bytes and where its parts end.
func file(t testing.TB, d *segment.Folder, all []segment.Record, partFrames int) (data []byte, ends []int64) {
	t.Helper()
	info := write(t, d, all, partFrames)
	r, err := d.Open(info.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	data, err = os.ReadFile(full(d, info.Path))
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Remove(info.Path); err != nil {
		t.Fatal(err)
	}
	return data, r.Ends()
}

// put makes a file of these bytes.
func put(t testing.TB, d *segment.Folder, p string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(full(d, p)), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(full(d, p), data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func partPath() string { return segment.Path("front", day()) + ".part" }

// A cut at any place leaves the frames of the parts that are whole, and nothing else.
func TestSalvageOfWhatIsCut(t *testing.T) {
	d := openFolder(t)
	r := random(t, 20)
	const partFrames = 6
	all := shot(t, r, 33)
	data, ends := file(t, d, all, partFrames)
	cuts := []int64{0, 1, 7, 8, 100, 700, 2000, int64(len(data)), int64(len(data)) - 1}
	for _, end := range ends {
		cuts = append(cuts, end-1, end, end+1, end+4, end+24, end+200)
	}
	for range 30 {
		cuts = append(cuts, r.Int64N(int64(len(data))))
	}
	for _, cut := range cuts {
		cut = min(cut, int64(len(data)))
		whole, end := 0, int64(0)
		for i, e := range ends {
			if e <= cut {
				whole, end = min((i+1)*partFrames, len(all)), e
			}
		}
		put(t, d, partPath(), data[:cut])
		// What can be read before, and changes nothing.
		if whole > 0 {
			got, damage := read(t, d, partPath(), time.Time{}, time.Time{})
			same(t, all[:whole], got)
			if len(damage) > 0 {
				t.Errorf("cut at %d: %+v", cut, damage)
			}
		} else if _, err := d.Open(partPath()); !errors.Is(err, segment.ErrDamaged) {
			t.Errorf("cut at %d: %v", cut, err)
		}
		s, err := d.Salvage(partPath())
		if err != nil {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		if whole == 0 {
			if s.Outcome != segment.Removed {
				t.Errorf("cut at %d: %+v", cut, s)
			}
			for e := range d.List("") {
				t.Errorf("cut at %d: there is %+v", cut, e)
			}
			continue
		}
		if s.Outcome != segment.Salvaged || s.Cut != cut-end || len(s.Damage) > 0 || s.Info.Path != segment.Path("front", day()) || s.Info.Bytes != end {
			t.Fatalf("cut at %d, where %d is whole: %+v", cut, end, s)
		}
		sameInfo(t, described(all[:whole]), s.Info)
		got, damage := read(t, d, s.Info.Path, time.Time{}, time.Time{})
		same(t, all[:whole], got)
		if info, verified, err := d.Verify(s.Info.Path); err != nil || len(damage)+len(verified) > 0 || !cmp.Equal(info, s.Info, cmpopts.EquateEmpty()) {
			t.Fatalf("cut at %d: %+v %+v %+v %v", cut, info, damage, verified, err)
		}
		if stored, err := os.ReadFile(full(d, s.Info.Path)); err != nil || !bytes.Equal(stored, data[:end]) {
			t.Fatalf("cut at %d: other bytes than were written (%v)", cut, err)
		}
		if err := d.Remove(s.Info.Path); err != nil {
			t.Fatal(err)
		}
	}
}

// A tail that has its length but not its bytes, as after a power cut.
func TestSalvageOfATailOfZeros(t *testing.T) {
	d := openFolder(t)
	all := shot(t, random(t, 21), 30)
	data, ends := file(t, d, all, 10)
	for from := ends[1] - 400; from < ends[2]; from += 97 {
		data := bytes.Clone(data)
		clear(data[from:])
		whole := 20
		if from < ends[1] {
			whole = 10
		}
		put(t, d, partPath(), data)
		s, err := d.Salvage(partPath())
		if err != nil || s.Outcome != segment.Salvaged {
			t.Fatalf("zero from %d: %+v, %v", from, s, err)
		}
		got, damage := read(t, d, s.Info.Path, time.Time{}, time.Time{})
		same(t, all[:whole], got)
		if len(damage) > 0 {
			t.Errorf("zero from %d: %+v", from, damage)
		}
		if err := d.Remove(s.Info.Path); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSalvageOfGarbage(t *testing.T) {
	d := openFolder(t)
	all := shot(t, random(t, 22), 5)
	whole, _ := file(t, d, all, 10)
	garbage := make([]byte, 100_000)
	for i := range garbage {
		garbage[i] = byte(random(t, uint64(i)).Uint32())
		if i > 5000 {
			break
		}
	}
	spoilt := bytes.Clone(whole)
	spoilt[len(spoilt)-50] ^= 1
	other := segment.Path("back", day()) + ".part"
	for name, c := range map[string]struct {
		path string
		data []byte
	}{
		"garbage":               {partPath(), garbage},
		"zeros":                 {partPath(), make([]byte, 5000)},
		"text":                  {partPath(), []byte("<html>")},
		"the only part damaged": {partPath(), spoilt},
		"of another camera":     {other, whole},
	} {
		t.Run(name, func(t *testing.T) {
			put(t, d, c.path, c.data)
			if _, err := d.Open(c.path); err == nil && name != "the only part damaged" {
				t.Error("opened")
			}
			_, damage, err := d.Verify(c.path)
			if err != nil || len(damage) == 0 {
				t.Errorf("verify: %+v, %v", damage, err)
			}
			s, err := d.Salvage(c.path)
			aside := strings.TrimSuffix(c.path, ".part") + ".damaged"
			if err != nil || s.Outcome != segment.PutAside || s.Info.Path != aside {
				t.Fatalf("%+v, %v", s, err)
			}
			if data, err := os.ReadFile(full(d, aside)); err != nil || !bytes.Equal(data, c.data) {
				t.Errorf("what was put aside is not what was there: %v", err)
			}
			if err := d.Remove(aside); err != nil {
				t.Error(err)
			}
		})
	}
	write(t, d, all, 3)
	if _, err := d.Salvage(segment.Path("front", day())); err == nil {
		t.Error("salvaged what is closed")
	}
	if _, err := d.Salvage(partPath()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("salvaged what is not there: %v", err)
	}
	// It is not written over what is there.
	put(t, d, partPath(), whole)
	if s, err := d.Salvage(partPath()); err != nil || s.Info.Path == segment.Path("front", day()) {
		t.Errorf("%+v, %v", s, err)
	}
}

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

// failing makes the n-th change of a kind fail, and returns how many there were.
func failing(d *segment.Folder, op segment.Op, n int) *int {
	count := new(int)
	d.Before = func(o segment.Op, _ string) error {
		if o == op {
			if *count++; *count == n {
				return errDisk
			}
		}
		return nil
	}
	return count
}

// Whatever fails: what a flush said was safe is there after salvage, once, and nothing that it did
// not say.
func TestFailingDisk(t *testing.T) {
	all := shot(t, random(t, 30), 20)
	const partFrames = 5
	for _, op := range []segment.Op{segment.OpMkdir, segment.OpCreate, segment.OpSyncFolder, segment.OpWrite, segment.OpSync, segment.OpRename} {
		for n := 1; ; n++ {
			d := openFolder(t)
			count := failing(d, op, n)
			saved, err := record(d, all, partFrames)
			if *count < n {
				if err != nil || saved != len(all) {
					t.Fatalf("%s %d did not happen: %d frames, %v", op, n, saved, err)
				}
				if n == 1 {
					t.Errorf("%s never happens", op)
				}
				break
			}
			name := fmt.Sprintf("%s %d", op, n)
			if !errors.Is(err, errDisk) {
				t.Fatalf("%s failed: %v", name, err)
			}
			d.Before = nil
			var got []segment.Record
			for e, err := range d.List("") {
				if err != nil {
					t.Fatal(err)
				}
				p := e.Path
				if e.State == segment.StatePart {
					s, err := d.Salvage(p)
					if err != nil || s.Outcome == segment.PutAside || s.Cut > 0 {
						t.Fatalf("%s: %+v, %v", name, s, err)
					}
					p = s.Info.Path
				}
				some, damage := read(t, d, p, time.Time{}, time.Time{})
				if len(damage) > 0 {
					t.Errorf("%s: %+v", name, damage)
				}
				got = append(got, some...)
			}
			if len(got) != saved {
				t.Errorf("%s: %d frames were safe, %d are there", name, saved, len(got))
			}
			same(t, all[:saved], got)
		}
	}
}

// record writes frames and returns how many of them are safe.
func record(d *segment.Folder, all []segment.Record, partFrames int) (saved int, err error) {
	w, err := d.Create(&all[0].Frame, segment.Options{})
	if err != nil {
		return 0, err
	}
	defer w.Abort()
	for i := range all {
		if err := w.Append(&all[i].Frame, all[i].Stored, all[i].Gaps...); err != nil {
			return saved, err
		}
		if (i+1)%partFrames > 0 {
			continue
		}
		if err := w.Flush(); err != nil {
			if again := w.Flush(); !errors.Is(again, err) {
				return saved, fmt.Errorf("the writer lives again after %w: %w", err, again)
			}
			if again := w.Append(&all[i].Frame, 1); !errors.Is(again, err) {
				return saved, fmt.Errorf("the writer lives again after %w: %w", err, again)
			}
			if _, again := w.Close(); !errors.Is(again, err) {
				return saved, fmt.Errorf("the writer lives again after %w: %w", err, again)
			}
			return saved, err
		}
		saved = i + 1
	}
	_, err = w.Close()
	return saved, err
}

// Interrupted at any change, salvage can be done again.
func TestFailingSalvage(t *testing.T) {
	all := shot(t, random(t, 31), 20)
	data, ends := file(t, openFolder(t), all, 5)
	for _, c := range []struct {
		name string
		cut  int64
		want int
		ops  []segment.Op
	}{
		{"cut", ends[2] + 50, 15, []segment.Op{segment.OpTruncate, segment.OpSync, segment.OpRename, segment.OpSyncFolder}},
		{"whole", ends[3], 20, []segment.Op{segment.OpSync, segment.OpRename, segment.OpSyncFolder}},
		{"empty", 0, 0, []segment.Op{segment.OpRemove, segment.OpSyncFolder}},
	} {
		for _, op := range c.ops {
			d := openFolder(t)
			put(t, d, partPath(), data[:c.cut])
			failing(d, op, 1)
			if s, err := d.Salvage(partPath()); !errors.Is(err, errDisk) {
				t.Errorf("%s, %s: %+v, %v", c.name, op, s, err)
			}
			d.Before = nil
			if s, err := d.Salvage(partPath()); err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s, %s: %+v, %v", c.name, op, s, err)
			}
			if c.want == 0 {
				for e := range d.List("") {
					t.Errorf("%s, %s: there is %+v", c.name, op, e)
				}
				continue
			}
			got, damage := read(t, d, segment.Path("front", day()), time.Time{}, time.Time{})
			same(t, all[:c.want], got)
			if len(damage) > 0 {
				t.Errorf("%+v", damage)
			}
		}
	}
}

func TestAReadOnlyFolder(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("SKIPPED: root may write everywhere, so this must run as somebody else")
	}
	d := openFolder(t)
	all := shot(t, random(t, 32), 5)
	put(t, d, partPath(), []byte{})
	dir := filepath.Dir(full(d, partPath()))
	if err := os.Chmod(dir, 0o500); err != nil { //nolint:gosec // a folder needs x
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(dir, 0o700) }) //nolint:gosec // a folder needs x
	if _, err := d.Create(&all[0].Frame, segment.Options{}); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("create: %v", err)
	}
	if _, err := d.Salvage(partPath()); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("salvage: %v", err)
	}
	if err := d.Remove(partPath()); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("remove: %v", err)
	}
}
