package bus

import (
	"context"
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
// it is not nil, is called now and then from this goroutine, at last when all is written.
//
// Its errors are those of [Conn.Replay] and w's: what is in w is then not whole.
func (c *Conn) Export(ctx context.Context, id frame.CameraID, o ExportOptions, w io.Writer, progress func(ExportProgress)) (ExportResult, error) {
	return ExportResult{}, ErrNoRecorder
}
