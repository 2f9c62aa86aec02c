package segment

import (
	"errors"
	"fmt"
	"iter"
	"math"
	"os"
	"time"

	"github.com/lensbus/lensbus/frame"
)

// Reader reads one segment. It keeps where the parts are, and reads of the file what it is asked for.
// A Reader is for one goroutine. It stays good when the file is renamed or deleted.
type Reader struct {
	file *os.File
	name Name
	src  source
	scan scan
}

// Open opens a segment, also one that is being written: of that it sees the parts that are whole now
// (see [Reader.Refresh]). It reads the parts' boxes and no frames. A file in which no part can be read
// gives an error that wraps [ErrDamaged]; one that the disk does not let it read, or of another version of the
// format, gives an error that does not. The caller closes the Reader.
func (d *Folder) Open(p string) (*Reader, error) {
	f, name, err := d.openFile(p, os.O_RDONLY)
	if err != nil {
		return nil, fmt.Errorf("opening segment: %w", err)
	}
	r := &Reader{file: f, name: name, src: source{ReaderAt: d.reads(f, p)}}
	if err := r.Refresh(); err != nil {
		_ = f.Close()
		return nil, err
	}
	return r, nil
}

// Refresh looks for parts that have been written since.
func (r *Reader) Refresh() error {
	p := r.name.Path()
	info, err := r.file.Stat()
	if err != nil {
		return fmt.Errorf("looking at segment %s: %w", p, err)
	}
	r.src.size = info.Size()
	r.scan.run(r.src)
	if err := r.scan.usable(r.name); err != nil {
		return fmt.Errorf("segment %s: %w", p, err)
	}
	r.scan.info.Path = p
	return nil
}

// openFile opens a file of the folder for reading, or for what flags say.
func (d *Folder) openFile(p string, flags int) (*os.File, Name, error) {
	name, err := ParsePath(p)
	if err != nil {
		return nil, name, err
	}
	// Not waiting: somebody may have put a pipe there.
	f, err := d.root.OpenFile(p, flags|openNonblock, 0)
	if err != nil {
		return nil, name, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is no file: %w", p, ErrDamaged)
	}
	if err != nil {
		_ = f.Close()
		return nil, name, err
	}
	return f, name, nil
}

// usable says why nothing can be read from a file.
func (c *scan) usable(name Name) error {
	if len(c.places) > 0 && c.same.camera != name.Camera {
		return fmt.Errorf("it is of camera %s: %w", c.same.camera, ErrDamaged)
	}
	if len(c.places) > 0 {
		return nil
	}
	if c.unknown != nil {
		return c.unknown
	}
	detail := "it is empty"
	if n := len(c.damage); n > 0 {
		detail = c.damage[n-1].Detail
	}
	return fmt.Errorf("%s: %w", detail, ErrDamaged)
}

// Info says what the file holds, as of the last Refresh. Its Path is the one that was opened. It is
// not to be changed.
func (r *Reader) Info() Info { return r.scan.info }

// Close closes the file.
func (r *Reader) Close() error { return r.file.Close() }

// Frames yields the frames that were captured from from on and before to, in order; the zero time is
// no bound. Each frame has memory of its own.
//
// In place of what cannot be read it yields a [*DamageError] and goes on with what follows. After any
// other error there is nothing more. In a .part, the end that is not whole yet is no damage.
func (r *Reader) Frames(from, to time.Time) iter.Seq2[Record, error] {
	lo, hi := int64(math.MinInt64), int64(math.MaxInt64)
	if !from.IsZero() {
		lo = from.UnixNano()
	}
	if !to.IsZero() {
		hi = to.UnixNano()
	}
	return func(yield func(Record, error) bool) {
		places := r.scan.places
		for i := range places {
			p := &places[i]
			if p.before > 0 && (i == 0 || places[i-1].last < hi) && p.first > lo {
				if !yield(Record{}, &DamageError{r.name.Path(), r.scan.damage[p.before-1]}) {
					return
				}
			}
			if p.last < lo {
				continue
			}
			if p.first >= hi {
				return
			}
			if !r.part(p, lo, hi, yield) {
				return
			}
		}
		// What is after the last part.
		if n := len(r.scan.damage); n > 0 && r.scan.lastPlace().last < hi {
			if d := r.scan.damage[n-1]; d.Offset >= r.scan.end && d.Length > 0 && (d.Kind != DamageTorn || r.name.State != StatePart) {
				yield(Record{}, &DamageError{r.name.Path(), d})
			}
		}
	}
}

// part yields the frames of one part. It returns false where that was the last.
func (r *Reader) part(at *place, lo, hi int64, yield func(Record, error) bool) bool {
	p, err := r.src.readPart(at.offset)
	if errors.Is(err, os.ErrClosed) {
		yield(Record{}, err)
		return false
	}
	if err == nil && (p.identity != r.scan.same || p.number != at.number) {
		err = errors.New("there is another part than before")
	}
	if err != nil {
		return yield(Record{}, &DamageError{r.name.Path(), Damage{
			Kind: DamageParts, Offset: at.offset, Detail: err.Error(),
			From: time.Unix(0, at.first).UTC(), To: time.Unix(0, at.last).UTC(),
		}})
	}
	offset := at.offset + p.head
	gaps := p.gaps
	for i := range p.frames {
		s := &p.frames[i]
		begin := offset
		offset += int64(s.size)
		var before []frame.Gap
		for len(gaps) > 0 && int(gaps[0].before) == i {
			before, gaps = append(before, gaps[0].gap), gaps[1:]
		}
		if s.captured < lo {
			continue
		}
		if s.captured >= hi {
			return false
		}
		rec, err := r.src.record(p, s, begin)
		rec.Gaps = before
		if errors.Is(err, os.ErrClosed) {
			yield(Record{}, err)
			return false
		}
		if err != nil {
			if !yield(Record{}, &DamageError{r.name.Path(), frameDamage(DamageFrame, s, begin, err.Error())}) {
				return false
			}
		} else if !yield(rec, nil) {
			return false
		}
	}
	return true
}

// record reads one frame.
func (s source) record(p *part, b *sampleBox, offset int64) (Record, error) {
	data := make([]byte, b.size)
	if err := s.readFull(data, offset); err != nil {
		return Record{}, err
	}
	if checksum(data) != b.crc {
		return Record{}, fmt.Errorf("frame %d is not as it was written", b.seq)
	}
	return Record{
		Frame: frame.Frame{
			Camera: p.camera, Epoch: p.epoch, Seq: b.seq, Codec: p.codec, Width: p.width, Height: p.height,
			Captured: time.Unix(0, b.captured), Published: instant(b.published), Key: b.flags&flagKey != 0, Data: data,
		},
		Stored: b.stored,
	}, nil
}

func frameDamage(kind DamageKind, s *sampleBox, offset int64, detail string) Damage {
	at := time.Unix(0, s.captured).UTC()
	return Damage{
		Kind: kind, Offset: offset, Length: int64(s.size), Frames: 1,
		FirstSeq: s.seq, LastSeq: s.seq, From: at, To: at, Detail: detail,
	}
}
