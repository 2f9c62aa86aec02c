package publisher

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/publisher/source"
)

// tuning is what can be changed of a camera while it runs: what is asked now, and the way to make
// the life of the camera ask anew.
type tuning struct {
	changing sync.Mutex // one change at a time: each setter gets the truth that it made
	telling  sync.Mutex // held while an open source is told what is asked, so that the newest is told last

	mu       sync.Mutex
	base     source.Spec // as configured
	quality  int         // as configured
	asked    frame.Settings
	controls map[string]int64 // set since the start or saved before; set again at every opening
	isSaved  bool             // asked and controls are those of the file
	run      int              // counts openings
	reopen   func()           // ends the opening that runs; nil while there is none
	open     source.Source    // nil while there is none
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

// begin begins an opening and returns what it asks for, with its number; reopen ends it.
func (t *tuning) begin(reopen func()) (spec source.Spec, quality int, run int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.run++
	t.reopen = reopen
	spec, quality = t.effective()
	return spec, quality, t.run
}

// effective is what is asked of the source, all told. It is called with mu held.
func (t *tuning) effective() (spec source.Spec, quality int) {
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
	return spec, quality
}

// rate is how many frames a second are asked for now; 0 is all.
func (t *tuning) rate() float64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	spec, _ := t.effective()
	return spec.FPS
}

// ownRate is how many pictures a second the source said it gives when it was opened last; 0 where it
// did not say.
func (t *tuning) ownRate() float64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.lastInfo.FPS
}

// opened tells of the source that is open from now on, and makes it obey what was asked meanwhile. The
// function that it returns tells that it is to be closed.
func (t *tuning) opened(src source.Source, info source.Info) (closed func()) {
	t.mu.Lock()
	t.open, t.lastInfo = src, info
	t.mu.Unlock()
	t.tell()
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.open = nil
	}
}

// tell tells the open source what is asked now, as far as it can be told while it is open.
func (t *tuning) tell() {
	t.telling.Lock()
	defer t.telling.Unlock()
	t.mu.Lock()
	src := t.open
	spec, quality := t.effective()
	t.mu.Unlock()
	if src, ok := src.(source.Tunable); ok {
		src.SetQuality(quality)
		src.SetRate(spec.FPS)
	}
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

// keep remembers controls that were set, with those before or, anew, without; and returns what makes
// that undone.
func (t *tuning) keep(controls map[string]int64, anew bool) (undo func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	before, wasSaved := t.controls, t.isSaved
	t.controls = make(map[string]int64)
	if !anew {
		maps.Copy(t.controls, before)
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

// save writes what is asked now to the file. It is called with changing held, so that nothing else is
// asked meanwhile; the disk may take its time, and nobody else waits for it.
func (t *tuning) save(dir string, id frame.CameraID) error {
	t.mu.Lock()
	now := saved{Settings: t.asked, Controls: maps.Clone(t.controls)}
	t.mu.Unlock()
	if err := now.save(dir, id); err != nil {
		return err
	}
	t.setSaved(true)
	return nil
}

// forget removes the file. It is called with changing held.
func (t *tuning) forget(dir string, id frame.CameraID) error {
	if err := forgetSaved(dir, id); err != nil {
		return err
	}
	t.setSaved(false)
	return nil
}

func (t *tuning) setSaved(is bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.isSaved = is
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
	if to.Quality != 0 && to.Quality != before.Quality && info.Untouched {
		return errors.New("the camera encodes its pictures itself, which are passed on untouched: quality is the camera's own (try its control compression_quality, or a raw pixel format)")
	}
	if t.retune(before, to) {
		return nil
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

// retune changes the settings of the open source, which goes on; false where it has to be opened anew.
func (t *tuning) retune(before, to frame.Settings) bool {
	t.mu.Lock()
	_, tunable := t.open.(source.Tunable)
	switch {
	case t.open == nil,
		to.Width != before.Width || to.Height != before.Height,
		to.FPS != before.FPS && t.base.Kind == source.KindV4L2, // a device has its rate from its opening
		to.Quality != before.Quality && !tunable:
		t.mu.Unlock()
		return false
	}
	t.asked, t.isSaved = to, false
	t.mu.Unlock()
	t.tell()
	return true
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
