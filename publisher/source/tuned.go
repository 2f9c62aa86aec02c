package source

import "sync"

// Tunable is a [Source] that takes other settings while it is open, without losing a picture or its
// place. Both methods are for any goroutine, do not wait, and hold from one of the next pictures on;
// after Close they do nothing.
type Tunable interface {
	Source
	// SetQuality sets the quality, 1 to 100, of the JPEGs that the source encodes itself.
	SetQuality(quality int)
	// SetRate sets how many pictures a second the source makes or asks for; 0 is its own choice. A
	// source whose pictures come at a rate of their own leaves it: whoever wants fewer leaves some out.
	SetRate(fps float64)
}

// tuned is what is asked of an open source now. The zero value is not ready; use newTuned.
type tuned struct {
	choice float64 // the rate where none is asked

	mu      sync.Mutex
	quality int
	fps     float64
	changed chan struct{} // holds a token when fps has changed
}

// newTuned begins with a quality and a rate; choice is the rate where 0 is asked.
func newTuned(quality int, fps, choice float64) *tuned {
	t := &tuned{choice: choice, changed: make(chan struct{}, 1)}
	t.SetQuality(quality)
	t.SetRate(fps)
	return t
}

// SetQuality implements [Tunable].
func (t *tuned) SetQuality(quality int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.quality = quality
}

// SetRate implements [Tunable].
func (t *tuned) SetRate(fps float64) {
	if !(fps > 0) { // written so that NaN is none
		fps = t.choice
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.fps = fps
	select {
	case t.changed <- struct{}{}:
	default:
	}
}

func (t *tuned) encoding() (quality int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.quality
}

func (t *tuned) rate() (fps float64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.fps
}
