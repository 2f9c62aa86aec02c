package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/lensbus/lensbus/frame"
)

// ExportOptions say what to export. The zero value is all there is, as MP4.
type ExportOptions struct {
	From time.Time // by the publisher's clock; zero: the oldest frame there is
	To   time.Time // the moment after the last; zero: up to the newest frame
	// Format is [frame.FormatMP4]; empty means the same.
	Format string
	// Split ends the file where the pictures change their size, and the result says where to go on.
	// Without it a range with a change in it is refused with code 409, before a byte is written.
	Split bool
}

// ExportProgress says how far an export is.
type ExportProgress struct {
	Bytes int64 // written so far
	Total int64 // of bytes, about; 0 where that is not known
	// Frames is how many there will be, about; 0 where that is not known.
	Frames uint64
	// Captured is the capture time of the newest frame that was written; zero before the first.
	Captured time.Time
}

// ExportResult is what was exported.
type ExportResult struct {
	Frames uint64
	Bytes  int64
	// Gaps are what is missing in it.
	Gaps []frame.Gap
	// Rest is where a split export goes on; zero where all was exported.
	Rest time.Time
}

// Export writes what is recorded of the camera between two moments to w, as a file that any player
// opens. It asks for no more than w has taken, so that a slow w is nobody's burden. progress, where
// it is not nil, is called from this goroutine before the first byte, after every write, some 250 KB, and when all
// is written.
//
// Its errors are those of [Conn.Replay] and w's: what is in w is then not whole.
func (c *Conn) Export(ctx context.Context, id frame.CameraID, o ExportOptions, w io.Writer, progress func(ExportProgress)) (ExportResult, error) {
	if progress == nil {
		progress = func(ExportProgress) {}
	}
	request := frame.ExportRequest{From: o.From, To: o.To, Format: o.Format, Split: o.Split, Credit: defaultWindow}
	if err := request.Check(); err != nil {
		return ExportResult{}, &RecorderError{Camera: id, Verb: frame.VerbExport, Code: 400, Text: err.Error()}
	}
	job, err := c.startJob(ctx, id, frame.VerbExport, o.From, o.To, request, defaultWindow)
	if err != nil {
		return ExportResult{}, err
	}
	defer job.close()
	var result ExportResult
	done := ExportProgress{Total: job.about.Bytes, Frames: job.about.Frames}
	progress(done)
	for {
		msg, kind, err := job.next(ctx)
		switch {
		case errors.Is(err, io.EOF):
			if job.end.Bytes != result.Bytes {
				return result, job.interrupted(fmt.Sprintf("%d bytes came of %d", result.Bytes, job.end.Bytes))
			}
			result.Frames, result.Rest = job.end.Frames, job.end.Rest
			progress(done)
			return result, nil
		case err != nil:
			return result, err
		}
		switch kind {
		case frame.JobGap:
			var gap frame.Gap
			if json.Unmarshal(msg.Data, &gap) == nil && len(result.Gaps) < frame.MaxRanges {
				result.Gaps = append(result.Gaps, gap)
			}
		case frame.JobData:
			n, err := w.Write(msg.Data)
			result.Bytes += int64(n)
			if err != nil {
				return result, fmt.Errorf("export of camera %s: write: %w", id, err)
			}
			done.Bytes = result.Bytes
			if captured, ok := unixNano(msg.Header.Get(frame.HeaderCaptured)); ok {
				done.Captured = captured
			}
			progress(done)
			job.grant(n)
		}
	}
}
