package recorder

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"sync"
	"time"

	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/recorder/index"
	"github.com/lensbus/lensbus/recorder/segment"
)

// Run records until ctx is done, and then closes what is open: what it has received by then is on
// disk. Errors are a wrong configuration and a folder that cannot be recorded into, or is in use
// ([ErrFolder], [ErrFolderInUse]), at once. Whatever goes wrong later, with the disk, the broker or
// what cameras send, is told in the log and by [Metrics.Ready], and tried again for ever.
//
// A camera takes at most about 25 MiB of memory: what is asked of the broker at a time, the part that is
// being collected and the one that is being written; usually it is the frames of two seconds.
func Run(ctx context.Context, cfg Config, deps Deps) error {
	if err := cfg.Validate(); err != nil {
		return err
	}
	cfg = cfg.OrDefaults()
	if deps.Log == nil {
		deps.Log = slog.New(slog.DiscardHandler)
	}
	if deps.Version == "" {
		deps.Version = "0.0.0"
	}
	if deps.Metrics == nil {
		deps.Metrics = NewMetrics()
	}
	folder, err := OpenFolder(cfg.Dir)
	if err != nil {
		return err
	}
	defer func() { _ = folder.Close() }() // was synced
	if deps.Before != nil {
		folder.Before = func(op segment.Op, path string) error { return deps.Before(string(op), path) }
	}
	r := &recorder{cfg: cfg, deps: deps, log: deps.Log, folder: folder, metrics: deps.Metrics, replays: newReplays(cfg.Replays, cfg.ReplaysEach), cameras: make(map[frame.CameraID]*camera)}
	defer r.metrics.add(r)()
	if err := r.open(ctx); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	defer func() {
		if err := r.index.Close(); err != nil {
			r.log.Error("the index was not closed in order: the next start takes longer", "error", err)
		}
	}()
	quarantine, err := openQuarantine(cfg.Dir, &r.asides, r.log)
	if err != nil {
		return err
	}
	defer quarantine.close()
	quarantine.before = deps.Before
	r.quarantine = quarantine
	return r.run(ctx)
}

// recorder is what the cameras of a recorder share.
type recorder struct {
	deps       Deps
	log        *slog.Logger
	folder     *Folder
	index      *index.Index
	quarantine *quarantine
	metrics    *Metrics
	asides     asides
	left       map[frame.CameraID][]stuckPart    // segments that could not be closed, of cameras that do not run
	unindexed  map[frame.CameraID][]segment.Info // and those that are not in the index yet
	harm       map[frame.CameraID]*harm
	replays    *replays
	catching   lane
	sweeping   chan struct{} // a token asks for a sweep at once

	mu      sync.Mutex
	cfg     Config
	cameras map[frame.CameraID]*camera
	full    string // why nothing may be written now; "": it may
	free    int64  // bytes on the volume; -1: not known
	removed map[RemoveReason]Removed
	lag     error // of the index: rows that could not be written
}

// open makes the folder whole after whatever happened to the recorder before. A disk that does not let
// it is waited for.
func (r *recorder) open(ctx context.Context) error {
	began := time.Now()
	for wait := firstRetry; ; wait = min(2*wait, mostRetry) {
		err := r.tryOpen(ctx, began)
		if err == nil || ctx.Err() != nil {
			return err
		}
		r.setFull(err.Error())
		if n, err := makeRoom(ctx, r.folder, r.cfg.MinFree.bytes()); n > 0 || err != nil {
			r.log.Warn("the volume is too full for the index: the oldest segments are removed", "segments", n, "error", err)
		}
		r.log.Error("recording cannot begin, and is tried again", "error", err, "in", wait)
		awaitRoom(ctx, err, r.folder.Room, wait)
	}
}

func (r *recorder) tryOpen(ctx context.Context, began time.Time) error {
	x, aside, err := OpenIndex(ctx, r.folder)
	if err != nil {
		return err
	}
	if aside != "" {
		r.log.Warn("the index could not be used and is made anew from the files", "set_aside", aside)
	}
	told := time.Now()
	done, err := Reconcile(ctx, r.folder, x, func(p Progress) {
		if time.Since(told) > 5*time.Second {
			told = time.Now()
			r.log.Info("looking at segments", "done", p.Done, "of", p.Total)
		}
	})
	if err != nil {
		return errors.Join(err, x.Close())
	}
	r.mu.Lock()
	r.index, r.full = x, ""
	r.mu.Unlock()
	r.left, r.unindexed = make(map[frame.CameraID][]stuckPart), make(map[frame.CameraID][]segment.Info)
	r.harm = done.harm
	for _, e := range done.aside {
		r.asides.addSegment(e)
	}
	for _, path := range done.Open {
		if name, err := segment.ParsePath(path); err == nil {
			r.left[name.Camera] = append(r.left[name.Camera], stuckPart{path: path, flushed: math.MaxInt64})
		}
	}
	for _, bad := range append(done.Damaged, done.Unreadable...) {
		r.log.Warn("a file cannot be read; its frames are missing", "file", bad.Path, "problem", bad.Problem)
	}
	r.log.Info("recordings", "folder", r.folder.path, "segments", done.Segments, "frames", done.Frames, "bytes", done.Bytes,
		"salvaged", len(done.Salvaged), "read", done.Read, "took", time.Since(began).Round(time.Millisecond))
	return nil
}

// How long to wait before the next try after the disk has failed.
const (
	firstRetry = 500 * time.Millisecond
	mostRetry  = 15 * time.Second
)

// run starts cameras and ends them.
func (r *recorder) run(ctx context.Context) error {
	r.sweeping = make(chan struct{}, 1)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var background sync.WaitGroup
	defer background.Wait()
	defer cancel()
	background.Go(func() { r.sweep(ctx) })
	found := make(chan discovered)
	background.Go(func() { r.discover(ctx, found) })
	defer r.endCameras()
	r.apply(ctx, r.config().Cameras)
	for {
		select {
		case <-ctx.Done():
			return nil
		case d := <-found:
			r.welcome(ctx, d)
		case next := <-r.deps.Reload:
			if err := next.Validate(); err != nil {
				r.log.Error("the recorder's new configuration is refused, the old one stays", "error", err)
				continue
			}
			r.mu.Lock()
			r.cfg.Cameras, r.cfg.Keep = next.Cameras, next.Keep
			r.mu.Unlock()
			r.apply(ctx, next.Cameras)
		}
	}
}

func (r *recorder) config() Config {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.cfg
}

// setFull says why nothing may be written; "" that it may.
func (r *recorder) setFull(why string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.full = why
}

func (r *recorder) whyFull() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.full
}

func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
