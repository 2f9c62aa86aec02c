package segment

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4/seekablebuffer"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mp4/codecs"

	"github.com/lensbus/lensbus/frame"
)

// fileMark is how a segment begins, after the size of its first box.
const fileMark = "ftypmp42"

// sealedEntry is the sample entry of sealed pictures: one that no player takes for a codec that it
// knows, so that none shows noise.
const sealedEntry = "lbsj"

// fileHead returns what a file begins with: ftyp and moov, with the time of the first frame.
func fileHead(codec frame.Codec, width, height int, start time.Time) ([]byte, error) {
	if codec != frame.JPEG && codec != frame.SealedJPEG {
		return nil, fmt.Errorf("%q is no codec that can be put into an MP4 file", codec)
	}
	var out seekablebuffer.Buffer
	err := fmp4.Init{Tracks: []*fmp4.InitTrack{{
		ID: 1, TimeScale: timescale, Codec: &codecs.MJPEG{Width: width, Height: height},
	}}}.Marshal(&out)
	if err != nil {
		return nil, fmt.Errorf("making the head of an MP4 file: %w", err)
	}
	head := out.Bytes()
	// The creation time, in seconds since 1904, is for people who look at a file with other programs.
	if i, s := bytes.Index(head, []byte("mvhd")), start.Unix()+2082844800; i > 0 && s > 0 && s < 1<<32 {
		binary.BigEndian.PutUint32(head[i+8:], uint32(s))
	}
	if codec.Sealed() {
		entry, codecBox := bytes.Index(head, []byte("mp4v")), bytes.Index(head, []byte("esds"))
		if entry < 0 || codecBox < entry {
			return nil, errors.New("making the head of an MP4 file: no sample entry")
		}
		copy(head[entry:], sealedEntry)
		copy(head[codecBox:], "skip") // a box that says nothing
	}
	return head, nil
}

const (
	mdatHead  = 8
	moofFixed = 8 + 16 + 8 + 16 + 20 + 20 // moof, mfhd, traf, tfhd, tfdt, trun
	moofFrame = 8
)

func moofSize(frames int) uint32 { return uint32(moofFixed + moofFrame*frames) }

// appendMoof appends the moof of a part whose mdat follows it. Times are in units of timescale. It is
// made here because mediacommon's copies all frames twice on their way.
func appendMoof(to []byte, number uint32, base uint64, durations, sizes []uint32) []byte {
	be := binary.BigEndian
	boxed := func(size uint32, name string) { to = append(be.AppendUint32(to, size), name...) }
	size := moofSize(len(sizes))
	boxed(size, "moof")
	boxed(16, "mfhd")
	to = be.AppendUint32(to, 0)
	to = be.AppendUint32(to, number)
	boxed(size-24, "traf")
	boxed(16, "tfhd")
	to = be.AppendUint32(to, 0x02_0000) // offsets are from the moof
	to = be.AppendUint32(to, 1)
	boxed(20, "tfdt")
	to = be.AppendUint32(to, 1<<24) // 64 bits of time
	to = be.AppendUint64(to, base)
	boxed(uint32(20+moofFrame*len(sizes)), "trun")
	to = be.AppendUint32(to, 0x301) // an offset, and for each frame its duration and size
	to = be.AppendUint32(to, uint32(len(sizes)))
	to = be.AppendUint32(to, size+mdatHead)
	for i := range sizes {
		to = be.AppendUint32(to, durations[i])
		to = be.AppendUint32(to, sizes[i])
	}
	return to
}

func appendMdatHead(to []byte, dataSize uint32) []byte {
	return append(binary.BigEndian.AppendUint32(to, mdatHead+dataSize), "mdat"...)
}

// track gives frames their times in the file: microseconds since the first, always rising, because
// players do not take two frames of one time.
type track struct {
	start int64 // Unix nanoseconds
	last  int64 // time of the last frame in the file; -1 before the first
}

func newTrack(start int64) track { return track{start: start, last: -1} }

func (t *track) next(captured int64) int64 {
	t.last = max((captured-t.start+500)/1000, t.last+1)
	return t.last
}
