package segment

import (
	"fmt"

	"github.com/lensbus/lensbus/frame"
)

// collected is a part's frames, and what the file says of them.
type collected struct {
	box   box
	times []int64
	data  [][]byte
	size  int64  // of data
	head  []byte // what stands in the file before data, once that is made

	done chan struct{} // closed when it has been written, or not
	err  error         // why not
}

func (p *collected) add(s sampleBox, data []byte, at int64, gaps []frame.Gap) {
	for _, g := range gaps {
		p.box.gaps = append(p.box.gaps, gapBox{before: uint32(len(p.data)), gap: g})
	}
	p.box.frames = append(p.box.frames, s)
	p.data = append(p.data, data)
	p.times = append(p.times, at)
	p.size += int64(len(data))
}

// reset makes it empty. The frames are not ours any more.
func (p *collected) reset() {
	clear(p.data)
	*p = collected{
		box:   box{frames: p.box.frames[:0], gaps: p.box.gaps[:0]},
		times: p.times[:0], data: p.data[:0], head: p.head[:0],
	}
}

// bytes is how much of the file it takes.
func (p *collected) bytes() int64 { return int64(len(p.head)) + p.size }

// Flush writes the part that is being collected and syncs the file. When it returns without an error,
// every frame appended is on disk and will be found whatever happens. With nothing to write it does
// nothing.
//
// After an error the writer is dead: every further call returns the error, and the part does not
// count as saved, because nobody knows what of it is on disk. Call Abort, then [Folder.Salvage].
func (w *Writer) Flush() error {
	if err := w.Begin(); err != nil {
		return err
	}
	return w.Wait()
}

// Begin does what Flush does, but does not wait for the disk, so that frames can be appended
// meanwhile: Wait does that, and returns the error. One part is written at a time: Begin waits for the
// one before, and its errors are of that.
func (w *Writer) Begin() error {
	if err := w.Wait(); err != nil || len(w.pending.data) == 0 {
		return err
	}
	if w.closed {
		return fmt.Errorf("segment %s: %w", w.info.Path, ErrClosed)
	}
	p := w.pending
	w.make(p)
	w.pending, w.flying = w.spare, p
	p.done = make(chan struct{})
	go func() { // Wait waits for it, and Close and Abort do
		defer close(p.done)
		p.err = w.put(p)
	}()
	return nil
}

// Begun returns what is closed when the part that Begin began to write is on disk, or failed. It is nil
// where there is none: Begin was not called, or Wait was.
func (w *Writer) Begun() <-chan struct{} {
	if w.flying == nil {
		return nil
	}
	return w.flying.done
}

// Wait waits until what Begin has begun is on disk, and returns the error that Flush would.
func (w *Writer) Wait() error {
	p := w.flying
	if p == nil {
		return w.err
	}
	<-p.done
	w.flying, w.spare = nil, p
	defer p.reset()
	if p.err != nil {
		w.err = fmt.Errorf("writing segment %s: %w", w.info.Path, p.err)
		return w.err
	}
	w.info.Bytes += p.bytes()
	w.info.add(&part{box: p.box})
	return nil
}

// make makes p's head. p is the next part of the file.
func (w *Writer) make(p *collected) {
	w.parts++
	b := &p.box
	b.identity, b.number = w.same, w.parts
	b.dataSize, b.lastDuration = uint32(p.size), uint32(w.estimate)
	b.moofSize = moofSize(len(b.frames))
	durations, sizes := make([]uint32, len(b.frames)), make([]uint32, len(b.frames))
	for i := range b.frames {
		durations[i], sizes[i] = b.lastDuration, b.frames[i].size
		if i > 0 {
			durations[i-1] = uint32(p.times[i] - p.times[i-1])
		}
	}
	moof := appendMoof(nil, b.number, uint64(p.times[0]), durations, sizes)
	b.moofCRC = checksum(moof)

	p.head = append(p.head, w.head...) // the file's head before the first part, else empty
	w.head = nil
	p.head = b.append(p.head)
	p.head = append(p.head, moof...)
	p.head = appendMdatHead(p.head, b.dataSize)
}

// put writes and syncs p. It is for the goroutine that Begin starts.
func (w *Writer) put(p *collected) error {
	if err := w.write(p.head); err != nil {
		return err
	}
	for _, data := range p.data {
		if err := w.write(data); err != nil {
			return err
		}
	}
	if err := w.folder.before(OpSync, w.info.Path); err != nil {
		return err
	}
	return w.file.Sync()
}

func (w *Writer) write(data []byte) error {
	if err := w.folder.before(OpWrite, w.info.Path); err != nil {
		_, _ = w.file.Write(data[:len(data)/2])
		return err
	}
	_, err := w.file.Write(data)
	return err
}
