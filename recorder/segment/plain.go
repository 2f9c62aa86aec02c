package segment

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"time"
)

// Plain makes of the fragmented file that [WriteMP4] writes, as it comes, one whose tables are all in one
// place, which editors and older players want: ftyp, room for the tables, mdat, and where the room is too
// small the tables at the end. The pictures are not touched. It is for one goroutine.
type Plain struct {
	w    io.WriteSeeker
	room int64 // for the tables, in front

	head  []byte // of the box that comes, or all of it where it is kept
	need  int    // bytes that head is to have
	left  uint32 // of an mdat, that is to be copied
	due   uint64 // bytes of frames that the mdat after a moof has; 0: a moof is next
	ftyp  []byte
	moov  []byte
	start int64 // of the mdat; 0: not yet
	end   int64 // where the next byte is written

	sizes  []uint32
	times  []int64 // of each frame, in units of timescale
	last   int64   // how long the last frame stands
	chunks []chunk
}

// chunk is where the frames of a part are.
type chunk struct {
	offset int64
	frames uint32
}

// NewPlain writes to w from where it stands, which is its beginning. Close ends the file; w stays the caller's.
func NewPlain(w io.WriteSeeker) *Plain { return &Plain{w: w, need: boxHead} }

const (
	boxHead    = 8
	mdatHead64 = 16
	mostTable  = 64 << 20 // of room that is kept free for an estimate
)

// Expect says about how many frames there will be, before the first of them. Where more come, the tables are
// at the end.
func (p *Plain) Expect(frames uint64) {
	if p.start == 0 {
		// A size, a time and, of each part, a place; and what a guess may be wrong by.
		p.room = int64(min(4<<10+frames*(4+8+8)*5/4, mostTable))
	}
}

// errPlain says that what comes is not what WriteMP4 writes.
var errPlain = errors.New("not a fragmented MP4 file as exports are")

// Write takes the next bytes of the fragmented file. Its errors are w's, or that it is none.
func (p *Plain) Write(data []byte) (int, error) {
	written := len(data)
	for len(data) > 0 {
		if p.left > 0 {
			n, err := p.w.Write(data[:min(len(data), int(p.left))])
			p.end += int64(n)
			p.left -= uint32(n)
			if err != nil {
				return written - len(data) + n, err
			}
			data = data[n:]
			continue
		}
		n := min(p.need-len(p.head), len(data))
		p.head, data = append(p.head, data[:n]...), data[n:]
		if len(p.head) == p.need {
			if err := p.box(); err != nil {
				return written - len(data), err
			}
		}
	}
	return written, nil
}

// box deals with a box whose head, or all of it, is there.
func (p *Plain) box() error {
	size, kind := binary.BigEndian.Uint32(p.head), string(p.head[4:boxHead])
	if whole := int(size); len(p.head) == boxHead && kind != "mdat" && whole > boxHead {
		if whole > readAhead && kind != "moof" || whole > int(moofSize(maxFrames)) {
			return fmt.Errorf("%w: a %q of %d bytes", errPlain, kind, size)
		}
		p.need = whole
		return nil
	}
	var err error
	switch {
	case kind == "ftyp" && p.ftyp == nil:
		p.ftyp = p.head
	case kind == "moov" && p.ftyp != nil && p.moov == nil:
		p.moov = p.head
	case kind == "moof" && p.moov != nil && p.due == 0:
		err = p.part(p.head)
	case kind == "mdat" && p.due > 0 && uint64(size) == p.due+mdatHead:
		p.left, p.due = size-mdatHead, 0
	default:
		err = fmt.Errorf("%w: a %q there", errPlain, kind)
	}
	p.head, p.need = nil, boxHead
	return err
}

