package segment

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"
)

// part is where a part is, and what its box says.
type part struct {
	box
	offset int64 // of its box
	head   int64 // bytes before its first frame's
	size   int64 // bytes
	// players is true where what players read of it is as it was written.
	players bool
}

// errTorn says that a part goes on after the end of the file.
var errTorn = errors.New("the file ends within a part")

// source is a file, as far as it is looked at.
type source struct {
	io.ReaderAt
	size int64
}

const readAhead = 4 << 10 // a part of a second fits: its box, its moof and the head of its mdat

// readPart reads the part whose box begins at offset, without its frames. Its error is errTorn, or
// says what is wrong.
func (s source) readPart(offset int64) (*part, error) {
	left := s.size - offset
	if left < int64(4+len(boxMark)) {
		return nil, errTorn
	}
	// What cannot be read may be behind the box, and is not needed then.
	head, err := s.readSome(make([]byte, min(left, readAhead)), offset)
	if len(head) < 4+len(boxMark) {
		return nil, err
	}
	size, ok := boxSize(head)
	if !ok {
		return nil, errors.New("there is no part")
	}
	if int64(size) > left {
		return nil, errTorn
	}
	if head, err = s.more(head, size, offset); err != nil {
		return nil, err
	}
	b, err := parseBox(head[:size])
	if err != nil {
		return nil, err
	}
	p := &part{box: *b, offset: offset, head: int64(size) + int64(b.moofSize) + mdatHead}
	p.size = p.head + int64(b.dataSize)
	if p.size > left {
		return p, errTorn
	}
	if head, err = s.more(head, int(p.head), offset); err != nil {
		return nil, err
	}
	moof := head[size : size+int(b.moofSize)]
	p.players = checksum(moof) == b.moofCRC && bytes.Equal(head[p.head-mdatHead:p.head], appendMdatHead(nil, b.dataSize))
	return p, nil
}

// more returns the first n bytes from offset, of which head are known.
func (s source) more(head []byte, n int, offset int64) ([]byte, error) {
	if n <= len(head) {
		return head, nil
	}
	whole := make([]byte, n)
	known := copy(whole, head)
	return whole, s.readFull(whole[known:], offset+int64(known))
}

func (s source) readFull(to []byte, offset int64) error {
	_, err := s.readSome(to, offset)
	return err
}

// readSome returns what of to could be read. Where that is not all its error is errTorn, errBudget, or a
// [*readError].
func (s source) readSome(to []byte, offset int64) ([]byte, error) {
	n, err := s.ReadAt(to, offset)
	switch {
	case n == len(to):
		return to, nil
	case err == nil || errors.Is(err, io.EOF):
		err = errTorn
	case !errors.Is(err, errBudget):
		err = &readError{err}
	}
	return to[:n], err
}

// readError is the disk's. What is there is not known, which is another thing than damage.
type readError struct{ error }

func (e *readError) Unwrap() error { return e.error }

// errVersion says that a part is of another version of the format: not damaged, and not to be read here.
var errVersion = errors.New("another version of the format")

// partsStart returns where the first part begins, after ftyp and moov; 0 where these are not there. Its
// error is a [*readError].
func (s source) partsStart() (int64, error) {
	var head [8]byte
	unread := func(err error) (int64, error) {
		if read := new(readError); errors.As(err, &read) {
			return 0, err
		}
		return 0, nil
	}
	if err := s.readFull(head[:], 0); err != nil || string(head[4:]) != fileMark[:4] {
		return unread(err)
	}
	end := int64(binary.BigEndian.Uint32(head[:]))
	if end < 8 || end > readAhead {
		return 0, nil
	}
	if err := s.readFull(head[:], end); err != nil || string(head[4:]) != "moov" {
		return unread(err)
	}
	moov := int64(binary.BigEndian.Uint32(head[:]))
	if moov < 8 || moov > readAhead {
		return 0, nil
	}
	return end + moov, nil
}

// place is what is kept of a part of a file that is open.
type place struct {
	offset      int64
	number      uint32
	first, last int64 // capture times of its first and last frame
	players     bool
	// before is an index in the scan's damage from 1, where something is damaged before the part.
	before int
}

// scan is the list of a file's parts.
type scan struct {
	same   identity
	places []place
	info   Info
	damage []Damage
	end    int64 // where the next part begins, or the last one ends
	budget int64 // bytes that a search may still look at
	// unknown is why it is not known what is in a piece of the file, as of the last run: a [*readError], or
	// one that wraps errVersion. nil: all that was looked at could be read.
	unknown error
}

// note keeps the first error that leaves it open what is in the file.
func (c *scan) note(err error) {
	if read := new(readError); c.unknown == nil && (errors.As(err, &read) || errors.Is(err, errVersion)) {
		c.unknown = err
	}
}

// lastPlace is the part before, all zero before the first.
func (c *scan) lastPlace() place {
	if len(c.places) == 0 {
		return place{}
	}
	return c.places[len(c.places)-1]
}

