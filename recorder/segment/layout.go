package segment

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"time"

	"github.com/lensbus/lensbus/frame"
)

// The box that each part begins with. docs/design/segments.md has its layout as a table; all numbers
// are big-endian, as everything in MP4.
const (
	// boxMark is how our boxes begin after their size: the type, and which uuid it is.
	boxMark    = "uuid" + "\x8d\x1e\x5c\x27\x90\x4f\x4b\x3a\xa7\x61\x6c\x65\x6e\x73\x62\x75"
	boxVersion = 1

	boxFixed  = 88 // bytes up to the texts
	boxTexts  = 3 + 32 + 64 + 16
	boxFrame  = 44 // bytes a frame
	boxGap    = 4 + 8 + 8 + 8 + 1 + maxReason
	maxReason = 32
	maxBox    = boxFixed + boxTexts + maxFrames*boxFrame + maxGaps*boxGap + 4

	flagKey = 1
)

// identity is what all parts of a segment have in common.
type identity struct {
	// id is random: a part with another one is not of this segment, but left on the disk by a file
	// that is gone, or made by somebody and sent as a picture.
	id            [16]byte
	start         int64 // Unix nanoseconds
	camera        frame.CameraID
	epoch         string
	codec         frame.Codec
	width, height int
}

// box is what our box says.
type box struct {
	identity
	number       uint32 // of the part, from 1
	moofSize     uint32
	moofCRC      uint32
	dataSize     uint32 // of all frames
	lastDuration uint32 // of the last frame, microseconds: an estimate
	frames       []sampleBox
	gaps         []gapBox
}

// sampleBox is what the box says of one frame.
type sampleBox struct {
	seq, stored         uint64
	captured, published int64 // Unix nanoseconds; published is 0 where it is not known
	size, crc           uint32
	flags               uint32
}

// gapBox is a gap before a frame.
type gapBox struct {
	before uint32 // index of the frame in its part
	gap    frame.Gap
}

// castagnoli returns the table of CRC-32C, which processors compute.
func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

func checksum(data []byte) uint32 { return crc32.Checksum(data, castagnoli()) }

// append appends the box to to.
func (b *box) append(to []byte) []byte {
	start := len(to)
	be := binary.BigEndian
	to = append(to, 0, 0, 0, 0)
	to = append(to, boxMark...)
	to = be.AppendUint32(to, boxVersion)
	to = append(to, b.id[:]...)
	to = be.AppendUint64(to, uint64(b.start))
	to = be.AppendUint32(to, uint32(b.width))
	to = be.AppendUint32(to, uint32(b.height))
	to = be.AppendUint32(to, b.number)
	to = be.AppendUint32(to, uint32(len(b.frames)))
	to = be.AppendUint32(to, uint32(len(b.gaps)))
	to = be.AppendUint32(to, b.moofSize)
	to = be.AppendUint32(to, b.moofCRC)
	to = be.AppendUint32(to, b.dataSize)
	to = be.AppendUint32(to, b.lastDuration)
	for _, text := range []string{string(b.camera), b.epoch, string(b.codec)} {
		to = append(append(to, byte(len(text))), text...)
	}
	for i := range b.frames {
		f := &b.frames[i]
		to = be.AppendUint64(to, f.seq)
		to = be.AppendUint64(to, f.stored)
		to = be.AppendUint64(to, uint64(f.captured))
		to = be.AppendUint64(to, uint64(f.published))
		to = be.AppendUint32(to, f.size)
		to = be.AppendUint32(to, f.crc)
		to = be.AppendUint32(to, f.flags)
	}
	for i := range b.gaps {
		g := &b.gaps[i]
		to = be.AppendUint32(to, g.before)
		to = be.AppendUint64(to, uint64(nanoseconds(g.gap.From)))
		to = be.AppendUint64(to, uint64(nanoseconds(g.gap.To)))
		to = be.AppendUint64(to, g.gap.Missing)
		to = append(append(to, byte(len(g.gap.Reason))), g.gap.Reason...)
	}
	be.PutUint32(to[start:], uint32(len(to)-start+4))
	return be.AppendUint32(to, checksum(to[start:]))
}

// boxSize says how long a box is that begins with head, which is 24 bytes or longer.
func boxSize(head []byte) (int, bool) {
	size := binary.BigEndian.Uint32(head)
	return int(size), string(head[4:24]) == boxMark && size >= boxFixed+4 && size <= maxBox
}

