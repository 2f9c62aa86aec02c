package window

import (
	"context"
	"errors"
	"fmt"
	"image"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/viewer"
)

// window is the window's state. It belongs to the goroutine that runs it; feeds and jobs lead to
// the others.
type window struct {
	cfg     Config
	deps    Deps
	backend backend
	cameras *viewer.Cameras
	began   time.Time
	paint   painter
	jobs    chan *feed // a feed is in it once at most, so that sending never waits
	saved   chan words // what became of a snapshot

	decoders, saving sync.WaitGroup // close waits for both

	views   []*view
	zoomed  frame.CameraID // empty: none
	full    bool
	help    bool
	busy    bool // a snapshot is being saved
	toast   words
	toastAt time.Time

	canvas  pixels
	opened  image.Point // the size that the window was given; zero once that was adjusted
	area    image.Point // that was laid out
	shown   []*view     // that was laid out
	aspect  float64     // that was laid out
	dirty   bool        // something is to be drawn
	all     bool        // everything is to be drawn
	factsAt time.Time
	offline string     // why there is no connection; ""
	play    *playClock // nil: live
}

// view is a camera as the window shows it.
type view struct {
	feed  *feed
	shot  *shot        // that is shown; nil: none
	timed time.Time    // arrival of the newest frame whose time to the screen is noted, or that came before the tile
	meter viewer.Meter // of what is shown
	clock bus.Offset   // the publisher's; zero: not known

	measured measured
	reason   string  // why no pictures come
	played   *played // what there is to say of a replay; nil: live
	label    []words // over a live picture
	tile     tile
	stale    bool
	changed  bool // the tile is to be drawn
}

// follow makes the views those of the cameras there are.
func (w *window) follow(ctx context.Context) error {
	ids := w.cfg.Cameras
	if len(ids) == 0 {
		for _, c := range w.cameras.List() {
			ids = append(ids, c.ID)
		}
		ids = ids[:min(len(ids), MostCameras)]
	}
	if slices.EqualFunc(ids, w.views, func(id frame.CameraID, v *view) bool { return v.feed.id == id }) {
		return nil
	}
	before := make(map[frame.CameraID]*view, len(w.views))
	for _, v := range w.views {
		before[v.feed.id] = v
	}
	w.views = nil
	for _, id := range ids {
		v := before[id]
		if v == nil {
			feed, err := w.newFeed(ctx, id)
			if errors.Is(err, bus.ErrClosed) {
				return fmt.Errorf("view %s: %w", id, err)
			}
			if err != nil {
				w.deps.Log.Warn("receive a camera's frames", "camera", id, "error", err)
				continue
			}
			v = &view{feed: feed}
		}
		delete(before, id)
		w.views = append(w.views, v)
	}
	for id, v := range before {
		if err := v.feed.close(); err != nil {
			w.deps.Log.Warn("close a camera's frames", "camera", id, "error", err)
		}
		w.deps.Metrics.remove(id)
	}
	w.area = image.Point{} // lay out again
	return nil
}

// visible are the views that the window shows now.
func (w *window) visible() []*view {
	if w.zoomed != "" {
		if i := slices.IndexFunc(w.views, func(v *view) bool { return v.feed.id == w.zoomed }); i >= 0 {
			return w.views[i : i+1]
		}
		w.zoomed = "" // it has gone
	}
	return w.views
}

// refresh brings up to date what changes at people's pace: which cameras there are, what is said
// about them, and the message at the bottom.
func (w *window) refresh(ctx context.Context, now time.Time) error {
	w.factsAt = now
	if err := w.follow(ctx); err != nil {
		return err
	}
	if w.offline = ""; !w.deps.Bus.NATS().IsConnected() {
		w.offline = offline(w.deps.Bus.Refusal())
	}
	if w.play != nil {
		w.refreshPlayed(now)
	}
	for _, v := range w.views {
		v.measured = v.feed.measure(now)
		v.clock, _ = w.deps.Bus.Offset(v.feed.id)
		v.label = facts{
			fps: v.measured.fps, age: v.meter.Age(now, v.clock.Offset), within: v.clock.Uncertainty,
			missed: v.measured.missed, damaged: v.measured.damaged, slow: v.measured.slow,
		}.label()
		v.reason = ""
		if err := v.feed.refusal(); err != nil {
			v.reason = err.Error()
		} else if v.measured.unopened != "" {
			v.reason = v.measured.unopened
		} else if camera, known := w.cameras.Get(v.feed.id); known {
			v.reason = why(w.offline, &camera)
		} else if w.offline != "" || now.Sub(w.began) > viewer.SilentAfter {
			v.reason = why(w.offline, nil)
		}
		v.changed = true
	}
	select {
	case w.toast = <-w.saved:
		w.toastAt, w.busy, w.all = now, false, true
	default:
	}
	if w.toast.text != "" && now.Sub(w.toastAt) > toastFor {
		w.toast, w.all = words{}, true
	}
	w.dirty = true
	return nil
}

