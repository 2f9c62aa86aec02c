package recorder

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/lensbus/lensbus/frame"
)

// mostHeard bounds what strangers on the bus can make a recorder do.
const mostHeard = 1024

// forgotten is after which silence a camera is not heard any more.
const forgotten = time.Minute

// heard is when cameras said last that they are recorded.
type heard map[frame.CameraID]time.Time

// note notes one. Where there are too many, the one that has been silent for longest gives way: a camera
// that is there says so again.
func (h heard) note(id frame.CameraID, at time.Time) {
	if _, there := h[id]; !there && len(h) >= mostHeard {
		longest := id
		for other, since := range h {
			if longest == id || since.Before(h[longest]) {
				longest = other
			}
		}
		delete(h, longest)
	}
	h[id] = at
}

// now are those that are not silent, by id.
func (h heard) now(at time.Time) []frame.CameraID {
	maps.DeleteFunc(h, func(_ frame.CameraID, since time.Time) bool { return at.Sub(since) > forgotten })
	return slices.Sorted(maps.Keys(h))
}

// discovered are cameras that were found: those that have a stream, or all that are heard now.
type discovered struct {
	ids   []frame.CameraID
	heard bool
}

// welcome starts the cameras that are new. Of those that were only heard no more than mostHeard are
// there at a time, and those that are silent and have never had anything to record are let go. It is
// for Run's goroutine.
func (r *recorder) welcome(ctx context.Context, d discovered) {
	hearsay := 0
	if d.heard {
		for _, c := range r.all() {
			switch {
			case !c.hearsay:
			case slices.Contains(d.ids, c.id) || !c.empty() || !r.deps.Bus.Connected():
				hearsay++
			default:
				r.mu.Lock()
				delete(r.cameras, c.id)
				r.mu.Unlock()
				c.end()
			}
		}
	}
	for _, id := range d.ids {
		before := r.camera(id)
		if before != nil && !before.idle {
			before.hearsay = before.hearsay && d.heard
			continue
		}
		if d.heard && hearsay >= mostHeard {
			continue
		}
		r.start(ctx, id, false)
		if c := r.camera(id); c != nil && d.heard {
			c.hearsay = true
			hearsay++
		}
	}
}

// camera returns one that is there; nil.
func (r *recorder) camera(id frame.CameraID) *camera {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.cameras[id]
}

// empty says whether there has been nothing to record.
func (c *camera) empty() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state == StateWaiting && c.counts.frames == 0 && c.newest.Frames == 0
}
