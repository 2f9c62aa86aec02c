package publisher

import (
	"sync"
	"time"

	"github.com/lensbus/lensbus/frame"
)

// leases are the promises of those who watch a camera: each ends by itself unless it is renewed,
// so that a viewer that vanishes is no longer counted. The zero value is not ready; use newLeases.
type leases struct {
	mu      sync.Mutex
	held    map[string]lease
	changed chan struct{} // holds a token when somebody came
	// previewed holds one when somebody came who wants the preview.
	previewed chan struct{}
}

type lease struct {
	until   time.Time
	preview bool
}

// mostWatchers bounds what a hostile asker can make the publisher remember.
const mostWatchers = 4096

func newLeases() *leases {
	return &leases{held: make(map[string]lease), changed: make(chan struct{}, 1), previewed: make(chan struct{}, 1)}
}

// take gives, renews or (for 0) ends the lease of a watcher and returns how long it holds. It is
// false where there are too many.
func (l *leases) take(r frame.WatchRequest, now time.Time) (time.Duration, bool) {
	holds := time.Duration(min(max(r.Seconds, 0), int(frame.LeaseLimit/time.Second))) * time.Second
	l.mu.Lock()
	defer l.mu.Unlock()
	l.expire(now)
	if holds == 0 {
		delete(l.held, r.Watcher)
		return 0, true
	}
	if _, known := l.held[r.Watcher]; !known && len(l.held) >= mostWatchers {
		return 0, false
	}
	l.held[r.Watcher] = lease{until: now.Add(holds), preview: r.Preview}
	signal(l.changed)
	if r.Preview {
		signal(l.previewed)
	}
	return holds, true
}

// watchers returns how many leases are held, and how many of them want the preview.
func (l *leases) watchers(now time.Time) (all, preview int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.expire(now)
	for _, held := range l.held {
		if held.preview {
			preview++
		}
	}
	return len(l.held), preview
}

// expire is called with mu held.
func (l *leases) expire(now time.Time) {
	for watcher, held := range l.held {
		if now.After(held.until) {
			delete(l.held, watcher)
		}
	}
}

// signal leaves a token where none lies.
func signal(token chan struct{}) {
	select {
	case token <- struct{}{}:
	default:
	}
}
