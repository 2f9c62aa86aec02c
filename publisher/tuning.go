package publisher

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/publisher/source"
)

// tuning is what can be changed of a camera while it runs: what is asked now, and the way to make
// the life of the camera ask anew.
type tuning struct {
	changing sync.Mutex // one change at a time: each setter gets the truth that it made

	mu       sync.Mutex
	base     source.Spec // as configured
	quality  int         // as configured
	asked    frame.Settings
	controls map[string]int64 // set since the start or saved before; set again at every opening
	isSaved  bool             // asked and controls are those of the file
	run      int              // counts openings
	reopen   func()           // ends the opening that runs; nil while there is none
	outcome  chan struct{}    // closed and replaced when an opening has succeeded or failed
	lastRun  int              // the opening that last had an outcome
	lastInfo source.Info
	lastErr  error
}

// errReopen ends a capture because it is to begin again with other settings.
var errReopen = errors.New("the settings have changed")

func newTuning(spec source.Spec, quality int, kept saved) *tuning {
	return &tuning{base: spec, quality: quality, asked: kept.Settings, controls: kept.Controls, isSaved: kept.isSome(), outcome: make(chan struct{})}
}

// spec and quality that the next opening asks for, and the rate that its pictures are thinned to.
func (t *tuning) begin(reopen func()) (spec source.Spec, quality int, fps float64, run int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.run++
	t.reopen = reopen
	spec, quality = t.base, t.quality
	if t.asked.Width > 0 {
		spec.Width, spec.Height = t.asked.Width, t.asked.Height
	}
	if t.asked.FPS > 0 {
		spec.FPS = t.asked.FPS
	}
	if t.asked.Quality > 0 {
		quality = t.asked.Quality
	}
	return spec, quality, spec.FPS, t.run
}

// ended tells how an opening went.
func (t *tuning) ended(run int, info source.Info, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lastRun, t.lastInfo, t.lastErr = run, info, err
	close(t.outcome)
	t.outcome = make(chan struct{})
}

// settings are what is asked now, defaults included.
func (t *tuning) settings() frame.Settings {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.asked
	if s.Width == 0 {
		s.Width, s.Height = t.base.Width, t.base.Height
	}
	if s.FPS == 0 {
		s.FPS = t.base.FPS
	}
	if s.Quality == 0 {
		s.Quality = t.quality
	}
	return s
}

// current is what was asked so far, without defaults.
func (t *tuning) current() frame.Settings {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.asked
}

func (t *tuning) saved() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.isSaved
}

// keep remembers controls that were set, and returns what forgets them again.
func (t *tuning) keep(controls map[string]int64) (forget func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	before, wasSaved := t.controls, t.isSaved
	t.controls = maps.Clone(before)
	if t.controls == nil {
		t.controls = make(map[string]int64)
	}
	maps.Copy(t.controls, controls)
	if !maps.Equal(before, t.controls) {
		t.isSaved = false
	}
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.controls, t.isSaved = before, wasSaved
	}
}

// kept returns the controls that were set.
func (t *tuning) kept() map[string]int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return maps.Clone(t.controls)
}

// save writes what is asked now to the file.
func (t *tuning) save(dir string, id frame.CameraID) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := (saved{Settings: t.asked, Controls: t.controls}).save(dir, id); err != nil {
		return err
	}
	t.isSaved = true
	return nil
}

// apply asks the camera for other settings and waits for what it says to them. Where it cannot, the
// settings before are asked again and the error says what it gave.
func (t *tuning) apply(ctx context.Context, to frame.Settings) error {
	t.mu.Lock()
	before := t.asked
	info := t.lastInfo
	t.mu.Unlock()
	if to == before {
		return nil
	}
	if to.Quality != before.Quality && info.Untouched {
		return errors.New("the camera encodes its pictures itself, which are passed on untouched: quality is the camera's own (try its control compression_quality, or a raw pixel format)")
	}
	gave, err := t.restart(ctx, to)
	if err == nil && to.Width > 0 && gave.Width > 0 && (gave.Width != to.Width || gave.Height != to.Height) {
		err = fmt.Errorf("asked for %dx%d, the camera gives %dx%d", to.Width, to.Height, gave.Width, gave.Height)
	}
	if err == nil {
		return nil
	}
	if ctx.Err() != nil { // the camera ends: there is nothing left to set back
		return err
	}
	if _, undo := t.restart(context.WithoutCancel(ctx), before); undo != nil {
		return fmt.Errorf("%w; and with the settings before: %w", err, undo)
	}
	return err
}

