package web

import (
	"time"

	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/viewer"
)

// picture is a frame with what this end knows about it. Viewers share it.
type picture struct {
	frame.Frame
	arrived time.Time
	proven  bool          // it was the present when it arrived, see viewer.Freshness
	missed  uint64        // frames that did not arrive here since the feed began; previews are none
	every   time.Duration // between frames, by the last two and those between them; 0: not known
	clock   bus.Offset    // the publisher's, when it arrived; zero: not known
	part    []byte        // header of a multipart part
}

// age is how old the picture is by now, and how far that may be wrong; within is 0 where the
// publisher's clock is not known.
func (p *picture) age(now time.Time) (age, within time.Duration) {
	return p.clock.Age(p.Captured, now), p.clock.Uncertainty
}

// live says whether the picture may be shown as the present.
func (p *picture) live(now time.Time) bool {
	return p.proven && now.Sub(p.arrived) < viewer.StaleAfter
}

// newestNow says whether the picture may be the newest of a camera that delivers: it arrived no longer
// ago than one and a half times what lies between frames, and what a busy machine takes besides.
func (p *picture) newestNow(now time.Time) bool {
	if p.every == 0 {
		return p.live(now)
	}
	return p.proven && now.Sub(p.arrived) <= p.every*3/2+100*time.Millisecond
}

// intake makes a feed's pictures of what arrives. It is for one goroutine.
type intake struct {
	feed   *feed
	fresh  viewer.Freshness
	prev   frame.Frame // the frame before that was no preview
	missed uint64
	every  time.Duration // between the frame before and the one before that
}

// interval is what lies between frames, the shorter one of the last two: a camera that stops for a while
// has not become a slow one.
func (in *intake) interval(was *picture, got *frame.Frame) time.Duration {
	if was == nil || was.Epoch != got.Epoch {
		in.every = 0
		return 0
	}
	before := in.every
	in.every = got.Captured.Sub(was.Captured) / time.Duration(got.Seq-was.Seq)
	if in.every <= 0 || in.every > time.Minute { // a clock was set
		in.every = 0
	}
	if before == 0 {
		return in.every
	}
	return min(before, in.every)
}

func (in *intake) take(got frame.Frame, preview bool, now time.Time) {
	f := in.feed
	was := f.newest()
	if was != nil && was.Epoch == got.Epoch && got.Seq <= was.Seq {
		return // the same one, as a preview and as a frame
	}
	if !preview {
		in.missed += got.MissedSince(&in.prev)
		in.prev, in.prev.Data = got, nil
	}
	clock, _ := f.hub.conn.Offset(f.id)
	p := &picture{
		Frame: got, arrived: now, proven: in.fresh.Observe(&got, now, clock.Offset),
		every: in.interval(was, &got), missed: in.missed, clock: clock, part: partHeader(&got),
	}
	f.pictures.Put(p)
	if was == nil || was.live(now) != p.live(now) {
		f.tell(now)
	}
}
