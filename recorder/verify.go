package recorder

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/lensbus/lensbus/recorder/segment"
)

// Verified is what reading every segment of a folder has found.
type Verified struct {
	Segments int    `json:"segments"` // that were read, those that are not closed included
	Open     int    `json:"open"`     // of these, not closed: being written, or left by a recorder that was killed
	Frames   uint64 `json:"frames"`
	Bytes    int64  `json:"bytes"`
	Foreign  int    `json:"foreign"` // files no recorder has made
	// Damaged are the segments of which something is not as it was written.
	Damaged []DamagedSegment `json:"damaged"`
	// Unreadable could not be looked at.
	Unreadable []BadFile `json:"unreadable,omitempty"`
}

// Sound says whether nothing is wrong.
func (v *Verified) Sound() bool { return len(v.Damaged) == 0 && len(v.Unreadable) == 0 }

// DamagedSegment is a segment and what is wrong with it.
type DamagedSegment struct {
	Path   string   `json:"path"`
	Damage []Damage `json:"damage"`
}

// Damage is [segment.Damage] as JSON.
type Damage struct {
	Kind     segment.DamageKind `json:"kind"`
	Offset   int64              `json:"offset"` // bytes
	Length   int64              `json:"length"` // bytes
	Frames   uint64             `json:"frames,omitempty"`
	FirstSeq uint64             `json:"first_seq,omitempty"`
	LastSeq  uint64             `json:"last_seq,omitempty"`
	From     time.Time          `json:"from,omitzero"`
	To       time.Time          `json:"to,omitzero"`
	Detail   string             `json:"detail"`
}

// VerifyAll reads every frame of every segment in a folder and compares it with its checksum. It
// changes nothing and takes no lock: a recorder may be at work there, and what it removes meanwhile
// is left out. progress may be nil.
//
// Damage is in the result; an error is a folder that cannot be read at all (it wraps [ErrFolder]) or
// the end of ctx, with what was found until then.
func VerifyAll(ctx context.Context, dir string, progress func(Progress)) (Verified, error) {
	found := Verified{Damaged: []DamagedSegment{}}
	// Opening makes a folder that is missing; here nothing may be made.
	info, err := os.Stat(dir)
	if err != nil {
		return found, fmt.Errorf("%w: verifying: %w", ErrFolder, err)
	}
	if !info.IsDir() {
		return found, fmt.Errorf("%w: verifying %s: it is not a folder", ErrFolder, dir)
	}
	folder, err := segment.OpenFolder(dir)
	if err != nil {
		return found, fmt.Errorf("%w: verifying: %w", ErrFolder, err)
	}
	defer func() { _ = folder.Close() }() // nothing was written
	files, err := list(ctx, folder)
	if err != nil {
		return found, err
	}
	found.Foreign = files.Foreign
	for _, err := range files.Unreadable {
		found.Unreadable = append(found.Unreadable, BadFile{Problem: err.Error()})
	}
	all := slices.Concat(files.Whole, files.Parts, files.Stuck, files.Damaged)
	for i, e := range all {
		if ctx.Err() != nil {
			return found, fmt.Errorf("verifying %s: %w", dir, context.Cause(ctx))
		}
		found.add(folder, e)
		if progress != nil {
			progress(Progress{Done: i + 1, Total: len(all), Path: e.Path})
		}
	}
	return found, nil
}

func (v *Verified) add(folder *segment.Folder, e segment.Entry) {
	path := e.Path
	info, damage, err := folder.Verify(path)
	if errors.Is(err, fs.ErrNotExist) && e.State == segment.StatePart {
		path = strings.TrimSuffix(path, ".part") // closed meanwhile
		info, damage, err = folder.Verify(path)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return // removed meanwhile
	}
	if err != nil {
		v.Unreadable = append(v.Unreadable, BadFile{path, err.Error()})
		return
	}
	v.Segments++
	if e.State == segment.StatePart || e.State == segment.StateStuck {
		v.Open++
	}
	v.Frames += info.Frames
	v.Bytes += max(info.Bytes, 0)
	if len(damage) == 0 {
		return
	}
	d := DamagedSegment{Path: path}
	for _, one := range damage {
		d.Damage = append(d.Damage, Damage(one))
	}
	v.Damaged = append(v.Damaged, d)
}