// part notes the frames of a moof, as appendMoof makes it.
func (p *Plain) part(moof []byte) error {
	be := binary.BigEndian
	const times, count, table = 8 + 16 + 8 + 16 + 12, moofFixed - 8, moofFixed
	if len(moof) < table+moofFrame || be.Uint32(moof[count:]) > maxFrames || len(moof) != int(moofSize(int(be.Uint32(moof[count:])))) ||
		string(moof[count-8:count-4]) != "trun" || be.Uint32(moof[count-4:]) != 0x301 {
		return errPlain
	}
	if p.start == 0 {
		if err := p.begin(); err != nil {
			return err
		}
	}
	at := int64(be.Uint64(moof[times:]))
	if n := len(p.times); at < 0 || n > 0 && at <= p.times[n-1] {
		return fmt.Errorf("%w: a part at %d", errPlain, at)
	}
	if n := len(p.times); n > 0 && scaleOf(at-p.times[n-1]) == 0 {
		return fmt.Errorf("no MP4 file with its tables in one place holds %v without a frame: export what is before it and after it apart, by --from and --to",
			time.Duration(at-p.times[n-1])*time.Microsecond)
	}
	p.chunks = append(p.chunks, chunk{p.end, be.Uint32(moof[count:])})
	for frames := moof[table:]; len(frames) > 0; frames = frames[moofFrame:] {
		p.times, p.sizes = append(p.times, at), append(p.sizes, be.Uint32(frames[4:]))
		p.last = int64(be.Uint32(frames))
		at += p.last
		p.due += uint64(be.Uint32(frames[4:]))
	}
	return nil
}

// begin writes what is before the first frame: the room for the tables, and an mdat that is as long as the
// file until its length is known.
func (p *Plain) begin() error {
	head := append([]byte(nil), p.ftyp...)
	if p.room > 0 {
		head = append(appendBoxHead(head, uint32(p.room), "free"), make([]byte, p.room-boxHead)...)
	}
	p.start = int64(len(head))
	head = append(binary.BigEndian.AppendUint32(head, 1), "mdat"...)
	head = binary.BigEndian.AppendUint64(head, 0)
	n, err := p.w.Write(head)
	p.end = int64(n)
	return err
}

// Close writes the tables. Nothing is a file before it has returned without an error: [ErrNoFrames] where
// nothing came.
func (p *Plain) Close() error {
	if len(p.times) == 0 {
		return ErrNoFrames
	}
	if p.left > 0 || p.due > 0 || len(p.head) > 0 {
		return fmt.Errorf("%w: it ends within a box", errPlain)
	}
	moov := p.tables()
	at, spare := p.end, p.room-int64(len(moov))
	if front := p.start - p.room; spare == 0 || spare >= boxHead {
		at = front
		if spare > 0 {
			moov = appendBoxHead(moov, uint32(spare), "free")
		}
	}
	size := binary.BigEndian.AppendUint64(nil, uint64(p.end-p.start))
	for _, change := range []struct {
		at   int64
		data []byte
	}{{at, moov}, {p.start + boxHead, size}} {
		if _, err := p.w.Seek(change.at, io.SeekStart); err != nil {
			return err
		}
		if _, err := p.w.Write(change.data); err != nil {
			return err
		}
	}
	if at == p.end {
		p.end += int64(len(moov))
	}
	_, err := p.w.Seek(p.end, io.SeekStart)
	return err
}

// Size is how long the file is.
func (p *Plain) Size() int64 { return p.end }

func appendBoxHead(to []byte, size uint32, kind string) []byte {
	return append(binary.BigEndian.AppendUint32(to, size), kind...)
}

// scaleOf is the finest scale, in units a second, in which so many microseconds without a frame fit the 32 bits
// that there are for them: milliseconds after 71 minutes, hundredths of a second after 49 days. 0 after 497
// days: tenths would put several frames at one time.
func scaleOf(hole int64) int64 {
	for _, scale := range []int64{timescale, 1000, 100} {
		if hole/(timescale/scale) < math.MaxUint32 {
			return scale
		}
	}
	return 0
}

// tables returns the moov of a file with these frames.
func (p *Plain) tables() []byte {
	t := tables{Plain: p, scale: timescale}
	for i := 1; i < len(p.times); i++ {
		t.scale = min(t.scale, scaleOf(p.times[i]-p.times[i-1]))
	}
	return t.rebuild(nil, p.moov)
}
