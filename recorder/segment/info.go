package segment

import (
	"fmt"
	"time"

	"github.com/lensbus/lensbus/frame"
)

// Info says what a segment holds.
type Info struct {
	Camera frame.CameraID
	// Path of the file, relative to the recorder's folder, with '/'.
	Path string
	// Epoch, Codec, Width and Height are the same for all frames of a segment.
	Epoch         string
	Codec         frame.Codec
	Width, Height int // pixels
	// FirstSeq and LastSeq are the camera's own numbers of the first and last frame; those between
	// that are not in Gaps are there.
	FirstSeq, LastSeq uint64
	// FirstStored and LastStored are the numbers of these frames in the broker's stream.
	FirstStored, LastStored uint64
	// Start and End are the capture times of the first and the last frame, in UTC.
	Start, End time.Time
	// Duration is from Start until when the last frame stands, which is an estimate.
	Duration time.Duration
	Frames   uint64
	Bytes    int64 // of the file
	// Gaps are the holes before the first and between the frames, as noted when they were written.
	Gaps []frame.Gap
}

// add extends i by a part that follows.
func (i *Info) add(p *part) {
	b := &p.box
	first, last := &b.frames[0], &b.frames[len(b.frames)-1]
	if i.Frames == 0 {
		i.Camera, i.Epoch, i.Codec, i.Width, i.Height = b.camera, b.epoch, b.codec, b.width, b.height
		i.FirstSeq, i.FirstStored, i.Start = first.seq, first.stored, time.Unix(0, first.captured).UTC()
	}
	i.LastSeq, i.LastStored, i.End = last.seq, last.stored, time.Unix(0, last.captured).UTC()
	i.Duration = i.End.Sub(i.Start) + time.Duration(b.lastDuration)*time.Microsecond
	i.Frames += uint64(len(b.frames))
	for _, g := range b.gaps {
		if len(i.Gaps) < maxAllGaps {
			i.Gaps = append(i.Gaps, g.gap)
		}
	}
}

// Record is a frame of a segment.
type Record struct {
	frame.Frame
	// Stored is the frame's number in the broker's stream.
	Stored uint64
	// Gaps are the holes between the frame before and this one, as noted when it was written.
	Gaps []frame.Gap
}

// DamageKind says what is wrong.
type DamageKind string

// The kinds of [Damage].
const (
	DamageFile    DamageKind = "file"    // nothing in the file is a segment's
	DamageTorn    DamageKind = "torn"    // the file ends within a part: it was cut, or is being written
	DamageParts   DamageKind = "parts"   // what should be a part, or several, cannot be read as one
	DamageFrame   DamageKind = "frame"   // a frame's bytes are not those that were written
	DamagePicture DamageKind = "picture" // a frame's bytes are those that were written, but no whole picture
	DamagePlayers DamageKind = "players" // all frames are there, but other programs cannot find them
)

// Damage is a piece of a file that cannot be read as it was written.
type Damage struct {
	Kind DamageKind
	// Offset and Length say where, in bytes.
	Offset, Length int64
	// Frames is how many frames are lost; 0 where that is not known.
	Frames uint64
	// FirstSeq and LastSeq are the camera's own numbers of them: the first and last that may be
	// lost. 0: not known.
	FirstSeq, LastSeq uint64
	// From and To are between which capture times frames may be lost. Zero: not known.
	From, To time.Time
	// Detail is one line for people.
	Detail string
}

// DamageError is what [Reader.Frames] yields in place of frames that cannot be read. It is no reason
// to stop: the next ones follow.
type DamageError struct {
	Path string
	Damage
}

func (e *DamageError) Error() string {
	return fmt.Sprintf("segment %s is damaged at byte %d: %s", e.Path, e.Offset, e.Detail)
}
