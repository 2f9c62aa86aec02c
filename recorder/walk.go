package recorder

import (
	"context"
	"errors"
	"io/fs"
	"iter"
	"time"

	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/recorder/segment"
)

// walker goes over a camera's recorded frames between two moments, in order, each once: first those
// in files, then those that are in the stream only, and back to files where the stream has dropped
// what has been written to them meanwhile. It is for one goroutine.
type walker struct {
	*archive
	from, to time.Time // zero: no bound

	last     edge              // of the frame that was given last; its epoch is empty before the first
	interval time.Duration     // usual, of the newest frames
	current  segment.Info      // that was read last
	read     map[string]uint64 // by the path of a segment that was read: its last frame then
	given    given
	gaps     []frame.Gap // before the next frame, beyond what its number tells
	vanished bool        // a segment was removed before it was read
	rejected uint64      // messages of the stream that are no frames, since the last frame
	jumped   uint64      // the place in the stream for whose sake the files were looked at again
	checked  time.Time   // when the stream was last looked at for being made anew
}

// past is a frame, and what is missing right before it.
type past struct {
	frame frame.Frame
	gaps  []frame.Gap
}

func (a *archive) walk(from, to time.Time) *walker {
	return &walker{archive: a, from: from, to: to, read: make(map[string]uint64), given: make(given)}
}

// frames yields what there is, up to the newest frame that is stored. It may be called again later,
// and goes on where it stopped. An error is the last that it yields.
func (w *walker) frames(ctx context.Context) iter.Seq2[past, error] {
	return func(yield func(past, error) bool) {
		for {
			if goOn, err := w.readFiles(ctx, yield); err != nil || !goOn {
				w.fail(err, yield)
				return
			}
			again, goOn, err := w.readStream(ctx, yield)
			if err != nil || !goOn {
				w.fail(err, yield)
				return
			}
			if !again {
				return
			}
		}
	}
}

func (w *walker) fail(err error, yield func(past, error) bool) {
	if err != nil {
		yield(past{}, err)
	}
}

// readFiles yields what is in files after the last frame, some rows of the index after others; false where no more is wanted.
func (w *walker) readFiles(ctx context.Context, yield func(past, error) bool) (bool, error) {
	from := w.from
	if w.current.Path != "" {
		from = w.current.Start
	}
	var last segment.Info
	for more := true; more; {
		var infos []segment.Info
		var err error
		if infos, last, more, err = w.filesAfter(ctx, from, w.to, last); err != nil {
			return false, err
		}
		for _, info := range infos {
			if err := ctx.Err(); err != nil {
				return false, context.Cause(ctx)
			}
			if w.isDone(info) {
				continue
			}
			w.current = info
			w.read[closedPath(info.Path)] = info.LastSeq
			if !w.readFile(ctx, info, yield) {
				return false, nil
			}
		}
	}
	return true, nil
}

// isDone says whether a segment has been read, or all that is in it given.
func (w *walker) isDone(info segment.Info) bool {
	last, was := w.read[closedPath(info.Path)]
	return was && info.LastSeq <= last || w.given.has(info.Epoch, info.LastSeq)
}

// readFile yields the frames of one segment; false where no more is wanted. What cannot be read is a
// gap and no reason to stop.
func (w *walker) readFile(ctx context.Context, info segment.Info, yield func(past, error) bool) bool {
	reader, err := w.open(info.Path)
	if errors.Is(err, fs.ErrNotExist) {
		w.vanished = true
		return true
	}
	if err != nil {
		w.damaged(info, err)
		return true
	}
	defer func() { _ = reader.Close() }() // was only read
	inside := false                       // there was a frame of it
	for record, err := range reader.Frames(w.from, w.to) {
		if err != nil {
			w.damaged(info, err)
			continue
		}
		if ctx.Err() != nil {
			return yield(past{}, context.Cause(ctx))
		}
		next := edge{epoch: record.Epoch, seq: record.Seq, stored: record.Stored, captured: record.Captured}
		if !w.give(record.Frame, next, record.Gaps, func() (frame.Gap, bool) { return w.laterGap(ctx, next, inside) }, yield) {
			return false
		}
		inside = true
	}
	return true
}

