package recorder

import (
	"context"
	"errors"
	"time"

	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/recorder/segment"
)

// When a part is written although its time has not come: a recorder that is behind writes in pieces
// that are worth a sync, and does not hold more than it must. While the disk is at work on a part, the
// next one may grow beyond that.
const (
	fullPartBytes  = 4 << 20
	fullPartFrames = 256
	mostPartBytes  = 2 * fullPartBytes // of frames
	mostPartFrames = 2 * fullPartFrames
)

// tape writes what comes of one camera, segment after segment. It is for one goroutine. After an
// error, which is the disk's, only abort may be called.
type tape struct {
	camera  *camera
	durable *bus.Durable
	cfg     Config
	saved   func()

	w        *segment.Writer // nil: no segment is open
	last     edge            // of the last frame that was appended, in this segment or before; no epoch: none
	from     uint64          // the number in the stream of the last frame that was recorded before
	before   edge            // of the last frame before numbers that may be forged; no epoch: there is none
	front    edge            // of the frame that from is the number of; no epoch: there is none
	interval time.Duration   // the usual time between frames
	rejected uint64          // messages that were no frames, since then
	skipped  uint64          // messages that the stream has dropped, as far as they were told
	leaps    leaps

	duplicates uint64 // that durable has left out, as far as they are counted

	receipt bus.Stored // of the last message that was taken
	unpaid  bool       // nothing is under way that will acknowledge it
	gaps    []frame.Gap
	flying  *flight // nil: no part is on its way to the disk
}

// flight is a part that is being written while the next one comes.
type flight struct {
	frames  int
	bytes   int64
	gaps    []frame.Gap
	receipt bus.Stored // of the last message before it was begun
	began   time.Time
}

// owing says whether something waits for a flush.
func (t *tape) owing() bool { return t.unpaid }

// buffered is how many frames were taken and are not on disk.
func (t *tape) buffered() (sum uint64) {
	if t.w != nil {
		frames, _ := t.w.Buffered()
		sum = uint64(frames)
	}
	if t.flying != nil {
		sum += uint64(t.flying.frames)
	}
	return sum
}

// landed is closed when what is on its way to the disk is there, or failed; land deals with it. nil
// where nothing is.
func (t *tape) landed() <-chan struct{} {
	if t.w == nil {
		return nil
	}
	return t.w.Begun()
}

// take deals with one message.
func (t *tape) take(ctx context.Context, s bus.Stored) error {
	c := t.camera
	t.skipped += s.Skipped
	switch {
	case s.Rejected != nil:
		t.rejected++
		c.setAside(s, s.Rejected.Reason)
	case c.known.has(s.Frame.Epoch, s.Frame.Seq, 0): // of segments that cannot be read the durable knows
		c.count(func(n *counts) { n.duplicates++ })
	case t.leaps.doubts(&c.known, s):
		t.rejected++
		c.setAside(s, frame.ReasonHeader)
	default:
		if err := t.append(ctx, s); err != nil {
			return err
		}
	}
	t.receipt, t.unpaid = s.Receipt(), true
	if t.flying == nil && t.holds(fullPartFrames, fullPartBytes) || t.holds(mostPartFrames, mostPartBytes) {
		return t.begin(ctx)
	}
	return nil
}

// holds says whether so many frames, or bytes of them, wait for being written.
func (t *tape) holds(frames int, bytes int64) bool {
	if t.w == nil {
		return false
	}
	f, b := t.w.Buffered()
	return f >= frames || b >= bytes
}

// land deals with what is on its way to the disk, and begins what waited for that.
func (t *tape) land(ctx context.Context) error {
	if err := t.settle(ctx); err != nil {
		return err
	}
	if t.holds(fullPartFrames, fullPartBytes) {
		return t.begin(ctx)
	}
	return nil
}

// append writes a frame, into a new segment where it belongs there.
func (t *tape) append(ctx context.Context, s bus.Stored) error {
	if s.Restarted {
		t.from = 0
	}
	gaps, follows := t.gapsBefore(s)
	if t.w != nil && !follows {
		if err := t.close(ctx); err != nil {
			return err
		}
	}
	if t.w != nil {
		if _, bytes := t.w.Buffered(); bytes+int64(len(s.Frame.Data)) > mostPartBytes { // else Append would do it, uncounted
			if err := t.begin(ctx); err != nil {
				return err
			}
		}
		err := t.w.Append(&s.Frame, s.Number, gaps...)
		split := new(segment.SplitError)
		if !errors.As(err, &split) {
			return t.appended(ctx, s, gaps, err)
		}
		if err := t.close(ctx); err != nil {
			return err
		}
	}
	w, err := t.camera.r.folder.Create(&s.Frame, segment.Options{
		Age: t.cfg.Segment, Bytes: int64(t.cfg.SegmentBytes), PartBytes: mostPartBytes,
	})
	if errors.Is(err, segment.ErrRefused) {
		t.rejected++
		t.camera.setAside(s, frame.ReasonHeader)
		return nil
	}
	if err != nil {
		return err
	}
	t.w = w
	return t.appended(ctx, s, gaps, w.Append(&s.Frame, s.Number, gaps...))
}

