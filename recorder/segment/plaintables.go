package segment

import (
	"encoding/binary"
	"math"
)

// tables makes the moov of a plain file from that of a fragmented one.
type tables struct {
	*Plain
	scale int64 // units a second
}

// at is a time of the file in units a second.
func (t *tables) at(time, scale int64) int64 {
	return (time + timescale/scale/2) / (timescale / scale)
}

// duration is that of the whole, in units a second.
func (t *tables) duration(scale int64) int64 { return t.at(t.times[len(t.times)-1]+t.last, scale) }

// rebuild appends a box with what has changed in it: durations, and tables in place of empty ones.
func (t *tables) rebuild(to, box []byte) []byte {
	be := binary.BigEndian
	begin := len(to)
	switch string(box[4:boxHead]) {
	case "mvex", "stts", "stsc", "stsz", "stco":
		return to
	case "moov", "trak", "mdia", "minf", "stbl":
		to = append(to, box[:boxHead]...)
		for rest := box[boxHead:]; len(rest) >= boxHead; {
			size := be.Uint32(rest)
			if size < boxHead || int64(size) > int64(len(rest)) {
				break // no box
			}
			to = t.rebuild(to, rest[:size])
			rest = rest[size:]
		}
		if string(box[4:boxHead]) == "stbl" {
			to = t.sampleTables(to)
		}
		be.PutUint32(to[begin:], uint32(len(to)-begin))
		return to
	case "mvhd", "tkhd":
		const movieScale = 1000 // mediacommon's, of both
		to = append(to, box...)
		at := begin + 24
		if string(box[4:boxHead]) == "tkhd" {
			at += 4
		}
		if at+4 <= len(to) && box[boxHead] == 0 { // version 0
			be.PutUint32(to[at:], uint32(min(t.duration(movieScale), math.MaxUint32)))
		}
		return to
	case "mdhd":
		if len(box) < 32 || box[boxHead] != 0 {
			break
		}
		to = append(appendBoxHead(to, 44, "mdhd"), 1, 0, 0, 0) // with 64 bits of time
		to = be.AppendUint64(to, uint64(be.Uint32(box[12:])))
		to = be.AppendUint64(to, uint64(be.Uint32(box[16:])))
		to = be.AppendUint32(to, uint32(t.scale))
		to = be.AppendUint64(to, uint64(t.duration(t.scale)))
		return append(to, box[28:32]...)
	}
	return append(to, box...)
}

// sampleTables appends how long each frame stands, how many there are in each part, their sizes, and where
// the parts are. All pictures can be begun with: there is no stss.
func (t *tables) sampleTables(to []byte) []byte {
	to = table(to, "stts", func(to []byte) ([]byte, int) {
		n, before := 0, uint32(0)
		for i, time := range t.times {
			next := time + t.last
			if i+1 < len(t.times) {
				next = t.times[i+1]
			}
			stands := uint32(t.at(next, t.scale) - t.at(time, t.scale))
			if n > 0 && stands == before {
				count := to[len(to)-8:]
				binary.BigEndian.PutUint32(count, binary.BigEndian.Uint32(count)+1)
				continue
			}
			to = binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(to, 1), stands)
			n, before = n+1, stands
		}
		return to, n
	})
	to = table(to, "stsc", func(to []byte) ([]byte, int) {
		n := 0
		for i, c := range t.chunks {
			if i == 0 || c.frames != t.chunks[i-1].frames {
				to = binary.BigEndian.AppendUint32(to, uint32(i+1))
				to = binary.BigEndian.AppendUint32(to, c.frames)
				to = binary.BigEndian.AppendUint32(to, 1)
				n++
			}
		}
		return to, n
	})
	to = appendBoxHead(to, uint32(20+4*len(t.sizes)), "stsz")
	to = append(to, 0, 0, 0, 0, 0, 0, 0, 0)
	to = binary.BigEndian.AppendUint32(to, uint32(len(t.sizes)))
	for _, size := range t.sizes {
		to = binary.BigEndian.AppendUint32(to, size)
	}
	kind := "stco"
	if t.end > math.MaxUint32 {
		kind = "co64"
	}
	return table(to, kind, func(to []byte) ([]byte, int) {
		for _, c := range t.chunks {
			if kind == "co64" {
				to = binary.BigEndian.AppendUint64(to, uint64(c.offset))
			} else {
				to = binary.BigEndian.AppendUint32(to, uint32(c.offset))
			}
		}
		return to, len(t.chunks)
	})
}

// table appends a box that begins with how many entries it has.
func table(to []byte, kind string, entries func([]byte) ([]byte, int)) []byte {
	begin := len(to)
	to = append(appendBoxHead(to, 0, kind), 0, 0, 0, 0, 0, 0, 0, 0)
	to, n := entries(to)
	binary.BigEndian.PutUint32(to[begin:], uint32(len(to)-begin))
	binary.BigEndian.PutUint32(to[begin+12:], uint32(n))
	return to
}