func (w *walker) damaged(info segment.Info, err error) {
	w.log.Warn("a segment cannot be read", "camera", w.id, "segment", info.Path, "error", err)
	gap := frame.Gap{From: info.Start, To: until(info), Missing: info.Frames, Reason: frame.GapDamage}
	if damage := new(segment.DamageError); errors.As(err, &damage) {
		gap.Missing = damage.Frames
		if !damage.From.IsZero() && !damage.To.IsZero() {
			gap.From, gap.To = damage.From, damage.To
		}
	}
	w.gaps = append(w.gaps, gap)
}

// give yields a frame unless it has been there; false where no more is wanted. before says what is missing before
// it, where nothing was noted.
func (w *walker) give(f frame.Frame, next edge, noted []frame.Gap, before func() (frame.Gap, bool), yield func(past, error) bool) bool {
	if w.given.has(f.Epoch, f.Seq) {
		return true
	}
	w.given.add(f.Epoch, f.Seq)
	f.Unsent = 0 // a gap says it
	p := past{frame: f, gaps: append(w.gaps, noted...)}
	w.gaps = nil
	if w.last.epoch != "" {
		if len(p.gaps) == 0 {
			if gap, missing := before(); missing {
				if w.vanished {
					gap.Reason = frame.GapUnknown
				}
				p.gaps = append(p.gaps, gap)
			}
		}
		if len(p.gaps) == 0 {
			w.interval = (7*w.interval + max(f.Captured.Sub(w.last.captured), 0)) / 8
		}
	}
	w.vanished, w.rejected = false, 0
	w.last = next
	return yield(p, nil)
}

// What is read of the stream at a time.
const (
	streamFrames = 64
	streamBytes  = 4 << 20
)

// readStream yields what is in the stream after the last frame. again says that the files are to be
// looked at before going on, goOn is false where no more is wanted.
func (w *walker) readStream(ctx context.Context, yield func(past, error) bool) (again, goOn bool, err error) {
	if w.history == nil {
		return false, true, nil
	}
	w.rejected = 0 // what is after the last frame is read again
	next, err := w.placeInStream(ctx)
	if err != nil {
		return false, false, w.unlessNone(ctx, err)
	}
	for {
		batch, err := w.history.Read(ctx, next, streamFrames, streamBytes)
		if err != nil {
			return false, false, w.unlessNone(ctx, err)
		}
		if len(batch.Messages) == 0 {
			return w.isNew(ctx), true, nil
		}
		// The stream has dropped some: they may be in files by now.
		if first := batch.Messages[0].Number; first > next && next > 1 && w.jumped != next {
			w.jumped = next
			return true, true, nil
		}
		for _, m := range batch.Messages {
			switch {
			case m.Rejected != nil:
				w.rejected++
				continue
			case m.Frame.Captured.Before(w.from):
				continue
			case !w.to.IsZero() && !m.Frame.Captured.Before(w.to):
				return false, false, nil
			}
			next := edgeOf(m)
			if !w.give(m.Frame, next, nil, func() (frame.Gap, bool) { return w.streamGap(next) }, yield) {
				return false, false, nil
			}
		}
		next = batch.Next
	}
}

// streamGap is what is missing before a frame of the stream, as the recorder will note it.
func (w *walker) streamGap(next edge) (frame.Gap, bool) {
	gap, ok := gapBetween(w.last, next, w.interval)
	if gap.Reason == frame.GapOverrun && w.rejected > 0 && next.stored-w.last.stored-1 <= w.rejected {
		gap.Reason = frame.GapRejected
	}
	return gap, ok
}

// placeInStream is the number of the stream to read on from.
func (w *walker) placeInStream(ctx context.Context) (uint64, error) {
	switch {
	case w.last.stored > 0:
		return w.last.stored + 1, nil
	case w.last.epoch != "":
		return w.history.Find(ctx, w.last.captured)
	case w.from.IsZero():
		return 1, nil
	}
	return w.history.Find(ctx, w.from)
}

// isNew says whether the stream was made anew since the last frame, whose number then means nothing.
// It asks once a second at most.
func (w *walker) isNew(ctx context.Context) bool {
	if w.last.stored == 0 || time.Since(w.checked) < time.Second {
		return false
	}
	w.checked = time.Now()
	newest, err := w.history.Newest(ctx)
	if err != nil || newest.Next > w.last.stored {
		return false
	}
	w.last.stored = 0
	return len(newest.Messages) > 0
}

// unlessNone is err, but for a broker that has nothing to give: then what is in files is all there is.
func (w *walker) unlessNone(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, bus.ErrNoPicture):
		return nil
	}
	return err
}