// appended deals with what came of it. A frame that cannot be recorded is put aside like one that is
// none: it must not hold up what comes after it.
func (t *tape) appended(ctx context.Context, s bus.Stored, gaps []frame.Gap, err error) error {
	c := t.camera
	if err != nil {
		if broken := t.flush(ctx); broken != nil {
			return broken
		}
		t.rejected++
		c.setAside(s, frame.ReasonHeader)
		return nil
	}
	next := t.edgeOf(s)
	if t.last.epoch == next.epoch && len(gaps) == 0 {
		t.interval = (7*t.interval + max(0, next.captured.Sub(t.last.captured))) / 8
	}
	if t.last.epoch == next.epoch && next.seq > t.last.seq+1 {
		t.before = t.last
	}
	t.last, t.rejected = next, 0
	t.gaps = append(t.gaps, gaps...)
	c.known.add(s.Frame.Epoch, s.Frame.Seq, s.At)
	return nil
}

// begin has what was taken written, and does not wait for the disk. It waits for the part before.
func (t *tape) begin(ctx context.Context) error {
	if err := t.settle(ctx); err != nil {
		return err
	}
	f := &flight{gaps: t.gaps, receipt: t.receipt, began: time.Now()}
	if t.w != nil {
		if err := t.w.Wait(); err != nil { // of a part that Append has begun
			return err
		}
		f.frames, f.bytes = t.w.Buffered()
	}
	if f.frames == 0 {
		t.pay(ctx)
		return nil
	}
	if err := t.w.Begin(); err != nil {
		return err
	}
	t.camera.flushing(f.began)
	t.flying, t.gaps, t.unpaid = f, nil, false
	return nil
}

// settle waits for the part that is being written, counts it, as it is safe, and acknowledges it.
func (t *tape) settle(ctx context.Context) error {
	f, c := t.flying, t.camera
	if f == nil {
		return nil
	}
	err := t.w.Wait()
	c.flushing(time.Time{})
	t.flying = nil
	if err != nil {
		return err
	}
	c.r.metrics.synced(c.id, time.Since(f.began))
	c.count(func(n *counts) {
		n.frames += uint64(f.frames)
		n.bytes += uint64(f.bytes)
		for _, gap := range f.gaps {
			n.gaps[gap.Reason]++
		}
	})
	c.show(t.w.Info())
	c.set(StateRecording, "")
	t.saved()
	if t.acknowledge(ctx, f.receipt) || t.unpaid { // or with what was taken since
		return nil
	}
	t.receipt, t.unpaid = f.receipt, true
	return nil
}

// flush makes everything that was taken safe, and acknowledges it then.
func (t *tape) flush(ctx context.Context) error {
	if err := t.begin(ctx); err != nil {
		return err
	}
	return t.settle(ctx)
}

// pay acknowledges what was taken, where nothing of it waits for the disk.
func (t *tape) pay(ctx context.Context) {
	if t.unpaid && t.acknowledge(ctx, t.receipt) {
		t.unpaid = false
	}
}

// acknowledge says whether the broker could be told; otherwise it is told with a later one.
func (t *tape) acknowledge(ctx context.Context, receipt bus.Stored) bool {
	if t.durable.Ack(ctx, receipt) != nil {
		return false
	}
	c, pending := t.camera, t.durable.State().Pending+t.buffered()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pending, c.since = pending, receipt.At
	return true
}

// close ends the segment, if one is open: what it holds is safe, acknowledged and in the index.
func (t *tape) close(ctx context.Context) error {
	if t.w == nil {
		return nil
	}
	if err := t.flush(ctx); err != nil {
		return err
	}
	info, err := t.w.Close()
	switch {
	case errors.Is(err, segment.ErrNoFrames): // only what cannot be recorded came
		t.w = nil
		return nil
	case err != nil:
		return err
	}
	t.w = nil
	c := t.camera
	c.count(func(n *counts) { n.segments++ })
	c.list(info)
	c.index(ctx, true)
	if c.harm.known {
		c.rejoin(ctx)
		if info.LastStored > t.from {
			c.recordedAgain(ctx)
		}
	}
	if !c.harm.known { // else it is older than what is recorded
		c.setNewest(info)
	}
	c.show(segment.Info{}) // only now: until then those who look find it here
	return nil
}

// finish ends the tape in order.
func (t *tape) finish(ctx context.Context) error {
	if err := t.flush(ctx); err != nil { // also what is no frame has to be acknowledged
		return err
	}
	return t.close(ctx)
}

// abort gives up what is not on disk: it comes again from the stream. The segment is closed later.
func (t *tape) abort() {
	if t.w == nil {
		return
	}
	c := t.camera
	t.w.Abort()
	info := t.w.Info() // with what was on its way and has arrived
	c.left = append(c.left, stuckPart{path: info.Path, flushed: info.Bytes})
	c.flushing(time.Time{})
	t.w, t.flying = nil, nil
}

// show makes the segment that is being written visible to those who replay.
func (c *camera) show(info segment.Info) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = info
}

// flushing notes since when the disk has been at work; zero: it is not.
func (c *camera) flushing(since time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.flushed = since
}

func (c *camera) count(note func(*counts)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	note(&c.counts)
}