// adopt asks for other settings of a camera that is closed: they hold from its next opening on.
func (t *tuning) adopt(to frame.Settings) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.asked != to {
		t.asked, t.isSaved = to, false
	}
}

// restart opens the source anew with the settings and waits for the outcome.
func (t *tuning) restart(ctx context.Context, to frame.Settings) (source.Info, error) {
	t.mu.Lock()
	if t.asked != to {
		t.asked, t.isSaved = to, false
	}
	run, reopen := t.run, t.reopen
	t.mu.Unlock()
	if reopen != nil {
		reopen()
	}
	waiting, cancel := context.WithTimeout(ctx, setDeadline)
	defer cancel()
	for {
		t.mu.Lock()
		info, err, done, outcome := t.lastInfo, t.lastErr, t.lastRun > run, t.outcome
		t.mu.Unlock()
		if done {
			return info, err
		}
		select {
		case <-outcome:
		case <-ctx.Done():
			return source.Info{}, fmt.Errorf("the camera ends: %w", ctx.Err())
		case <-waiting.Done():
			return source.Info{}, fmt.Errorf("the camera did not open within %v", setDeadline)
		}
	}
}

// setDeadline is how long a setter waits for the camera.
const setDeadline = 8 * time.Second

// changed checks a change against what can be asked at all and returns the settings after it.
func changed(now frame.Settings, c frame.Change, kind source.Kind) (frame.Settings, error) {
	if (c.Width == nil) != (c.Height == nil) {
		return now, errors.New("width and height go together")
	}
	if c.Width != nil {
		if kind != source.KindV4L2 && kind != source.KindTest {
			return now, fmt.Errorf("a source of kind %s gives the size that it gives", kind)
		}
		for _, n := range []int{*c.Width, *c.Height} {
			if n < 16 || n > 16384 {
				return now, fmt.Errorf("%dx%d: want 16 to 16384 pixels", *c.Width, *c.Height)
			}
		}
		now.Width, now.Height = *c.Width, *c.Height
	}
	if c.FPS != nil {
		if !(*c.FPS >= 0.01 && *c.FPS <= 1000) { // written so that NaN fails
			return now, fmt.Errorf("fps %v: want 0.01 to 1000", *c.FPS)
		}
		now.FPS = *c.FPS
	}
	if c.Quality != nil {
		if *c.Quality < 1 || *c.Quality > 100 {
			return now, fmt.Errorf("quality %d: want 1 to 100", *c.Quality)
		}
		now.Quality = *c.Quality
	}
	return now, nil
}

// saved is the file that keeps a camera's settings across restarts.
type saved struct {
	Settings frame.Settings   `json:"settings"`
	Controls map[string]int64 `json:"controls,omitempty"`
}

func (s saved) isSome() bool { return s.Settings != (frame.Settings{}) || len(s.Controls) > 0 }

func savedPath(dir string, id frame.CameraID) string { return filepath.Join(dir, string(id)+".json") }

// loadSaved returns what was saved; nothing where nothing was.
func loadSaved(dir string, id frame.CameraID) (saved, bool, error) {
	var s saved
	if dir == "" {
		return s, false, nil
	}
	data, err := os.ReadFile(savedPath(dir, id))
	if errors.Is(err, os.ErrNotExist) {
		return s, false, nil
	}
	if err != nil {
		return s, false, fmt.Errorf("saved settings of camera %s: %w", id, err)
	}
	if err := json.Unmarshal(data, &s); err != nil {
		return saved{}, false, fmt.Errorf("saved settings of camera %s: %s: %w", id, savedPath(dir, id), err)
	}
	return s, true, nil
}

// save replaces the file in one step, so that a crash leaves the old or the new one.
func (s saved) save(dir string, id frame.CameraID) error {
	data, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("save settings of camera %s: %w", id, err)
	}
	temporary := savedPath(dir, id) + ".new"
	if err := writeSynced(temporary, append(data, '\n')); err != nil {
		return fmt.Errorf("save settings of camera %s: %w", id, err)
	}
	if err := os.Rename(temporary, savedPath(dir, id)); err != nil {
		return fmt.Errorf("save settings of camera %s: %w", id, err)
	}
	return nil
}

// writeSynced writes a file that is whole after a power cut once it has been renamed.
func writeSynced(path string, data []byte) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	return errors.Join(err, file.Sync(), file.Close())
}
