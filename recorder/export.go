package recorder

import (
	"bufio"
	"context"
	"errors"
	"io"
	"time"

	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/recorder/segment"
)

// exportPiece is how much of an exported file is sent at a time: below every server's max_payload.
const exportPiece = 256 << 10

// exporting makes one file of what is recorded between two moments.
type exporting struct {
	from, to time.Time
	split    bool // end the file where the pictures change their size
	w        io.Writer
	open     func(frame.Frame) (frame.Frame, error) // of sealed pictures; nil: there is no key
	begin    func(frames uint64, bytes int64) error // before the first byte
	gap      func(frame.Gap) error

	frames   uint64 // taken so far
	captured time.Time
	gaps     int
	unopened frame.Gap // before the next frame; of no reason: none
	sealed   bool      // there was one that no key here opens
	rest     time.Time // where a split one goes on
}

// ErrSealed says that what is recorded is sealed, and that who was asked for a file of it has no key.
var ErrSealed = errors.New("the pictures are sealed, and no key here opens them (--key FILE)")

// export makes the file. Its errors wrap ErrNothing, ErrSealed where no key here opens anything,
// [*segment.ChangeError] and those of w.
func (a *archive) export(ctx context.Context, e *exporting) error {
	if !e.split {
		if err := a.checkSizes(ctx, e); err != nil {
			return err
		}
	}
	walker := a.walk(e.from, e.to)
	buffer := bufio.NewWriterSize(e.w, exportPiece)
	err := segment.WriteMP4(buffer, func(yield func(segment.Record, error) bool) {
		for found, err := range walker.frames(ctx) {
			if err == nil {
				if err = e.opened(&found); err == nil && found.frame.Data == nil {
					continue
				}
			}
			if err == nil {
				err = e.take(ctx, a, found)
			}
			if !yield(segment.Record{Frame: found.frame}, err) || err != nil {
				return
			}
		}
	})
	change := new(segment.ChangeError)
	switch {
	case errors.Is(err, segment.ErrNoFrames) && e.sealed:
		return ErrSealed
	case errors.Is(err, segment.ErrNoFrames):
		return nothingBetween(e.from, e.to)
	case errors.As(err, &change) && e.split:
		e.rest = change.Next.Captured
		e.frames-- // that one is for the next file
	case err != nil:
		return err
	}
	end := walker.gaps // a damaged end
	if e.rest.IsZero() {
		end = append(end, untold(a.gapsWithin(ctx, e.captured, e.to), e.captured, e.to, end)...)
	}
	if err := errors.Join(e.tellUnopened(), e.tell(end...)); err != nil {
		return err
	}
	return buffer.Flush()
}

// opened makes of a sealed frame the picture, where there is a key. One whose seal is broken, or that no key here
// opens, is without Data, and a gap with those like it next to it.
func (e *exporting) opened(found *past) error {
	f := found.frame
	if e.open == nil {
		if f.Codec.Sealed() && e.frames == 0 { // later it is a change of codec
			return ErrSealed
		}
		return nil
	}
	var err error
	found.frame, err = e.open(f)
	rejected := new(frame.RejectError)
	if !errors.As(err, &rejected) {
		return err
	}
	reason := frame.GapRejected
	if rejected.Reason == frame.ReasonSealed {
		reason, e.sealed = frame.GapSealed, true
	}
	if len(found.gaps) > 0 || e.unopened.Reason != reason {
		if err := errors.Join(e.tellUnopened(), e.tell(found.gaps...)); err != nil {
			return err
		}
	}
	gap := frame.Gap{From: f.Captured, To: f.Captured, Missing: 1, Reason: reason}
	if e.unopened.Reason != "" {
		gap = e.unopened.And(gap)
	}
	e.unopened = gap
	return nil
}

// tellUnopened tells what has not been opened since it was called last.
func (e *exporting) tellUnopened() error {
	gap := e.unopened
	if e.unopened = (frame.Gap{}); gap.Reason == "" {
		return nil
	}
	return e.tell(gap)
}

// codec is what a file with frames of that codec has.
func (e *exporting) codec(of frame.Codec) frame.Codec {
	if e.open != nil && of == frame.SealedJPEG {
		return frame.JPEG
	}
	return of
}

// take counts a frame and tells what is missing before it.
func (e *exporting) take(ctx context.Context, a *archive, found past) error {
	if e.frames == 0 {
		frames, bytes, err := a.estimate(ctx, e.from, e.to)
		if err != nil {
			return err
		}
		if err := e.begin(frames, bytes); err != nil {
			return err
		}
	}
	if e.frames == 0 { // what should be before it
		first := found.frame.Captured
		found.gaps = append(untold(a.gapsWithin(ctx, e.from, first), e.from, first, found.gaps), found.gaps...)
	}
	if err := errors.Join(e.tellUnopened(), e.tell(found.gaps...)); err != nil {
		return err
	}
	e.frames++
	e.captured = found.frame.Captured
	return nil
}

func (e *exporting) tell(gaps ...frame.Gap) error {
	for _, gap := range gaps {
		if e.gaps++; e.gaps > frame.MaxRanges {
			return nil
		}
		if err := e.gap(gap); err != nil {
			return err
		}
	}
	return nil
}

// checkSizes finds a change of size before anything is written.
func (a *archive) checkSizes(ctx context.Context, e *exporting) error {
	infos, err := a.files(ctx, e.from, e.to)
	if err != nil {
		return err
	}
	for i := 1; i < len(infos); i++ {
		before, next := infos[i-1], infos[i]
		if !next.Start.After(e.from) { // the one before has at most its last frame's time in it, and no frame
			continue
		}
		if next.Width != before.Width || next.Height != before.Height || e.codec(next.Codec) != e.codec(before.Codec) {
			return &segment.ChangeError{
				From: frame.Frame{Codec: before.Codec, Width: before.Width, Height: before.Height},
				Next: segment.Record{Frame: frame.Frame{Captured: next.Start, Codec: next.Codec, Width: next.Width, Height: next.Height}},
			}
		}
	}
	return nil
}

// sendExport sends the file that was asked for to the asker.
func (a *archive) sendExport(ctx context.Context, r frame.ExportRequest, job *bus.Job) error {
	e := &exporting{from: r.From, to: r.To, split: r.Split, begin: job.Begin, gap: job.Gap}
	e.w = writerFunc(func(data []byte) (int, error) {
		for sent := 0; sent < len(data); {
			piece := data[sent:min(sent+exportPiece, len(data))]
			if err := job.Data(ctx, piece, e.captured); err != nil {
				return sent, err
			}
			sent += len(piece)
		}
		return len(data), nil
	})
	err := a.export(ctx, e)
	job.Exported(e.frames)
	job.Rest(e.rest)
	if change := new(segment.ChangeError); errors.As(err, &change) {
		return &bus.RecorderError{Code: 409, Text: change.Error() + ": export up to there and from there on, or with split"}
	}
	return told(err)
}

// writerFunc is a function as a writer.
type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(data []byte) (int, error) { return f(data) }
