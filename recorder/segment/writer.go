package segment

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"time"

	"github.com/lensbus/lensbus/frame"
)

// Options bound a segment. The zero value is good.
type Options struct {
	// Age is how long a segment is at most, in capture time. Default 10 minutes.
	Age time.Duration
	// Bytes is how large a segment is at most. Default 2 GiB. A segment has one part at least.
	Bytes int64
	// PartBytes is how many bytes of frames a part has at most, default 32 MiB, at most 256 MiB. They
	// are in memory until it is flushed. Where a frame does not fit, the part is written first. One
	// frame always fits.
	PartBytes int64
	// Jump is how far a capture time may be after the one before. Default 10 s, at most an hour.
	Jump time.Duration
}

func (o Options) orDefault() Options {
	pick := func(d, standard, most time.Duration) time.Duration {
		if d <= 0 {
			d = standard
		}
		return min(d, most)
	}
	o.Age = pick(o.Age, 10*time.Minute, 1<<62)
	o.Jump = pick(o.Jump, 10*time.Second, longestDuration)
	if o.Bytes <= 0 {
		o.Bytes = 2 << 30
	}
	if o.PartBytes <= 0 {
		o.PartBytes = 32 << 20
	}
	o.PartBytes = min(o.PartBytes, maxPartData)
	return o
}

// Writer writes one segment. What is appended is in memory until the part is flushed. A Writer is for
// one goroutine, and has another one while a part is written. It ends with Close or Abort.
type Writer struct {
	folder  *Folder
	name    Name // of the file, as it is now
	file    *os.File
	options Options
	same    identity
	track   track

	pending  *collected // the part that is being collected
	flying   *collected // the part that is being written; nil: none is
	spare    *collected // is collected into next
	estimate int64      // microseconds that a frame stands

	last   sampleBox // of all frames appended
	parts  uint32    // with the one that is being written
	info   Info      // of what is flushed
	head   []byte    // what the file begins with, until it is written
	err    error     // sticky
	closed bool
}

// Create makes the file of a segment that begins with first, as <path>.part. Append first next. Errors
// wrap [ErrRefused] or are of the file system.
//
// Folders that it makes and the file's name are on disk when it returns, so that a part is safe once it
// is flushed.
func (d *Folder) Create(first *frame.Frame, options Options) (*Writer, error) {
	if _, err := frame.ParseCameraID(string(first.Camera)); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	start := first.Captured.UnixNano()
	w := &Writer{
		folder: d, options: options.orDefault(), track: newTrack(start), estimate: firstDuration.Microseconds(),
		pending: new(collected), spare: new(collected),
		same: identity{
			start: start, camera: first.Camera, epoch: first.Epoch,
			codec: first.Codec, width: first.Width, height: first.Height,
		},
	}
	_, _ = rand.Read(w.same.id[:]) // never fails
	// What is no frame of package frame's rules must fail here, not when it is read again.
	probe := box{identity: w.same, number: 1, moofSize: moofSize(1), lastDuration: 1, dataSize: 1, frames: []sampleBox{{seq: 1, captured: start, size: 1}}}
	if err := probe.check(); err != nil {
		return nil, fmt.Errorf("camera %s: frame %d: %w: %w", first.Camera, first.Seq, ErrRefused, err)
	}
	head, err := fileHead(first.Codec, first.Width, first.Height, first.Captured)
	if err != nil {
		return nil, fmt.Errorf("camera %s: %w: %w", first.Camera, ErrRefused, err)
	}
	w.head = head
	if err := w.create(Name{Camera: first.Camera, Start: time.Unix(0, start).UTC(), State: StatePart}); err != nil {
		return nil, fmt.Errorf("camera %s: making a segment: %w", first.Camera, err)
	}
	return w, nil
}

