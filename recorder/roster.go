package recorder

import (
	"context"
	"sync"
	"time"

	"github.com/lensbus/lensbus/frame"
)

// How often new cameras are looked for: by their statuses, and by their streams; by these more seldom
// where the broker does not answer within the limit.
const (
	discoverEvery = time.Second
	listEvery     = 5 * time.Second
	listSeldom    = time.Minute
	listLimit     = 2 * time.Second
)

// discover looks for cameras that the broker keeps on file, where none are configured. Those that are
// gone stay: their streams may come back. A user who may not list streams is told of cameras by their
// statuses, as long as they are published.
func (r *recorder) discover(ctx context.Context, found chan<- discovered) {
	told := ""
	heard, stop := r.listen()
	defer stop()
	var next time.Time
	for ; ctx.Err() == nil; sleep(ctx, discoverEvery) {
		if r.config().Cameras != nil {
			continue
		}
		select {
		case found <- discovered{ids: heard(), heard: true}:
		case <-ctx.Done():
			return
		}
		if !r.deps.Bus.Connected() || time.Now().Before(next) {
			continue
		}
		asking, cancel := context.WithTimeout(ctx, listLimit)
		ids, err := r.deps.Bus.StoredCameras(asking)
		cancel()
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			next = time.Now().Add(listSeldom)
			if text := err.Error(); text != told {
				told = text
				r.log.Warn("which cameras are recorded cannot be asked for: those that are published are found, or name them", "error", err)
			}
			continue
		}
		told, next = "", time.Now().Add(listEvery)
		select {
		case found <- discovered{ids: ids}:
		case <-ctx.Done():
		}
	}
}

// listen notes the cameras that say that they are recorded.
func (r *recorder) listen() (all func() []frame.CameraID, stop func()) {
	var mu sync.Mutex
	ids := make(heard)
	stop, err := r.deps.Bus.Statuses(func(s frame.Status) {
		mu.Lock()
		defer mu.Unlock()
		if s.Recorded {
			ids.note(s.ID, time.Now())
		}
	})
	if err != nil {
		stop = func() {}
	}
	return func() []frame.CameraID {
		mu.Lock()
		defer mu.Unlock()
		return ids.now(time.Now())
	}, stop
}

// apply ends the cameras that are not in ids and starts those that are new. nil are all that are found.
func (r *recorder) apply(ctx context.Context, ids []frame.CameraID) {
	if ids != nil {
		wanted := make(map[frame.CameraID]bool)
		for _, id := range ids {
			wanted[id] = true
		}
		var gone []*camera
		r.mu.Lock()
		for id, c := range r.cameras {
			if !wanted[id] {
				gone = append(gone, c)
				delete(r.cameras, id)
			}
		}
		r.mu.Unlock()
		for _, c := range gone {
			if !c.idle {
				r.log.Info("camera is not recorded any more", "camera", c.id)
			}
			c.end()
		}
	}
	for _, id := range ids {
		r.start(ctx, id, false)
	}
	old, err := r.index.Cameras(ctx)
	if err != nil {
		r.log.Error("what is recorded of other cameras is not served", "error", err)
	}
	for _, id := range old {
		r.start(ctx, id, true)
	}
}

// start records a camera, or, where it is idle, serves what there is of it; unless that is done already.
// It is for Run's goroutine.
func (r *recorder) start(ctx context.Context, id frame.CameraID, idle bool) {
	if _, err := frame.ParseCameraID(string(id)); err != nil {
		return // it would become a path
	}
	r.mu.Lock()
	before := r.cameras[id]
	r.mu.Unlock()
	switch {
	case before == nil:
	case idle || !before.idle:
		return
	default:
		before.end()
	}
	ctx, cancel := context.WithCancel(ctx)
	c := newCamera(r, id) // after the one before has ended
	c.idle = idle
	var running sync.WaitGroup
	if !idle {
		running.Go(func() { c.run(ctx) })
	}
	running.Go(func() { c.serve(ctx) })
	c.end = func() {
		cancel()
		running.Wait()
		r.mu.Lock()
		defer r.mu.Unlock()
		leave(r.left, id, c.left, len(c.left) > 0)
		unlisted := c.unlisted()
		leave(r.unindexed, id, unlisted, len(unlisted) > 0)
		h := c.harmLeft()
		leave(r.harm, id, h, h.known || len(h.lost) > 0 || h.gaps > 0)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cameras[id] = c
}

// leave notes what is left of a camera that has ended, where there is something: whoever may say that a camera is
// recorded can make any number of them come and go.
func leave[T any](all map[frame.CameraID]T, id frame.CameraID, left T, something bool) {
	if something {
		all[id] = left
	} else {
		delete(all, id)
	}
}

// endCameras ends all at the same time: each may have a part to write.
func (r *recorder) endCameras() {
	r.mu.Lock()
	cameras := r.cameras
	r.cameras = make(map[frame.CameraID]*camera)
	r.mu.Unlock()
	var ending sync.WaitGroup
	for _, c := range cameras {
		ending.Go(c.end)
	}
	ending.Wait()
}

// all returns the cameras.
func (r *recorder) all() []*camera {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make([]*camera, 0, len(r.cameras))
	for _, c := range r.cameras {
		all = append(all, c)
	}
	return all
}
