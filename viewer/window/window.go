package window

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/lensbus/lensbus/viewer"
)

// Run shows the cameras until the user quits (q, Esc, or the window closed), or ctx is done; both
// are a return of nil, within 200 ms, unless a decoder is at work on a picture that takes it longer.
//
// It must be called on the main goroutine, which must have been locked to the main thread since
// before main (runtime.LockOSThread in an init function), because the window system of most
// platforms takes calls from there only. One window a process.
//
// Cameras and a server that are not there are no errors: the window says so and waits. Its errors
// are a wrong Config, no display, and [ErrNotBuilt].
func Run(ctx context.Context, cfg Config, deps Deps) error {
	if err := errors.Join(cfg.Validate(), deps.Playback.validate(cfg)); err != nil {
		return fmt.Errorf("view: %w", err)
	}
	b, err := newBackend()
	if err != nil {
		return err
	}
	if err := checkDisplay(ctx, os.Getenv); err != nil {
		return err
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	return run(ctx, cfg.withDefaults(), deps.withDefaults(), b)
}

// How often the window looks for something to do, and how often its numbers change: as fast as
// people read.
const (
	lookEvery  = 4 * time.Millisecond
	factsEvery = 250 * time.Millisecond
)

// run is Run with what OpenCV does given.
func run(ctx context.Context, cfg Config, deps Deps, b backend) error {
	text, err := newLetters()
	if err != nil {
		return err
	}
	cameras, err := viewer.WatchCameras(deps.Bus, cfg.Cameras...)
	if err != nil {
		return fmt.Errorf("watch the cameras: %w", err)
	}
	defer cameras.Close()

	w := &window{
		cfg: cfg, deps: deps, backend: b, cameras: cameras, began: time.Now(),
		paint: painter{text}, jobs: make(chan *feed, MostCameras), saved: make(chan words, 1),
	}
	defer w.close()
	if p := deps.Playback; p != nil {
		w.play = newPlayClock(p.From, p.Speed, w.began)
	}
	w.startDecoders()
	if err := w.follow(ctx); err != nil {
		return err
	}
	size := firstSize(len(w.views), wideScreen)
	if err := b.open(title(cfg), size); err != nil {
		return fmt.Errorf("open a window: %w", err)
	}
	defer b.close()
	w.opened = size
	return w.loop(ctx)
}

func title(cfg Config) string {
	var names []string
	for _, id := range cfg.Cameras {
		names = append(names, string(id))
	}
	if len(names) == 0 {
		return "lensbus"
	}
	return "lensbus: " + strings.Join(names, ", ")
}

// loop looks after the window until it is to end.
func (w *window) loop(ctx context.Context) error {
	between := time.Second / time.Duration(w.cfg.MaxFPS)
	seen := false // a window system may take its time to show a window
	var drawn time.Time
	for ctx.Err() == nil {
		if w.act(w.backend.key(lookEvery), time.Now()) {
			return nil
		}
		visible := w.backend.visible()
		if seen && !visible {
			return nil
		}
		seen = seen || visible
		now := time.Now()
		if now.Sub(w.factsAt) >= factsEvery {
			if err := w.refresh(ctx, now); err != nil {
				return err
			}
		}
		w.layout()
		w.collect(now)
		if w.dirty && now.Sub(drawn) >= between {
			drawn = now
			w.draw(now)
			if err := w.backend.show(&w.canvas); err != nil {
				return fmt.Errorf("show the picture: %w", err)
			}
			w.timeShown(time.Now())
		}
	}
	return nil
}

// startDecoders makes workers for what is decoded at the same time: one less than there are
// processors, so that one stays for the window.
func (w *window) startDecoders() {
	for range min(max(runtime.NumCPU()-1, 1), 4) {
		d := w.backend.newDecoder()
		w.decoders.Go(func() {
			defer d.close()
			for f := range w.jobs {
				f.decode(d)
			}
		})
	}
}

// close ends what run began. A save that is under way is waited for.
func (w *window) close() {
	close(w.jobs)
	w.decoders.Wait()
	for _, v := range w.views {
		if err := v.feed.close(); err != nil {
			w.deps.Log.Warn("close a camera's frames", "camera", v.feed.id, "error", err)
		}
	}
	w.saving.Wait()
}