func (w *Writer) create(name Name) error {
	d := w.folder
	// Again where retention has just removed the folder, or somebody took the name.
	for try := 0; ; try++ {
		free, err := d.free(name)
		if err != nil {
			return err
		}
		p := free.Path()
		err = d.makeDirs(path.Dir(p))
		if err == nil {
			err = d.before(OpCreate, p)
		}
		if err == nil {
			w.file, err = d.root.OpenFile(p, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o640)
		}
		switch {
		case err == nil:
			w.name = free
			w.info.Path = p
			if err := d.syncFolder(path.Dir(p)); err != nil {
				_ = w.file.Close()
				_ = d.root.Remove(p)
				return err
			}
			return nil
		case try < 3 && (errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrExist)):
		default:
			return err
		}
	}
}

// Info says what is flushed: what a reader of the file finds. It is not to be changed.
func (w *Writer) Info() Info { return w.info }

// Buffered returns how many frames, and bytes of them, the next Flush or Begin will write.
func (w *Writer) Buffered() (frames int, bytes int64) { return len(w.pending.data), w.pending.size }

// Append adds a frame to the part that is being collected. The frame's Data is kept until that
// is flushed and must not change. stored is its number in the broker's stream, gaps are the holes before it.
//
// Where the part is full, Append flushes it first, so what was appended before may be safe earlier
// than asked for. Errors:
//   - [*SplitError]: the frame belongs into a new segment. Close this one, create the next with it.
//   - [ErrOrder]: the frame is not after the last one. Leave it out.
//   - [ErrRefused]: no segment takes the frame. Leave it out.
//   - any other: of a flush, as Flush tells.
//
// Only a failed flush changes the writer.
func (w *Writer) Append(f *frame.Frame, stored uint64, gaps ...frame.Gap) error {
	if w.err != nil {
		return w.err
	}
	if w.closed {
		return fmt.Errorf("segment %s: %w", w.info.Path, ErrClosed)
	}
	s := sampleBox{
		seq: f.Seq, stored: stored, captured: f.Captured.UnixNano(), published: nanoseconds(f.Published),
		size: uint32(min(len(f.Data), maxSample+1)),
	}
	if f.Key {
		s.flags |= flagKey
	}
	if err := w.accepts(f, &s, gaps); err != nil {
		return err
	}
	if p := w.pending; len(p.data) > 0 && (p.size+int64(len(f.Data)) > w.options.PartBytes ||
		len(p.data) == maxFrames || len(p.box.gaps)+len(gaps) > maxGaps) {
		if err := w.Flush(); err != nil {
			return err
		}
	}
	s.crc = checksum(f.Data)
	before := w.track.last
	w.pending.add(s, f.Data, w.track.next(s.captured), gaps)
	if before >= 0 {
		w.estimate = w.track.last - before
	}
	w.last = s
	return nil
}

// accepts says why a frame cannot be appended.
func (w *Writer) accepts(f *frame.Frame, s *sampleBox, gaps []frame.Gap) error {
	if f.Camera != w.same.camera {
		return fmt.Errorf("segment %s: %w: it is of camera %s", w.info.Path, ErrRefused, f.Camera)
	}
	if s.size < 1 || s.size > maxSample || f.Seq < 1 || f.Seq > 1<<63-1 || s.published < 0 {
		return fmt.Errorf("segment %s: %w: frame %d has %d bytes", w.info.Path, ErrRefused, f.Seq, len(f.Data))
	}
	if len(gaps) > maxGaps {
		return fmt.Errorf("segment %s: %w: %d gaps before frame %d", w.info.Path, ErrRefused, len(gaps), f.Seq)
	}
	for _, g := range gaps {
		if !plain(string(g.Reason), maxReason) {
			return fmt.Errorf("segment %s: %w: a gap with the reason %.40q", w.info.Path, ErrRefused, g.Reason)
		}
	}
	if f.Epoch == w.same.epoch && w.last.seq > 0 && f.Seq <= w.last.seq {
		return fmt.Errorf("segment %s: frame %d after frame %d: %w", w.info.Path, f.Seq, w.last.seq, ErrOrder)
	}
	if reason := w.split(f, s); reason != "" {
		return &SplitError{Path: w.info.Path, Reason: reason}
	}
	return nil
}
