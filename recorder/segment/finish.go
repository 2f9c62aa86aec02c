package segment

import (
	"fmt"

	"github.com/lensbus/lensbus/frame"
)

// SplitReason says why a frame belongs into a new segment.
type SplitReason string

// The values of [SplitReason].
const (
	SplitAge    SplitReason = "age"    // the segment is as long as it may be
	SplitBytes  SplitReason = "bytes"  // the segment is as large as it may be
	SplitEpoch  SplitReason = "epoch"  // the camera's publisher was started anew
	SplitCodec  SplitReason = "codec"  // another codec
	SplitSize   SplitReason = "size"   // pictures of another size
	SplitBack   SplitReason = "back"   // the publisher's clock was put back
	SplitJump   SplitReason = "jump"   // the next frame is far later
	SplitStored SplitReason = "stored" // the broker's stream counts from the beginning again
)

// SplitError is returned by [Writer.Append] for a frame that belongs into a new segment. It is normal.
type SplitError struct {
	Path   string
	Reason SplitReason
}

func (e *SplitError) Error() string {
	return fmt.Sprintf("segment %s ends before this frame (%s)", e.Path, e.Reason)
}

func (w *Writer) split(f *frame.Frame, s *sampleBox) SplitReason {
	since := s.captured - w.same.start
	size := w.info.Bytes + w.pending.size + int64(len(f.Data))
	if w.flying != nil {
		size += w.flying.bytes()
	}
	first := w.last.seq == 0
	switch {
	case f.Epoch != w.same.epoch:
		return SplitEpoch
	case f.Codec != w.same.codec:
		return SplitCodec
	case f.Width != w.same.width || f.Height != w.same.height:
		return SplitSize
	case since < 0, s.captured < w.last.captured:
		return SplitBack
	case first && since > 0:
		return SplitJump // the name would not be true
	case first:
		return ""
	case s.captured-w.last.captured > int64(w.options.Jump):
		return SplitJump
	case s.stored < w.last.stored:
		return SplitStored
	case since >= int64(w.options.Age):
		return SplitAge
	// A reader takes maxParts, and the last ones may be small.
	case size > w.options.Bytes, w.parts >= maxParts-1, len(w.info.Gaps) >= maxAllGaps-3*maxGaps:
		return SplitBytes
	}
	return ""
}

// Close flushes what is left and gives the file its final name. When it returns without an error, all
// of that is on disk. A segment without a frame is deleted and Close returns [ErrNoFrames].
//
// After an error of the flush the file is as after Abort, still a .part for [Folder.Salvage]. After
// one of the renaming all frames are safe too, and Info says which name the file has: it may have the
// other one after a power cut. A second Close returns the same.
func (w *Writer) Close() (Info, error) {
	if w.closed {
		return w.info, w.err
	}
	if err := w.Flush(); err != nil {
		w.abandon()
		return w.info, err
	}
	w.closed = true
	if w.info.Frames == 0 {
		w.abandon()
		w.err = fmt.Errorf("segment %s: %w", w.info.Path, ErrNoFrames)
		return w.info, w.err
	}
	if err := w.file.Close(); err != nil {
		w.err = fmt.Errorf("closing segment %s: %w", w.info.Path, err)
		return w.info, w.err
	}
	var err error
	w.name, err = w.folder.rename(w.name, StateWhole)
	if err != nil {
		w.err = fmt.Errorf("closing segment %s: %w", w.info.Path, err)
	}
	w.info.Path = w.name.Path()
	return w.info, w.err
}

// Abort gives the segment up. It waits for what Begin has begun. What is flushed stays in the .part file, for [Folder.Salvage]; what is
// not is cut off where the disk allows it, so that it cannot come back as if it had been saved. A file
// in which nothing was flushed is deleted. Abort may be called at any time and does nothing after Close.
func (w *Writer) Abort() {
	if !w.closed {
		w.abandon()
	}
	if w.err == nil {
		w.err = fmt.Errorf("segment %s: %w", w.info.Path, ErrClosed)
	}
}

func (w *Writer) abandon() {
	w.closed = true
	_ = w.Wait() // what is on disk by then counts
	w.pending.reset()
	if w.info.Frames == 0 {
		_ = w.file.Close()
		if w.folder.before(OpRemove, w.info.Path) == nil {
			_ = w.folder.root.Remove(w.info.Path)
		}
		return
	}
	if w.folder.before(OpTruncate, w.info.Path) == nil {
		_ = w.file.Truncate(w.info.Bytes)
	}
	_ = w.file.Close()
}
