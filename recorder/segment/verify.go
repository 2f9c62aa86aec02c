package segment

import (
	"errors"
	"fmt"
	"os"

	"github.com/lensbus/lensbus/frame"
)

// Verify reads a whole segment and says what of it is not as it was written. It changes nothing. A
// .part that is being written is read up to its last whole part. An error means that the file could
// not be read at all, or is of another version of the format; one with nothing readable in it is no error but damage of kind [DamageFile].
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
	src := source{d.reads(f, p), info.Size()}
	var c scan
	c.run(src)
	c.info.Path = p
	if err := c.usable(name); errors.Is(err, ErrDamaged) {
		return c.info, []Damage{{Kind: DamageFile, Length: src.size, Detail: err.Error()}}, nil
	} else if err != nil {
		return c.info, nil, fmt.Errorf("verifying segment %s: %w", p, err)
	}
	damage := c.damage
	if n := len(damage); n > 0 && damage[n-1].Kind == DamageTorn && name.State.open() {
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

// picture says what is wrong with a frame that is as it was written. Of a sealed one nobody can say
// more here than that it has some bytes.
func picture(f *frame.Frame) error {
	return f.Check(frame.Limits{Bytes: len(f.Data), Pixels: f.Width * f.Height})
}
