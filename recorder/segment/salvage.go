package segment

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path"
)

// Outcome says what became of a file that was salvaged.
type Outcome string

// The outcomes of [Folder.Salvage].
const (
	// Salvaged is a segment like any other now, with all whole parts that there were.
	Salvaged Outcome = "salvaged"
	// Removed was cut before the first part was whole, and is deleted: nothing in it was ever saved.
	Removed Outcome = "removed"
	// PutAside has another name now, ending in .damaged: there are bytes in it, but no part can be read.
	PutAside Outcome = "put aside"
)

// Salvage is what [Folder.Salvage] did.
type Salvage struct {
	Outcome Outcome
	// Info is of the segment where there is one. Its Path is always the file's name now, or the one
	// that it had where it is deleted.
	Info Info
	// Cut is how many bytes were cut off at the end.
	Cut int64
	// Damage is what cannot be read of what is kept. Frames in the middle are not read: see [Folder.Verify].
	Damage []Damage
}

// Salvage makes a closed segment of a .part file that nobody writes any more, or of one that was put aside: it cuts off what is
// after the last part that is whole and intact, syncs the file, and renames it. Parts are synced in
// order, so the last one is read in full; of those before only the boxes are. Done again after it was
// interrupted, it ends the same. Errors are of the file system; the file is still a .part then. So it is
// where anything that has to be looked at cannot be read, or is of another version of the format: nothing is
// cut off or put aside that is not known to be damaged.
func (d *Folder) Salvage(p string) (Salvage, error) { return d.SalvageFlushed(p, math.MaxInt64) }

// SalvageFlushed is [Folder.Salvage] of a file of which only so many bytes are known to be on disk, as
// [Writer.Info] says after Abort: what is after them is cut off, however whole it looks. A sync that failed may
// have left it in memory alone, where it reads well.
func (d *Folder) SalvageFlushed(p string, flushed int64) (Salvage, error) {
	f, name, err := d.openFile(p, os.O_RDWR)
	if err == nil && !name.State.open() {
		err = errors.Join(fmt.Errorf("%s is not a .part file", p), f.Close())
	}
	if err != nil {
		return Salvage{}, fmt.Errorf("salvaging segment: %w", err)
	}
	s, err := d.salvage(f, name, flushed)
	if err != nil {
		return s, fmt.Errorf("salvaging segment %s: %w", p, err)
	}
	return s, nil
}

// SetAside gives a .part file that cannot be closed another name, ending in .stuck, where it is in nobody's
// way, and returns that. Nothing of it is changed: [Folder.Salvage] takes it from there.
func (d *Folder) SetAside(p string) (string, error) {
	name, err := ParsePath(p)
	if err == nil && name.State != StatePart {
		err = fmt.Errorf("%s is not a .part file", p)
	}
	if err == nil {
		name, err = d.rename(name, StateStuck)
	}
	if err != nil {
		return "", fmt.Errorf("putting a segment aside: %w", err)
	}
	return name.Path(), nil
}

// salvage owns f.
func (d *Folder) salvage(f *os.File, name Name, flushed int64) (Salvage, error) {
	defer func() { _ = f.Close() }()
	p := name.Path()
	result := Salvage{Info: Info{Path: p}}
	info, err := f.Stat()
	if err != nil {
		return result, err
	}
	src := source{d.reads(f, p), min(info.Size(), flushed)}
	var c scan
	c.run(src)
	end := c.intactEnd(src)
	if c.unknown != nil {
		return result, c.unknown
	}
	if end == 0 || c.usable(name) != nil {
		empty := false
		if len(c.places) == 0 {
			if empty, err = src.onlyHead(); err != nil {
				return result, err
			}
		}
		if err := f.Close(); err != nil {
			return result, err
		}
		result.Damage, result.Info.Bytes = c.damage, info.Size()
		if empty {
			return d.remove(result, p)
		}
		name, err := d.rename(name, StateDamaged)
		result.Info.Path, result.Outcome = name.Path(), PutAside
		return result, err
	}
	result.Cut = info.Size() - end
	if result.Cut > 0 {
		if err := d.before(OpTruncate, p); err != nil {
			return result, err
		}
		if err := f.Truncate(end); err != nil {
			return result, err
		}
		src.size = end
	}
	c = scan{}
	if c.run(src); c.unknown != nil {
		return result, c.unknown
	}
	result.Info, result.Damage = c.info, c.damage
	result.Info.Path = p
	// Also where nothing was cut: the last part may not have been synced.
	if err := d.before(OpSync, p); err != nil {
		return result, err
	}
	if err := f.Sync(); err != nil {
		return result, err
	}
	if err := f.Close(); err != nil {
		return result, err
	}
	name, err = d.rename(name, StateWhole)
	result.Info.Path, result.Outcome = name.Path(), Salvaged
	return result, err
}

// remove deletes a file that never held a whole part.
func (d *Folder) remove(result Salvage, p string) (Salvage, error) {
	if err := d.before(OpRemove, p); err != nil {
		return result, err
	}
	if err := d.root.Remove(p); err != nil {
		return result, err
	}
	result.Outcome = Removed
	return result, d.syncFolder(path.Dir(p))
}

// intactEnd returns where the last part ends all of whose bytes are as they were written; 0 where
// there is none. What cannot be read is noted.
func (c *scan) intactEnd(s source) int64 {
	for i := len(c.places) - 1; i >= 0 && c.unknown == nil; i-- {
		p, err := s.readPart(c.places[i].offset)
		c.note(err)
		if err != nil || !p.players {
			continue
		}
		good := true
		offset := p.offset + p.head
		for j := range p.frames {
			if _, err := s.record(p, &p.frames[j], offset); err != nil {
				c.note(err)
				good = false
				break
			}
			offset += int64(p.frames[j].size)
		}
		if good {
			return offset
		}
	}
	return 0
}

// onlyHead says whether a file is the beginning of a segment and ends before its first part does. Its error
// is the disk's.
func (s source) onlyHead() (bool, error) {
	if s.size == 0 {
		return true, nil
	}
	head := make([]byte, min(s.size, int64(4+len(fileMark))))
	if err := s.readFull(head, 0); err != nil || string(head[min(4, len(head)):]) != fileMark[:max(len(head)-4, 0)] {
		return false, err
	}
	start, err := s.partsStart()
	if start == 0 || err != nil {
		return err == nil && s.size < readAhead, err // within ftyp or moov
	}
	_, err = s.readPart(start)
	if read := new(readError); errors.As(err, &read) {
		return false, err
	}
	return start >= s.size || errors.Is(err, errTorn), nil
}