// parseBox reads a whole box and believes nothing that does not fit the rest. The result does not
// keep data.
func parseBox(data []byte) (*box, error) {
	size, ok := boxSize(data)
	be := binary.BigEndian
	if !ok || size != len(data) {
		return nil, errors.New("its box is none of ours")
	}
	if checksum(data[:size-4]) != be.Uint32(data[size-4:]) {
		return nil, errors.New("its box is not as it was written")
	}
	if v := be.Uint32(data[24:]); v != boxVersion {
		return nil, fmt.Errorf("%w: it is of version %d, this program knows %d", errVersion, v, boxVersion)
	}
	b := &box{
		identity: identity{
			id:    [16]byte(data[28:44]),
			start: int64(be.Uint64(data[44:])),
			width: int(be.Uint32(data[52:])), height: int(be.Uint32(data[56:])),
		},
		number:   be.Uint32(data[60:]),
		moofSize: be.Uint32(data[72:]), moofCRC: be.Uint32(data[76:]), dataSize: be.Uint32(data[80:]),
		lastDuration: be.Uint32(data[84:]),
	}
	frames, gaps := be.Uint32(data[64:]), be.Uint32(data[68:])
	r := &boxReader{rest: data[boxFixed : size-4]}
	b.camera, b.epoch, b.codec = frame.CameraID(r.text()), r.text(), frame.Codec(r.text())
	if r.short || frames < 1 || frames > maxFrames || gaps > maxGaps || uint64(frames)*boxFrame > uint64(len(r.rest)) {
		return nil, errors.New("its box says more than fits in it")
	}
	b.frames = make([]sampleBox, frames)
	for i := range b.frames {
		v := r.take(boxFrame)
		b.frames[i] = sampleBox{
			seq: be.Uint64(v), stored: be.Uint64(v[8:]),
			captured: int64(be.Uint64(v[16:])), published: int64(be.Uint64(v[24:])),
			size: be.Uint32(v[32:]), crc: be.Uint32(v[36:]), flags: be.Uint32(v[40:]),
		}
	}
	for range gaps {
		v := r.take(4 + 8 + 8 + 8)
		reason := r.text()
		if r.short {
			return nil, errors.New("its box says more than fits in it")
		}
		b.gaps = append(b.gaps, gapBox{before: be.Uint32(v), gap: frame.Gap{
			From: instant(int64(be.Uint64(v[4:]))), To: instant(int64(be.Uint64(v[12:]))),
			Missing: be.Uint64(v[20:]), Reason: frame.GapReason(reason),
		}})
	}
	if len(r.rest) > 0 {
		return nil, errors.New("its box says less than is in it")
	}
	return b, b.check()
}

// check says what no writer would have written.
func (b *box) check() error {
	if _, err := frame.ParseCameraID(string(b.camera)); err != nil {
		return err
	}
	if !plain(b.epoch, 64) || !plain(string(b.codec), 16) {
		return errors.New("its epoch or codec are no names")
	}
	if b.start < 1 || b.width < 1 || b.width > math.MaxUint16 || b.height < 1 || b.height > math.MaxUint16 {
		return errors.New("its start or picture size are out of range")
	}
	if b.number < 1 || b.moofSize != moofSize(len(b.frames)) || b.lastDuration < 1 {
		return errors.New("its numbers do not fit each other")
	}
	var sum uint64
	for i := range b.frames {
		f := &b.frames[i]
		if f.size < 1 || f.size > maxSample || f.captured < b.start || f.published < 0 ||
			f.seq < 1 || f.seq > math.MaxInt64 || f.flags&^flagKey != 0 {
			return fmt.Errorf("its frame %d is out of range", i)
		}
		if i > 0 && (f.seq <= b.frames[i-1].seq || f.captured < b.frames[i-1].captured || f.stored < b.frames[i-1].stored) {
			return fmt.Errorf("its frame %d is out of order", i)
		}
		sum += uint64(f.size)
	}
	if sum != uint64(b.dataSize) || sum > maxPartData && len(b.frames) > 1 {
		return errors.New("its frames do not add up")
	}
	for i := range b.gaps {
		g := &b.gaps[i]
		if int(g.before) >= len(b.frames) || i > 0 && g.before < b.gaps[i-1].before || !plain(string(g.gap.Reason), maxReason) {
			return fmt.Errorf("its gap %d is out of range", i)
		}
	}
	return nil
}

// boxReader takes a box apart. After it has come to its end, all it gives is zero.
type boxReader struct {
	rest  []byte
	short bool
}

func (r *boxReader) take(n int) []byte {
	if r.short || n > len(r.rest) {
		r.short = true
		return make([]byte, n)
	}
	v := r.rest[:n]
	r.rest = r.rest[n:]
	return v
}

func (r *boxReader) text() string { return string(r.take(int(r.take(1)[0]))) }

// plain says whether s is a name of 1 to most letters, digits, '-' and '_'.
func plain(s string, most int) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_':
		default:
			return false
		}
	}
	return len(s) > 0 && len(s) <= most
}

// nanoseconds and instant are times as they stand in a file: Unix nanoseconds, 0 for none.
func nanoseconds(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

func instant(ns int64) time.Time {
	if ns == 0 {
		return time.Time{}
	}
	return time.Unix(0, ns)
}
