package recorder

import (
	"math"
	"time"

	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/recorder/segment"
)

// silence is how long a camera may deliver nothing before that is a gap, where its frames usually
// come faster.
const silence = 2 * time.Second

// longestInterval is where two frames stop being neighbours, whatever the numbers say.
const longestInterval = time.Hour

// edge is what a frame says about the hole before or after it.
type edge struct {
	epoch    string
	seq      uint64    // the camera's own number
	stored   uint64    // number in the broker's stream; 0: not known
	captured time.Time // by the publisher's clock
	unsent   uint64    // pictures before it that its publisher could not send
	at       time.Time // when the broker stored it; zero: not known
	skipped  uint64    // how many the stream had dropped by then, as far as this tape was told
}

// firstEdge and lastEdge are the two ends of a segment.
func firstEdge(i segment.Info) edge {
	return edge{epoch: i.Epoch, seq: i.FirstSeq, stored: i.FirstStored, captured: i.Start}
}
func lastEdge(i segment.Info) edge {
	return edge{epoch: i.Epoch, seq: i.LastSeq, stored: i.LastStored, captured: i.End}
}

// usualInterval is the time between two frames of a segment; 0 where it has only one.
func usualInterval(i segment.Info) time.Duration {
	if i.Frames < 2 || i.End.Before(i.Start) {
		return 0
	}
	return min(i.End.Sub(i.Start)/time.Duration(min(i.Frames-1, 1<<40)), longestInterval)
}

// gapBetween says which frames are missing between two frames of a camera that came one after the other,
// and why; ok is false where none are. interval is the usual time between frames before the hole, 0 where
// that is not known.
//
// It is for whoever sees what comes, as the recorder does for every frame: it notes what it finds with the
// frame. For what nobody has noted there is laterGap.
func gapBetween(prev, next edge, interval time.Duration) (gap frame.Gap, ok bool) {
	gap = stretch(prev, next)
	// What the stream dropped was there to be recorded, so it comes before every other reason. 0
	// where the numbers say nothing: the stream was made anew, or the files know none.
	var dropped uint64
	numbered := prev.stored > 0 && next.stored > prev.stored
	if numbered {
		dropped = next.stored - prev.stored - 1
	}
	if prev.epoch != next.epoch {
		unseen := missing(max(next.seq, 1)-1, next.unsent) // of the new epoch
		switch {
		case dropped > 0:
			gap.Reason, gap.Missing = frame.GapOverrun, dropped
		case numbered && published(gap, unseen, interval):
			gap.Reason, gap.Missing = frame.GapUnstored, unseen
		default:
			gap.Reason = frame.GapCamera
		}
		return gap, true
	}
	if next.seq > prev.seq+1 && next.seq > prev.seq {
		unseen := next.seq - prev.seq - 1
		gap.Missing = missing(unseen, next.unsent)
		switch {
		case dropped > 0 && unseen >= next.unsent:
			gap.Reason = frame.GapOverrun
		case numbered || unseen < next.unsent:
			gap.Reason = frame.GapUnstored
		default:
			gap.Reason = frame.GapUnknown
		}
		return gap, true
	}
	// No number is missing: what else the stream had between were no frames of this camera.
	silent := gap.To.Sub(gap.From) > max(silence, 3*min(interval, longestInterval))
	switch {
	case next.unsent > 0 && next.seq > prev.seq && (!silent || interval <= 0 || published(gap, next.unsent, interval)):
		gap.Reason, gap.Missing = frame.GapUnstored, next.unsent
	case silent:
		gap.Reason, gap.Missing = frame.GapCamera, next.unsent
	default:
		return frame.Gap{}, false
	}
	return gap, true
}

// stretch is the time between two frames, in which something may be missing. Where it is the publisher's
// clock that was put ahead, it is as long as the broker's says: what is between is a time that never was, or
// that comes again when the clock is put back.
func stretch(prev, next edge) frame.Gap {
	gap := frame.Gap{From: prev.captured, To: next.captured}
	if gap.To.Before(gap.From) { // the publisher's clock was put back
		gap.From = gap.To
	}
	if prev.at.IsZero() || next.at.IsZero() {
		return gap
	}
	// Frames may come late, but hardly by as much as they take to come; or by as long as a broker stood still and
	// left them on the line, after which some are missing mostly.
	late := silence
	if prev.epoch != next.epoch || next.seq > prev.seq+1 || next.unsent > 0 {
		late = wide
	}
	if passed := max(0, next.at.Sub(prev.at)); gap.To.Sub(gap.From) > 2*passed+late {
		gap.From = gap.To.Add(-passed)
	}
	return gap
}

// missing is so many frames and pictures: a hostile publisher may make any numbers of them.
func missing(frames, pictures uint64) uint64 {
	if sum := frames + pictures; sum >= frames && (pictures == 0 || sum <= math.MaxInt64) {
		return sum
	}
	return max(frames, math.MaxInt64)
}

// published says whether a publisher that started anew, and whose first frames were not stored, was
// running for most of a gap. Otherwise the gap is the camera's, though some frames are missing too.
func published(gap frame.Gap, frames uint64, interval time.Duration) bool {
	if frames == 0 || interval <= 0 {
		return false
	}
	usual := uint64(gap.To.Sub(gap.From) / interval)
	return frames >= usual/2
}