// run finds the parts from c.end on. Called again with a longer file, it goes on.
func (c *scan) run(s source) {
	if n := len(c.damage); n > 0 && c.damage[n-1].Kind == DamageTorn {
		c.damage = c.damage[:n-1]
	}
	c.info.Bytes = s.size
	c.budget, c.unknown = 4*s.size+maxBox, nil
	if c.end == 0 {
		start, err := s.partsStart()
		c.note(err)
		c.end = start
	}
	for c.end < s.size && len(c.places) < maxParts {
		p, err := s.readPart(c.end)
		if err == nil {
			err = c.follows(p)
		}
		if err == nil {
			c.add(p, 0)
			continue
		}
		c.note(err)
		var found *part
		if !errors.Is(err, errVersion) { // else what looks like a part of this one is a picture
			found = c.search(s)
		}
		if found == nil {
			c.rest(s, p, err)
			return
		}
		c.damage = append(c.damage, c.lost(DamageParts, found, c.end, found.offset, err.Error()))
		c.add(found, len(c.damage))
	}
	if c.end < s.size {
		c.damage = append(c.damage, c.lost(DamageParts, nil, c.end, s.size, "more parts than a segment has"))
	}
}

// follows says why a part cannot be the next one.
func (c *scan) follows(p *part) error {
	if len(c.places) == 0 {
		return nil
	}
	if p.identity != c.same {
		return errors.New("there is a part of another segment")
	}
	if p.number <= c.lastPlace().number || p.frames[0].seq <= c.info.LastSeq ||
		p.frames[0].captured < c.lastPlace().last || p.frames[0].stored < c.info.LastStored {
		return errors.New("there is a part that has been before")
	}
	return nil
}

func (c *scan) add(p *part, before int) {
	if last := c.lastPlace().number; before == 0 && p.number != last+1 {
		c.damage = append(c.damage, c.lost(DamageParts, p, p.offset, p.offset, fmt.Sprintf("parts %d to %d are missing", last+1, p.number-1)))
		before = len(c.damage)
	}
	c.same = p.identity
	c.places = append(c.places, place{
		offset: p.offset, number: p.number, players: p.players, before: before,
		first: p.frames[0].captured, last: p.frames[len(p.frames)-1].captured,
	})
	c.info.add(p)
	c.end = p.offset + p.size
}

// rest notes that the file does not go on after c.end. A part of which the box is there says what is lost.
func (c *scan) rest(s source, p *part, err error) {
	if !errors.Is(err, errTorn) {
		c.damage = append(c.damage, c.lost(DamageParts, nil, c.end, s.size, err.Error()))
		return
	}
	d := c.lost(DamageTorn, nil, c.end, s.size, err.Error())
	if p != nil && c.follows(p) == nil {
		last := p.frames[len(p.frames)-1]
		d.FirstSeq, d.LastSeq, d.Frames = p.frames[0].seq, last.seq, uint64(len(p.frames))
		d.From, d.To = time.Unix(0, p.frames[0].captured).UTC(), time.Unix(0, last.captured).UTC()
	}
	c.damage = append(c.damage, d)
}

// lost describes what is not there between the last part and next, which may be nil.
func (c *scan) lost(kind DamageKind, next *part, from, to int64, detail string) Damage {
	d := Damage{Kind: kind, Offset: from, Length: to - from, Detail: detail}
	if len(c.places) > 0 {
		d.FirstSeq, d.From = c.info.LastSeq+1, c.info.End
	}
	if next != nil {
		d.LastSeq, d.To = next.frames[0].seq-1, time.Unix(0, next.frames[0].captured).UTC()
	}
	return d
}

// search looks for a part that follows, anywhere after c.end. Pictures may look like parts: those do
// not know the segment's id. What cannot be read is left out, more and more of it where the disk gives nothing.
func (c *scan) search(s source) *part {
	const page, window = 4 << 10, 64 << 10
	s.ReaderAt = &metered{s.ReaderAt, &c.budget}
	mark := []byte(boxMark)
	buf := make([]byte, window+len(mark)-1)
	skip := int64(page)
	for at := c.end + 1; at < s.size; {
		data, failed := s.readSome(buf[:min(int64(len(buf)), s.size-at)], at)
		for i := 0; ; i++ {
			next := bytes.Index(data[i:], mark)
			if next < 0 {
				break
			}
			i += next
			begin := at + int64(i) - 4
			if begin <= c.end {
				continue
			}
			p, err := s.readPart(begin)
			if err == nil && c.follows(p) == nil {
				return p
			}
			if errors.Is(err, errBudget) {
				return nil
			}
			if read := new(readError); errors.As(err, &read) {
				c.note(err)
			}
		}
		if len(data) > 0 {
			skip = page
		}
		switch {
		case failed == nil:
			at += window
		case errors.Is(failed, errBudget), errors.Is(failed, errTorn):
			return nil
		default:
			c.note(failed)
			at = (at+int64(len(data)))/page*page + skip
			skip = min(2*skip, window)
		}
	}
	return nil
}

// errBudget ends a search in a file that is made to be searched for ever: forged boxes may be long,
// and be there many times.
var errBudget = errors.New("there is no end to looking for parts")

// metered reads until a budget of bytes is spent.
type metered struct {
	io.ReaderAt
	left *int64
}

func (m *metered) ReadAt(to []byte, offset int64) (int, error) {
	if *m.left -= int64(len(to)); *m.left < 0 {
		return 0, errBudget
	}
	return m.ReaderAt.ReadAt(to, offset)
}
