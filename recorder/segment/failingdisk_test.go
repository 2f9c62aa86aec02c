package segment_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/lensbus/lensbus/recorder/segment"
)

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
