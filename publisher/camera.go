package publisher

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/publisher/source"
)

// camera is one camera's life, from Run to its end.
type camera struct {
	id        frame.CameraID
	cfg       CameraConfig
	spec      source.Spec
	open      source.Opener
	bus       *bus.Conn
	sender    *sender
	state     *state
	tuning    *tuning
	leases    *leases
	device    device
	shrinking turns
	log       *slog.Logger
	now       func() time.Time // the clock that is shown to others; nil: this machine's

	metrics  *Metrics
	version  string
	stateDir string
	replace  bool
	// unstored gets a token when frames of a recorded camera begin, or cease, not to be stored.
	unstored chan struct{}
}

func newCamera(id frame.CameraID, cfg CameraConfig, deps Deps, host string) (*camera, error) {
	spec, err := source.Parse(cfg.Source)
	if err != nil {
		return nil, fmt.Errorf("camera %s: %w", id, err)
	}
	out, err := deps.Bus.Publisher(id)
	if err != nil {
		return nil, fmt.Errorf("camera %s: %w", id, err)
	}
	log := deps.Log.With("camera", id)
	state := newState(deps.Now, frame.Status{
		ID: id, Epoch: frame.NewEpoch(), Host: host,
		Kind: string(spec.Kind), Source: spec.Redacted(), FPSAsked: spec.FPS,
		Stream: string(bus.StorageNone), Sealed: len(cfg.SealTo) > 0,
	})
	kept, isSaved, err := loadSaved(deps.StateDir, id)
	switch {
	case err != nil: // pictures matter more
		log.Warn("the settings of the configuration hold", "error", err)
		state.warn("saved settings cannot be read: those of the configuration hold")
	case isSaved:
		log.Info("settings saved earlier hold and not those of the configuration; to forget them: lensbus set "+string(id)+" --forget",
			"settings", kept.Settings, "controls", kept.Controls, "file", savedPath(deps.StateDir, id))
	}
	sender := newSender(id, out, state, log)
	if sender.seal, err = newSealing(cfg.SealTo, deps.SealKey); err != nil {
		return nil, fmt.Errorf("camera %s: %w", id, err)
	}
	sender.recorded.Store(cfg.Recorded())
	return &camera{
		id: id, cfg: cfg, spec: spec, bus: deps.Bus, state: state, log: log, now: deps.Now,
		open:      opener(spec.Kind, cfg.Isolate == nil || *cfg.Isolate, deps.Worker, deps.spare),
		sender:    sender,
		tuning:    newTuning(spec, cfg.Quality, kept),
		leases:    newLeases(),
		device:    deviceOf(spec),
		shrinking: deps.shrinking,
		metrics:   deps.Metrics, version: cmp.Or(deps.Version, "0.0.0"), stateDir: deps.StateDir, replace: deps.Replace,
		unstored: make(chan struct{}, 1),
	}, nil
}

// run is the camera's life. It ends with ctx or with a source that has an end, and returns nil; its
// errors are [ErrTaken] and that another publisher has taken the camera over.
func (c *camera) run(ctx context.Context) error {
	if err := c.claim(ctx); err != nil {
		return err
	}
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	stopAnswering, err := c.answer(ctx, end)
	if err != nil {
		return err
	}
	defer stopAnswering()
	defer c.metrics.add(c)()
	pictures := source.NewSlot[source.Picture]()
	beside, stop := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() { c.keepStream(beside) })
	running.Go(func() { c.announce(beside) })
	running.Go(func() { c.preview(beside) })
	running.Go(func() { c.watchStoring(beside) })
	running.Go(func() { c.watchTwins(beside, end) })
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		c.sender.run(ctx, pictures)
	}()

	c.capture(ctx, pictures)

	pictures.Close(io.EOF) // the last picture is still sent
	<-sent
	stop()
	running.Wait()
	c.state.set(frame.StateEnded, "")
	if err := c.bus.PublishStatus(c.state.status()); err != nil && !errors.Is(err, bus.ErrDisconnected) {
		c.log.Warn("last status", "error", err)
	}
	if cause := context.Cause(ctx); errors.Is(cause, errReleased) || errors.Is(cause, ErrTaken) {
		return fmt.Errorf("camera %s: %w", c.id, cause)
	}
	return nil
}

// capture opens the source again and again, and returns when ctx is done or the source has ended.
func (c *camera) capture(ctx context.Context, pictures *source.Slot[source.Picture]) {
	pause := backoff{most: time.Second}
	switch {
	case c.spec.Remote():
		pause.most = 10 * time.Second
	case c.spec.Kind == source.KindV4L2: // a look costs nothing
		pause.most = 500 * time.Millisecond
	}
	lastSaid := ""
	for anew := false; ; {
		if !c.awaitWatcher(ctx) {
			return
		}
		if !anew { // with other settings it is the same life
			c.state.set(frame.StateOpening, "")
		}
		began := time.Now()
		err := c.captureOnce(ctx, pictures)
		anew = errors.Is(err, errReopen)
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, io.EOF):
			c.log.Info("the source has come to its end")
			return
		case anew, errors.Is(err, errUnwatched):
			continue
		}
		err = c.spec.ScrubError(err)
		c.state.set(frame.StateLost, err.Error())
		if time.Since(began) > pause.most+5*time.Second {
			pause.reset()
		}
		wait := pause.next()
		if text := err.Error(); text != lastSaid { // say a lasting fault once, not every second
			c.log.Warn("camera lost, opening it again", "source", c.spec, "error", text, "in", wait.Round(time.Millisecond))
			lastSaid = text
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
	}
}

