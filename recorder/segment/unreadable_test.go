package segment_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/lensbus/lensbus/recorder/segment"
)

// badSector is a file of which the disk does not give a piece.
type badSector struct {
	io.ReaderAt
	from, to int64
	healed   *atomic.Bool
}

func (b badSector) ReadAt(to []byte, offset int64) (int, error) {
	if b.healed.Load() || offset+int64(len(to)) <= b.from || offset >= b.to {
		return b.ReaderAt.ReadAt(to, offset)
	}
	n, _ := b.ReaderAt.ReadAt(to[:max(b.from-offset, 0)], offset)
	return n, &os.PathError{Op: "read", Path: "a segment", Err: syscall.EIO}
}

// numbersOf is how many numbers a segment's frames have, and why there may be more.
func numbersOf(t *testing.T, d *segment.Folder, path string) (n int, unknown error) {
	t.Helper()
	reader, err := d.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	for _, err := range reader.Numbers() {
		if err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// What the disk does not give is not damaged: nothing of it is cut off or put aside, readers have the rest, and
// when the disk is good again nothing has been lost.
func TestWhatCannotBeRead(t *testing.T) {
	all := shot(t, random(t, 60), 60)
	const partFrames = 6
	data, ends := file(t, openFolder(t), all, partFrames)
	for name, c := range map[string]struct {
		from, length int64
		readable     int // frames
	}{
		"the box of part 4":           {ends[2], 512, 54},
		"the middle of that box":      {ends[2] + 100, 1, 54},
		"a frame of the last part":    {ends[9] - 700, 500, 59},
		"the file's head":             {0, 512, 54}, // a page goes with it, and the first box in that
		"the box of the last part":    {ends[8], 512, 54},
		"two parts and what is after": {ends[7], 1 << 30, 48},
		"all of it":                   {0, 1 << 30, 0},
	} {
		t.Run(name, func(t *testing.T) {
			d := openFolder(t)
			put(t, d, partPath(), data)
			healed := new(atomic.Bool)
			d.Reads = func(_ string, f io.ReaderAt) io.ReaderAt { return badSector{f, c.from, c.from + c.length, healed} }
			for range 2 {
				if s, err := d.Salvage(partPath()); !errors.Is(err, syscall.EIO) || errors.Is(err, segment.ErrDamaged) {
					t.Fatalf("%+v, %v", s, err)
				}
				if now, err := os.ReadFile(full(d, partPath())); err != nil || !bytes.Equal(now, data) {
					t.Fatalf("%d bytes of %d are left: %v", len(now), len(data), err)
				}
			}
			_, damage, err := d.Verify(partPath())
			if c.readable == 0 {
				if !errors.Is(err, syscall.EIO) || len(damage) > 0 {
					t.Errorf("verify: %+v, %v", damage, err)
				}
				if _, err := d.Open(partPath()); !errors.Is(err, syscall.EIO) || errors.Is(err, segment.ErrDamaged) {
					t.Errorf("open: %v", err)
				}
			} else {
				if err != nil || len(damage) == 0 {
					t.Errorf("verify: %+v, %v", damage, err)
				}
				if got, _ := read(t, d, partPath(), time.Time{}, time.Time{}); len(got) != c.readable {
					t.Errorf("%d frames can be read, want %d", len(got), c.readable)
				}
				numbers, unknown := numbersOf(t, d, partPath())
				if boxes := name != "a frame of the last part"; boxes != errors.Is(unknown, syscall.EIO) || boxes && numbers != c.readable || !boxes && numbers != len(all) {
					t.Errorf("%d numbers, %v", numbers, unknown)
				}
			}
			healed.Store(true)
			s, err := d.Salvage(partPath())
			if err != nil || s.Outcome != segment.Salvaged || s.Cut != 0 || len(s.Damage) > 0 {
				t.Fatalf("%+v, %v", s, err)
			}
			got, damage := read(t, d, s.Info.Path, time.Time{}, time.Time{})
			same(t, all, got)
			if len(damage) > 0 {
				t.Error(damage)
			}
		})
	}
}

// A cut file that holds no part is deleted only if all of it could be read.
func TestTheHeadOfAFileThatCannotBeRead(t *testing.T) {
	data, _ := file(t, openFolder(t), shot(t, random(t, 61), 6), 6)
	d := openFolder(t)
	put(t, d, partPath(), data[:800])
	healed := new(atomic.Bool)
	d.Reads = func(_ string, f io.ReaderAt) io.ReaderAt { return badSector{f, 0, 4096, healed} }
	if s, err := d.Salvage(partPath()); !errors.Is(err, syscall.EIO) {
		t.Fatalf("%+v, %v", s, err)
	}
	healed.Store(true)
	if s, err := d.Salvage(partPath()); err != nil || s.Outcome != segment.Removed {
		t.Fatalf("%+v, %v", s, err)
	}
}

// A program of today leaves files of a later one alone.
func TestAnotherVersion(t *testing.T) {
	all := shot(t, random(t, 62), 12)
	data, ends := file(t, openFolder(t), all, 6)
	later := func(data []byte, part int64) []byte {
		data = bytes.Clone(data)
		size := int64(binary.BigEndian.Uint32(data[part:]))
		binary.BigEndian.PutUint32(data[part+24:], 2)
		copy(data[part:], segment.Seal(data[part+4:part+size-4]))
		return data
	}
	first := int64(bytes.Index(data, []byte("uuid"))) - 4
	for name, c := range map[string]struct {
		data []byte
		open bool // with the parts of this version
	}{
		"from the beginning":                      {later(later(data, first), ends[0]), false},
		"one that looks like this version behind": {later(data, first), false},
		"later": {later(data, ends[0]), true},
	} {
		t.Run(name, func(t *testing.T) {
			d := openFolder(t)
			put(t, d, partPath(), c.data)
			if s, err := d.Salvage(partPath()); err == nil || errors.Is(err, segment.ErrDamaged) {
				t.Fatalf("%+v, %v", s, err)
			}
			if now, err := os.ReadFile(full(d, partPath())); err != nil || !bytes.Equal(now, c.data) {
				t.Fatalf("it is changed: %v", err)
			}
			if c.open {
				if got, _ := read(t, d, partPath(), time.Time{}, time.Time{}); len(got) != 6 {
					t.Errorf("%d frames can be read", len(got))
				}
				return
			}
			if _, err := d.Open(partPath()); err == nil || errors.Is(err, segment.ErrDamaged) {
				t.Errorf("open: %v", err)
			}
			if _, damage, err := d.Verify(partPath()); err == nil {
				t.Errorf("verify: %+v", damage)
			}
		})
	}
}

// A part whose sync failed reads well out of the machine's memory, and does not count all the same: also
// where it cannot be cut off at once.
func TestSalvageOfWhatWasNotFlushed(t *testing.T) {
	all := shot(t, random(t, 63), 18)
	for flushed := range 3 { // parts
		d := openFolder(t)
		w := create(t, d, &all[0], segment.Options{})
		appendAll(t, w, all[:6*flushed], 6)
		d.Before = func(op segment.Op, _ string) error {
			if op == segment.OpSync || op == segment.OpTruncate || op == segment.OpRemove {
				return errDisk
			}
			return nil
		}
		for _, rec := range all[6*flushed:] {
			if err := w.Append(&rec.Frame, rec.Stored, rec.Gaps...); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Flush(); !errors.Is(err, errDisk) {
			t.Fatal(err)
		}
		w.Abort()
		safe := w.Info().Bytes
		if s, err := d.SalvageFlushed(partPath(), safe); !errors.Is(err, errDisk) {
			t.Errorf("the disk still fails: %+v, %v", s, err)
		}
		if info, err := os.Stat(full(d, partPath())); err != nil || info.Size() <= safe {
			t.Fatalf("nothing to cut: %v", err) // else this tries nothing
		}
		d.Before = nil
		s, err := d.SalvageFlushed(partPath(), safe)
		if flushed == 0 {
			if err != nil || s.Outcome != segment.Removed {
				t.Errorf("%+v, %v", s, err)
			}
			continue
		}
		if err != nil || s.Outcome != segment.Salvaged || s.Cut == 0 || s.Info.Frames != uint64(6*flushed) || s.Info.Bytes != safe {
			t.Fatalf("%d parts: %+v, %v", flushed, s, err)
		}
		got, damage := read(t, d, s.Info.Path, time.Time{}, time.Time{})
		same(t, all[:6*flushed], got)
		if len(damage) > 0 {
			t.Error(damage)
		}
	}
}
