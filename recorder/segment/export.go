package segment

import (
	"fmt"
	"io"
	"iter"
	"math"
	"time"

	"github.com/lensbus/lensbus/frame"
)

// ChangeError is returned by [WriteMP4] where the pictures change: one file has one size and one
// codec. What was written before is a whole file.
type ChangeError struct {
	// From is the last frame that was written, without its Data.
	From frame.Frame
	// Next is the first that does not fit: begin another file with it, and go on with what follows.
	Next Record
}

func (e *ChangeError) Error() string {
	return fmt.Sprintf("the pictures change at %s from %s %dx%d to %s %dx%d: a file has one size only",
		e.Next.Captured.UTC().Format(time.RFC3339Nano), e.From.Codec, e.From.Width, e.From.Height,
		e.Next.Codec, e.Next.Width, e.Next.Height)
}

const (
	exportPart  = time.Second
	exportBytes = 8 << 20
)

// WriteMP4 writes frames as a file of its own: fragmented MP4 with its head in front, so w need not
// seek, and what is there when it is interrupted can be played. Times in the file are capture times
// from the first frame on; where the publisher's clock was put back, it goes on as if no time had
// passed. The samples are the frames' Data, untouched. There is nothing in it that says whose they are.
//
// At most one second, or 8 MiB and a frame, is in memory. An error that frames yields ends it, after what came
// before is written, and is returned as it is: a caller that would rather go on after a
// [*DamageError] leaves it out of frames. [ErrNoFrames] where there are none: nothing is written then.
// [*ChangeError] where the pictures change.
func WriteMP4(w io.Writer, frames iter.Seq2[Record, error]) error {
	e := exporter{w: w}
	for rec, err := range frames {
		if err == nil {
			err = e.add(&rec)
		}
		if err != nil {
			return e.end(err)
		}
	}
	if e.number == 0 && len(e.data) == 0 {
		return ErrNoFrames
	}
	return e.end(nil)
}

type exporter struct {
	w      io.Writer
	first  frame.Frame // zero before the first frame
	last   frame.Frame // without Data
	track  track
	number uint32
	failed bool

	data  [][]byte
	times []int64
	size  int
}

// add takes a frame. It may write the part before it.
func (e *exporter) add(rec *Record) error {
	f := &rec.Frame
	captured := f.Captured.UnixNano()
	if e.first.Codec == "" {
		head, err := fileHead(f.Codec, f.Width, f.Height, f.Captured)
		if err != nil {
			return err
		}
		if err := e.write(head); err != nil {
			return err
		}
		e.first, e.track = *f, newTrack(captured)
		e.first.Data = nil
	}
	if f.Codec != e.first.Codec || f.Width != e.first.Width || f.Height != e.first.Height {
		return &ChangeError{From: e.last, Next: *rec}
	}
	if len(f.Data) < 1 || len(f.Data) > maxSample {
		return fmt.Errorf("frame %d of %d bytes cannot be exported", f.Seq, len(f.Data))
	}
	// A clock that was put back: this frame follows the last one as the one before did.
	if e.last.Codec != "" && f.Captured.Before(e.last.Captured) {
		e.track.start = captured - (e.track.last+e.estimate())*1000
	}
	at := e.track.next(captured)
	if len(e.data) > 0 && (at-e.times[0] >= exportPart.Microseconds() || e.size+len(f.Data) > exportBytes || len(e.data) == maxFrames) {
		if err := e.flush(at); err != nil {
			return err
		}
	}
	e.data, e.times, e.size = append(e.data, f.Data), append(e.times, at), e.size+len(f.Data)
	e.last = *f
	e.last.Data = nil
	return nil
}

// estimate is how long the last frame stands where no next one says so, in microseconds.
func (e *exporter) estimate() int64 {
	if n := len(e.times); n > 1 {
		return e.times[n-1] - e.times[n-2]
	}
	return firstDuration.Microseconds()
}

// flush writes the part that is collected. next is the time of the frame after it.
func (e *exporter) flush(next int64) error {
	e.number++
	n := len(e.data)
	durations, sizes := make([]uint32, n), make([]uint32, n)
	for i, data := range e.data {
		until := next
		if i+1 < n {
			until = e.times[i+1]
		}
		// After 71 minutes without a frame the next part's own time has to do.
		durations[i], sizes[i] = uint32(min(until-e.times[i], math.MaxUint32)), uint32(len(data))
	}
	head := appendMoof(nil, e.number, uint64(e.times[0]), durations, sizes)
	head = appendMdatHead(head, uint32(e.size))
	if err := e.write(head); err != nil {
		return err
	}
	for _, data := range e.data {
		if err := e.write(data); err != nil {
			return err
		}
	}
	clear(e.data)
	e.data, e.times, e.size = e.data[:0], e.times[:0], 0
	return nil
}

func (e *exporter) write(data []byte) error {
	if _, err := e.w.Write(data); err != nil {
		e.failed = true
		return fmt.Errorf("writing an MP4 file: %w", err)
	}
	return nil
}

// end writes what is left, before cause is returned.
func (e *exporter) end(cause error) error {
	if e.failed || len(e.data) == 0 {
		return cause
	}
	if err := e.flush(e.times[len(e.times)-1] + e.estimate()); err != nil {
		return err
	}
	return cause
}
