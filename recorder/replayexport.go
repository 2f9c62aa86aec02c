package recorder

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/recorder/segment"
)

// Export is [bus.Conn.Export] for those who may have a key. Where conn has one, the recorder makes no file,
// which it could not of sealed pictures and which nobody could check: it replays them, they are
// opened as all that conn receives, and the file is made here. Where sealing begins or ends it is the same file.
// A stretch that no key of conn opens is a gap, where there is something else; what is not of the time that was
// asked for, or out of order, is one too ([bus.Replay.Next]).
func Export(ctx context.Context, conn *bus.Conn, id frame.CameraID, o bus.ExportOptions, w io.Writer, progress func(bus.ExportProgress)) (bus.ExportResult, error) {
	if !conn.Opens() {
		return conn.Export(ctx, id, o, w, progress)
	}
	if progress == nil {
		progress = func(bus.ExportProgress) {}
	}
	ranges, err := conn.Ranges(ctx, id, o.From, o.To)
	if err == nil && !o.Split {
		err = oneSize(ranges, id, o)
	}
	if err != nil {
		return bus.ExportResult{}, err
	}
	replay, err := conn.Replay(ctx, id, bus.ReplayOptions{From: o.From, To: o.To, PassSealed: true})
	if err != nil {
		return bus.ExportResult{}, err
	}
	defer func() { _ = replay.Close() }() // has no error
	e := replayExport{replay: replay, from: o.From, to: o.To, known: ranges.Gaps, w: w, total: replay.Bytes(), progress: progress}
	return e.run(ctx, o.Split)
}

// oneSize refuses a range with a change of size before anything is written, as a recorder does.
func oneSize(ranges frame.Ranges, id frame.CameraID, o bus.ExportOptions) error {
	for i := 1; i < len(ranges.Spans); i++ {
		before, next := ranges.Spans[i-1], ranges.Spans[i]
		if !next.From.After(o.From) { // the one before has no frame in it
			continue
		}
		if next.Width == before.Width && next.Height == before.Height {
			continue
		}
		change := segment.ChangeError{
			From: frame.Frame{Codec: frame.JPEG, Width: before.Width, Height: before.Height},
			Next: segment.Record{Frame: frame.Frame{Captured: next.From, Codec: frame.JPEG, Width: next.Width, Height: next.Height}},
		}
		return &bus.RecorderError{Camera: id, Verb: frame.VerbExport, Code: 409, Text: change.Error() + ": export up to there and from there on, or with split"}
	}
	return nil
}

// replayExport makes a file of what is replayed.
type replayExport struct {
	replay   *bus.Replay
	from, to time.Time
	known    []frame.Gap // also before the first frame and after the last
	w        io.Writer
	total    int64
	progress func(bus.ExportProgress)

	result   bus.ExportResult
	captured time.Time
}

func (e *replayExport) run(ctx context.Context, split bool) (bus.ExportResult, error) {
	buffer := bufio.NewWriterSize(writerFunc(e.write), exportPiece)
	err := segment.WriteMP4(buffer, func(yield func(segment.Record, error) bool) {
		for {
			f, err := e.replay.Next(ctx)
			gaps := e.replay.Gaps()
			switch {
			case err == nil && e.captured.IsZero():
				gaps = append(untold(e.known, e.from, f.Captured, gaps), gaps...)
			case errors.Is(err, io.EOF) && !e.captured.IsZero():
				gaps = append(gaps, untold(e.known, e.captured, e.to, gaps)...)
			}
			e.result.Gaps = append(e.result.Gaps, gaps[:min(len(gaps), frame.MaxRanges-len(e.result.Gaps))]...)
			if errors.Is(err, io.EOF) {
				return
			}
			if err == nil {
				e.result.Frames++
				e.captured = f.Captured
			}
			if !yield(segment.Record{Frame: f}, err) || err != nil {
				return
			}
		}
	})
	change := new(segment.ChangeError)
	switch {
	case errors.Is(err, segment.ErrNoFrames):
		return e.result, nothingOf(e.result.Gaps)
	case errors.As(err, &change) && split:
		e.result.Rest = change.Next.Captured
		e.result.Frames-- // that one is for the next file
	case err != nil:
		return e.result, err
	}
	return e.result, buffer.Flush()
}

// nothingOf is ErrNothing where frames came and none was one.
func nothingOf(gaps []frame.Gap) error {
	var rejected uint64
	for _, gap := range gaps {
		if gap.Reason == frame.GapRejected {
			rejected += gap.Missing
		}
	}
	if rejected == 0 {
		return ErrNothing
	}
	return fmt.Errorf("%w that can be taken for the camera's of that time: %d frames were rejected", ErrNothing, rejected)
}

func (e *replayExport) write(data []byte) (int, error) {
	n, err := e.w.Write(data)
	e.result.Bytes += int64(n)
	e.progress(bus.ExportProgress{Bytes: e.result.Bytes, Total: e.total, Captured: e.captured})
	return n, err
}
