package recorder

import (
	"fmt"
	"sync"

	"github.com/lensbus/lensbus/bus"
)

// replays are the places for replays and exports: each takes one while it runs. One asker gets only so many
// of them, so that it cannot take them all.
type replays struct {
	most, each int

	mu    sync.Mutex
	taken int
	by    map[string]int // by asker
}

// defaultReplays is how many replays and exports a recorder runs at a time where nothing else is set.
const defaultReplays = 128

// newReplays makes so many places; 0 is the default, which of each is half of them.
func newReplays(most, each int) *replays {
	if most <= 0 {
		most = defaultReplays
	}
	if each <= 0 {
		each = max(1, most/2)
	}
	return &replays{most: most, each: each, by: make(map[string]int)}
}

// take takes a place for an asker, and returns what gives it back, once.
func (r *replays) take(asker string) (release func(), err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.taken >= r.most:
		return nil, &bus.RecorderError{Code: 429, Text: fmt.Sprintf("%d replays and exports run already, which is as many as this recorder takes", r.most)}
	case r.by[asker] >= r.each:
		return nil, &bus.RecorderError{Code: 429, Text: fmt.Sprintf("%d replays and exports of yours run already, which is as many as one asker gets of this recorder (replays_each)", r.each)}
	}
	r.taken++
	r.by[asker]++
	return sync.OnceFunc(func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.taken--
		if r.by[asker]--; r.by[asker] == 0 {
			delete(r.by, asker)
		}
	}), nil
}
