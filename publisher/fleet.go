package publisher

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"

	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/publisher/source/worker"
)

// Run publishes the cameras until ctx is done, or until every one has come to its end (files that
// do not loop); either is no error. A camera that is missing, fails or freezes is opened again for
// ever and is no error either. Errors are a wrong configuration, at once, and, when all other
// cameras have ended, those that another publisher has ([ErrTaken]) or has taken over.
func Run(ctx context.Context, cfg Config, deps Deps) error {
	if err := cfg.Validate(); err != nil {
		return err
	}
	if len(cfg.Cameras) == 0 && deps.Reload == nil {
		return errors.New("no cameras: give --camera ID=SOURCE or a file with cameras")
	}
	if deps.Log == nil {
		deps.Log = slog.New(slog.DiscardHandler)
	}
	host, err := os.Hostname()
	if err != nil {
		return fmt.Errorf("this machine's name: %w", err)
	}
	if deps.shrinking == nil {
		deps.shrinking = newTurns()
	}
	deps.spare = worker.NewSpare(deps.Worker)
	defer func() {
		if err := deps.spare.Close(); err != nil {
			deps.Log.Warn("end a capture process", "error", err)
		}
	}()
	f := fleet{deps: deps, host: host, cameras: make(map[frame.CameraID]*member), ended: make(chan ending)}
	defer f.end()
	if err := f.apply(ctx, cfg); err != nil {
		return err
	}
	// Without a camera configured there is still a configuration to come.
	for f.running > 0 || len(f.cameras) == 0 && ctx.Err() == nil {
		idle := ctx.Done()
		if f.running > 0 { // the cameras' own ends are waited for
			idle = nil
		}
		select {
		case <-idle:
		case e := <-f.ended:
			f.note(e)
		case next := <-deps.Reload:
			if err := next.Validate(); err != nil {
				deps.Log.Error("the new configuration is refused, the old one stays", "error", err)
				continue
			}
			if err := f.apply(ctx, next); err != nil {
				deps.Log.Error("the new configuration holds in part", "error", err)
			}
		}
	}
	var faults []error
	for _, id := range slices.Sorted(maps.Keys(f.cameras)) {
		faults = append(faults, f.cameras[id].err) // all have ended
	}
	return errors.Join(faults...)
}

// fleet are the cameras of a publisher, each with its life. It is for Run's goroutine.
type fleet struct {
	deps    Deps
	host    string
	cameras map[frame.CameraID]*member // that are configured, ended ones included
	running int                        // lives, those on their way out included
	ended   chan ending
}

type member struct {
	cfg    CameraConfig
	cancel context.CancelFunc
	done   chan struct{}
	err    error // with which its life has ended; read it after done
}

// failed says whether its life has ended with an error.
func (m *member) failed() bool {
	select {
	case <-m.done:
		return m.err != nil
	default:
		return false
	}
}

type ending struct {
	id  frame.CameraID
	err error
}

// note takes note of the end of a camera's life.
func (f *fleet) note(e ending) {
	f.running--
	if e.err != nil {
		f.deps.Log.Error("camera ended", "camera", e.id, "error", e.err)
	}
}

// apply makes the fleet that of cfg: cameras that are gone end, those that are new begin, those
// that have changed end and begin anew, and so do those that had ended with an error: another had them,
// who may have them no more. The others notice nothing; a file that has come to its end stays there.
func (f *fleet) apply(ctx context.Context, cfg Config) error {
	var faults []error
	for id, m := range f.cameras {
		if to, stays := cfg.Cameras[id]; !stays || !to.sameLife(m.cfg) || m.failed() {
			if stays && len(m.cfg.SealTo) > 0 && len(to.SealTo) == 0 {
				f.deps.Log.Warn("the camera is no longer sealed: seal_to is gone, and its pictures leave in the clear", "camera", id)
			}
			f.stop(m)
			delete(f.cameras, id)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(cfg.Cameras)) {
		if f.cameras[id] == nil {
			faults = append(faults, f.start(ctx, id, cfg.Cameras[id]))
		}
	}
	return errors.Join(faults...)
}

func (f *fleet) start(ctx context.Context, id frame.CameraID, cfg CameraConfig) error {
	c, err := newCamera(id, cfg.orDefaults(), f.deps, f.host)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	m := &member{cfg: cfg, cancel: cancel, done: make(chan struct{})}
	f.cameras[id] = m
	f.running++
	go func() {
		m.err = c.run(ctx)
		cancel()
		close(m.done)
		f.ended <- ending{id, m.err}
	}()
	return nil
}

// stop ends a camera and waits until it has released its device, which another may be about to open.
func (f *fleet) stop(m *member) {
	m.cancel()
	for {
		select {
		case <-m.done:
			return
		case e := <-f.ended: // another's end, or this one's
			f.note(e)
		}
	}
}

// end ends all cameras that still run.
func (f *fleet) end() {
	for _, m := range f.cameras {
		m.cancel()
	}
	for ; f.running > 0; f.running-- {
		<-f.ended
	}
}
