package segment_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/lensbus/lensbus/recorder/segment"
)

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