const toastFor = 4 * time.Second

// layout places the tiles again when the window, the cameras or their shapes have changed.
func (w *window) layout() {
	area := w.backend.size()
	if area.X < 16 || area.Y < 16 || area.X > 1<<14 || area.Y > 1<<14 {
		area = w.canvas.size() // minimised, or no answer
		if area == (image.Point{}) {
			area = w.opened
		}
	}
	shown := w.visible()
	var shapes []image.Point
	for _, v := range shown {
		if v.shot != nil {
			shapes = append(shapes, v.shot.picture.size())
		}
	}
	aspect := aspectOf(shapes)
	if w.opened != (image.Point{}) && len(shapes) > 0 && len(shapes) == len(shown) {
		// With the first pictures the window takes their shape, unless somebody has given it another.
		if size := firstSize(len(shown), aspect); area == w.opened && size != area && !w.full {
			if err := w.backend.resize(size); err != nil {
				w.deps.Log.Warn("give the window its pictures' shape", "error", err)
			}
		}
		w.opened = image.Point{}
	}
	// A picture's shape changes by a rounded pixel with each size.
	same := aspect > w.aspect*0.98 && aspect < w.aspect*1.02
	if area == w.area && same && slices.Equal(shown, w.shown) {
		return
	}
	for _, v := range w.shown {
		if !slices.Contains(shown, v) { // hidden now: what it shows will be out of date
			v.shot = nil
		}
	}
	for _, v := range shown {
		if !slices.Contains(w.shown, v) {
			v.timed = time.Now()
		}
	}
	w.area, w.aspect, w.shown = area, aspect, slices.Clone(shown)
	w.canvas.resize(area)
	for i, r := range grid(len(shown), area, aspect) {
		shown[i].tile = tile{at: r, name: string(shown[i].feed.id)}
		if nth := slices.Index(w.views, shown[i]); len(w.views) > 1 && nth < 9 {
			shown[i].tile.number = nth + 1
		}
	}
	w.dirty, w.all = true, true
}

// collect takes what the decoders have made, and sends them for what is new.
func (w *window) collect(now time.Time) {
	for _, v := range w.shown {
		if shot := v.feed.take(v.shot); shot != nil {
			v.shot = shot
			v.meter.Frame(shot.frame, shot.at, v.clock.Offset)
			v.changed, w.dirty = true, true
		}
		if stale := v.isStale(now); stale != v.stale {
			v.stale, v.changed, w.dirty = stale, true, true
			w.factsAt = time.Time{} // the reason is wanted now
		}
		if v.feed.ask(v.tile.at.Size()) {
			w.jobs <- v.feed
		}
	}
}

// isStale says whether the picture that is shown must not be taken for a live one.
func (v *view) isStale(now time.Time) bool {
	if v.played != nil {
		return v.shot != nil && v.played.isStale(v.shot.frame.Captured)
	}
	return v.shot != nil && (!v.shot.live || now.Sub(v.shot.at) >= viewer.StaleAfter)
}

// act does what a key asks for, and returns true for the end.
func (w *window) act(key int, now time.Time) bool {
	if w.play != nil && w.actPlayed(playKey(key), now) {
		return false
	}
	do, number := keyAction(key)
	switch do {
	case doNothing:
		return false
	case doQuit:
		return true
	case doFullScreen:
		w.full = !w.full
		if err := w.backend.fullScreen(w.full); err != nil {
			w.deps.Log.Warn("full screen", "error", err)
		}
	case doHelp:
		w.help = !w.help
	case doAll:
		w.zoomed = ""
	case doZoom:
		if number > len(w.views) {
			return false
		}
		if id := w.views[number-1].feed.id; w.zoomed != id {
			w.zoomed = id
		} else {
			w.zoomed = ""
		}
	case doSave:
		w.save(now)
	}
	w.dirty, w.all = true, true
	return false
}

// save writes the pictures that are shown, the bytes as they came, without making the window wait
// for the disk.
func (w *window) save(now time.Time) {
	if w.busy {
		return
	}
	var frames []frame.Frame
	for _, v := range w.shown {
		if v.shot != nil {
			frames = append(frames, v.shot.frame)
		}
	}
	if len(frames) == 0 {
		w.toast, w.toastAt = words{text: "no picture to save yet", ink: inkWarning}, now
		return
	}
	w.busy = true
	w.saving.Go(func() {
		said := words{text: fmt.Sprintf("saved %d pictures in %s", len(frames), w.cfg.SnapshotDir), ink: inkPlain}
		for _, f := range frames {
			path, err := saveSnapshot(w.cfg.SnapshotDir, &f)
			if err != nil {
				w.deps.Log.Error("snapshot", "error", err)
				said = words{text: clean(err.Error()), ink: inkNone}
				break
			}
			w.deps.Log.Info("snapshot", "camera", f.Camera, "file", path)
			if len(frames) == 1 {
				said.text = "saved " + filepath.Base(path)
			}
		}
		w.saved <- said // there is room: one save at a time
	})
}