// captureOnce opens the source and moves its pictures into the slot until it fails, ends, is to
// begin anew, or ctx is done; the source is closed when it returns. It never waits for what
// happens to a picture.
func (c *camera) captureOnce(ctx context.Context, pictures *source.Slot[source.Picture]) (err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	spec, quality, run := c.tuning.begin(func() { cancel(errReopen) })
	opened := false
	defer func() {
		// Where it was ended on purpose, the purpose counts and not how the source took it.
		if cause := context.Cause(ctx); errors.Is(cause, errReopen) || errors.Is(cause, errUnwatched) {
			err = cause
		} else if !opened {
			c.tuning.ended(run, source.Info{}, c.spec.ScrubError(err))
		}
	}()
	defer c.watchWatchers(ctx, cancel)()
	c.sender.junk.Store(nil)
	src, err := c.open(ctx, spec, source.Env{
		Camera: string(c.id), Log: c.log, Dropped: c.state.dropped, Quality: quality, Now: c.now,
		OpenTimeout: c.cfg.OpenTimeout, ReadTimeout: c.cfg.ReadTimeout,
	})
	if err != nil {
		return err
	}
	defer func() {
		if closeErr := src.Close(); closeErr != nil {
			c.log.Warn("close the source", "error", c.spec.ScrubError(closeErr))
		}
	}()
	info := src.Info()
	c.state.opened(info)
	defer c.tuning.opened(src, info)()
	for _, warning := range info.Warnings {
		c.log.Warn(warning)
	}
	patience := func() time.Duration { return c.patience(c.tuning.rate(), info.FPS) }
	quiet := newQuiet(patience, func(after time.Duration) {
		c.state.set(frame.StateFrozen, fmt.Sprintf("no new picture for %v", after))
	})
	defer quiet.stop()
	still := sameness{since: time.Now()}
	thin := thinner{}
	for {
		picture, err := src.Next(ctx)
		if err != nil {
			return err
		}
		quiet.heard()
		if !opened {
			opened = true
			info := completed(src.Info(), picture)
			c.state.opened(info)
			c.tuning.ended(run, info, nil)
			c.restoreControls()
			c.log.Info("live", "source", c.spec, "width", info.Width, "height", info.Height, "fps", info.FPS, "format", info.Format, "untouched", info.Untouched)
		}
		switch same := still.observe(picture.Data, time.Now()); {
		case c.sender.junkFor() > patience():
			c.state.set(frame.StateFrozen, "what it delivers are no pictures")
		case same > patience() && !c.spec.Still():
			c.state.set(frame.StateFrozen, fmt.Sprintf("the same picture for %v", same.Truncate(time.Second)))
		default:
			c.state.set(frame.StateLive, "")
		}
		fps, own := c.tuning.rate(), src.Info().FPS
		if own > 0 && own <= fps*1.05 { // one that keeps the rate itself only has jitter to lose
			fps = 0
		}
		thin.setRate(fps)
		if !thin.pass(picture.Captured) {
			c.state.dropped(source.DropRate, 1)
			continue
		}
		if _, dropped := pictures.Put(picture); dropped {
			c.sender.overtaken()
		}
	}
}

// restoreControls sets what was set of the device before, which it forgets when it is unplugged.
func (c *camera) restoreControls() {
	controls := c.tuning.kept()
	if len(controls) == 0 {
		return
	}
	if _, err := c.device.SetControls(controls); err == nil {
		return
	}
	// One that cannot be set now, such as the exposure while the camera chooses it, must not keep the
	// others from it. Twice, because one may depend on another.
	var refused []string
	for range 2 {
		refused = refused[:0]
		for _, name := range slices.Sorted(maps.Keys(controls)) {
			if _, err := c.device.SetControls(map[string]int64{name: controls[name]}); err != nil {
				refused = append(refused, name)
				c.log.Debug("restore a control", "control", name, "error", err)
			}
		}
	}
	if len(refused) > 0 {
		c.log.Warn("some of the device's controls are not as they were set", "controls", refused)
		c.state.warn("not as they were set: " + strings.Join(refused, ", "))
	}
}

// completed is what the source says of itself, with what its first picture shows.
func completed(info source.Info, picture source.Picture) source.Info {
	if seen, err := frame.ScanJPEG(picture.Data, cameraLimits()); err == nil {
		info.Width, info.Height = seen.Width, seen.Height
	}
	return info
}

// patience is how long the source may be without a new picture: freeze_after, but three frames of
// a slow camera, slow by what is asked of it or by what it says itself.
func (c *camera) patience(asked, own float64) time.Duration {
	longest := c.cfg.FreezeAfter
	for _, fps := range []float64{asked, own} {
		if fps > 0 {
			longest = max(longest, time.Duration(3/fps*float64(time.Second)))
		}
	}
	return longest
}

// sameness notices a camera that sends one picture for ever. Two pictures of a real sensor are
// never equal to the byte, and comparing two that differ ends after a few hundred of them.
type sameness struct {
	data  []byte
	since time.Time
}

// observe returns for how long the picture has been the same.
func (s *sameness) observe(data []byte, now time.Time) time.Duration {
	if s.data == nil || !bytes.Equal(s.data, data) {
		s.since = now
	}
	s.data = data
	return now.Sub(s.since)
}

// backoff is the pause between two openings: it doubles up to most, and is random so that cameras
// that failed together do not come back together.
type backoff struct {
	most, pause time.Duration
}

func (b *backoff) next() time.Duration {
	b.pause = min(max(2*b.pause, 200*time.Millisecond), b.most)
	return b.pause/2 + rand.N(b.pause/2)
}

func (b *backoff) reset() { b.pause = 0 }
