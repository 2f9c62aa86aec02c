package segment

import (
	"errors"
	"fmt"
	"os"
	"path"

	"github.com/lensbus/lensbus/frame"
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

// Salvage makes a closed segment of a .part file that nobody writes any more: it cuts off what is
// after the last part that is whole and intact, syncs the file, and renames it. Parts are synced in
// order, so the last one is read in full; of those before only the boxes are. Done again after it was
// interrupted, it ends the same. Errors are of the file system; the file is still a .part then.
func (d *Folder) Salvage(p string) (Salvage, error) {
	f, name, err := d.openFile(p, os.O_RDWR)
	if err == nil && name.State != StatePart {
		err = errors.Join(fmt.Errorf("%s is not a .part file", p), f.Close())
	}
	if err != nil {
		return Salvage{}, fmt.Errorf("salvaging segment: %w", err)
	}
	s, err := d.salvage(f, name)
	if err != nil {
		return s, fmt.Errorf("salvaging segment %s: %w", p, err)
	}
	return s, nil
}

// salvage owns f.
func (d *Folder) salvage(f *os.File, name Name) (Salvage, error) {
	defer func() { _ = f.Close() }()
	p := name.Path()
	result := Salvage{Info: Info{Path: p}}
	info, err := f.Stat()
	if err != nil {
		return result, err
	}
	src := source{f, info.Size()}
	var c scan
	c.run(src)
	end := c.intactEnd(src)
	if end == 0 || c.usable(name) != nil {
		return d.putAside(src, &c, name)
	}
	result.Cut = src.size - end
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
	c.run(src)
	result.Info, result.Damage = c.info, c.damage
	result.Info.Path = p
	// Also where nothing was cut: the last part may not have been synced.
	if err := d.before(OpSync, p); err != nil {
		return result, err
	}
	if err := f.Sync(); err != nil {
		return result, err
	}
	name, err = d.rename(name, StateWhole)
	result.Info.Path = name.Path()
	result.Outcome = Salvaged
	return result, err
}

// intactEnd returns where the last part ends all of whose bytes are as they were written; 0 where
// there is none.
func (c *scan) intactEnd(s source) int64 {
	for i := len(c.places) - 1; i >= 0; i-- {
		p, err := s.readPart(c.places[i].offset)
		if err != nil || !p.players {
			continue
		}
		good := true
		offset := p.offset + p.head
		for j := range p.frames {
			if _, err := s.record(p, &p.frames[j], offset); err != nil {
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

// putAside deals with a file in which no part is intact.
func (d *Folder) putAside(s source, c *scan, name Name) (Salvage, error) {
	p := name.Path()
	result := Salvage{Info: Info{Path: p, Bytes: s.size}, Damage: c.damage}
	if len(c.places) == 0 && s.onlyHead() {
		if err := d.before(OpRemove, p); err != nil {
			return result, err
		}
		if err := d.root.Remove(p); err != nil {
			return result, err
		}
		result.Outcome = Removed
		return result, d.syncFolder(path.Dir(p))
	}
	name, err := d.rename(name, StateDamaged)
	result.Info.Path = name.Path()
	result.Outcome = PutAside
	return result, err
}

// onlyHead says whether a file is the beginning of a segment and ends before its first part does.
func (s source) onlyHead() bool {
	if s.size == 0 {
		return true
	}
	head := make([]byte, min(s.size, int64(4+len(fileMark))))
	if s.readFull(head, 0) != nil || string(head[min(4, len(head)):]) != fileMark[:max(len(head)-4, 0)] {
		return false
	}
	start, ok := s.partsStart()
	if !ok {
		return s.size < readAhead // within ftyp or moov
	}
	_, err := s.readPart(start)
	return start >= s.size || errors.Is(err, errTorn)
}

// Verify reads a whole segment and says what of it is not as it was written. It changes nothing. A
// .part that is being written is read up to its last whole part. An error means that the file could
// not be read at all; one with nothing readable in it is no error but damage of kind [DamageFile].
func (d *Folder) Verify(p string) (Info, []Damage, error) {
	f, name, err := d.openFile(p, os.O_RDONLY)
	if err != nil {
		return Info{}, nil, fmt.Errorf("verifying segment: %w", err)
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return Info{}, nil, fmt.Errorf("verifying segment %s: %w", p, err)
	}
	src := source{f, info.Size()}
	var c scan
	c.run(src)
	c.info.Path = p
	if err := c.usable(name); err != nil {
		return c.info, []Damage{{Kind: DamageFile, Length: src.size, Detail: err.Error()}}, nil
	}
	damage := c.damage
	if n := len(damage); n > 0 && damage[n-1].Kind == DamageTorn && name.State == StatePart {
		damage = damage[:n-1]
	}
	return c.info, append(damage, c.verify(src)...), nil
}

func (c *scan) verify(s source) []Damage {
	var damage []Damage
	if !c.headIntact(s) {
		damage = append(damage, Damage{Kind: DamagePlayers, Length: c.places[0].offset, Detail: "the head of the file is not as it was written"})
	}
	for i := range c.places {
		p, err := s.readPart(c.places[i].offset)
		if err != nil {
			damage = append(damage, Damage{Kind: DamageParts, Offset: c.places[i].offset, Detail: err.Error()})
			continue
		}
		if !p.players {
			damage = append(damage, Damage{Kind: DamagePlayers, Offset: p.offset, Length: p.head, Detail: "the moof or mdat of a part is not as it was written"})
		}
		offset := p.offset + p.head
		for j := range p.frames {
			b := &p.frames[j]
			rec, err := s.record(p, b, offset)
			if err != nil {
				damage = append(damage, frameDamage(DamageFrame, b, offset, err.Error()))
			} else if err := picture(&rec.Frame); err != nil {
				damage = append(damage, frameDamage(DamagePicture, b, offset, err.Error()))
			}
			offset += int64(b.size)
		}
	}
	return damage
}

// headIntact says whether players are told what they were told when the file was made.
func (c *scan) headIntact(s source) bool {
	want, err := fileHead(c.same.codec, c.same.width, c.same.height, instant(c.same.start))
	if err != nil {
		return false
	}
	have := make([]byte, len(want))
	return s.readFull(have, 0) == nil && string(have) == string(want)
}

// picture says what is wrong with a frame that is as it was written.
func picture(f *frame.Frame) error {
	info, err := frame.ScanJPEG(f.Data, frame.Limits{Bytes: len(f.Data), Pixels: f.Width * f.Height})
	if err == nil && (info.Width != f.Width || info.Height != f.Height) {
		err = fmt.Errorf("frame %d is a picture of %dx%d in a segment of %dx%d", f.Seq, info.Width, info.Height, f.Width, f.Height)
	}
	return err
}
