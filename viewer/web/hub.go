package web

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/viewer"
)

// hub receives every camera that somebody watches once, however many watch it: its frames and its
// preview are two.
type hub struct {
	conn    *bus.Conn
	cameras *viewer.Cameras
	linger  time.Duration
	log     *slog.Logger

	mu     sync.Mutex
	feeds  map[feedKey]*feed
	closed bool
	drops  sync.WaitGroup
}

// feedKey names a feed.
type feedKey struct {
	id      frame.CameraID
	preview bool
}

// attach begins to receive the camera or its preview, or joins. It does not wait. release must be
// called.
func (h *hub) attach(key feedKey) (*feed, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return nil, bus.ErrClosed
	}
	if f, ok := h.feeds[key]; ok {
		f.refs++
		if f.timer != nil {
			f.timer.Stop()
			f.timer = nil
		}
		return f, nil
	}
	receive := h.conn.Live
	if key.preview {
		receive = h.conn.Preview
	}
	source, err := receive(key.id)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	f := &feed{hub: h, feedKey: key, source: source, known: make(chan struct{}), denied: make(chan struct{}), cancel: cancel, done: make(chan struct{}), refs: 1}
	h.feeds[key] = f
	go func() {
		defer close(f.done)
		f.run(ctx)
	}()
	return f, nil
}

func (f *feed) release() {
	h := f.hub
	h.mu.Lock()
	f.refs--
	if f.refs > 0 || h.closed {
		h.mu.Unlock()
		return
	}
	if h.linger > 0 && f.isKnown() && !f.isDenied() {
		var timer *time.Timer
		timer = time.AfterFunc(h.linger, func() { h.drop(f, timer) })
		f.timer = timer
		h.mu.Unlock()
		return
	}
	delete(h.feeds, f.feedKey)
	h.mu.Unlock()
	f.close()
}

// drop ends a feed whose time is up, unless somebody has come back.
func (h *hub) drop(f *feed, timer *time.Timer) {
	h.mu.Lock()
	if f.timer != timer || h.closed {
		h.mu.Unlock()
		return
	}
	delete(h.feeds, f.feedKey)
	h.drops.Add(1)
	h.mu.Unlock()
	defer h.drops.Done()
	f.close()
}

// watch counts a viewer in for the list of cameras; the function it returns counts it out.
func (f *feed) watch() (leave func()) {
	add := func(n int) {
		f.hub.mu.Lock()
		defer f.hub.mu.Unlock()
		f.viewers += n
	}
	add(1)
	return func() { add(-1) }
}

// look returns how many watch the camera, and whether its pictures are the present; known is false
// where nobody receives it. newest is the newest that has come, or nil.
func (h *hub) look(id frame.CameraID) (viewers int, live, known bool, newest *picture) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, preview := range []bool{false, true} {
		f, ok := h.feeds[feedKey{id, preview}]
		if !ok {
			continue
		}
		viewers += f.viewers
		if s, ok := f.signals.Newest(); ok {
			live, known = live || s.Live, true
		}
		if p := f.newest(); p != nil && (newest == nil || p.Captured.After(newest.Captured)) {
			newest = p
		}
	}
	return viewers, live, known, newest
}

func (h *hub) close() {
	h.mu.Lock()
	h.closed = true
	feeds := h.feeds
	h.feeds = nil
	for _, f := range feeds {
		if f.timer != nil {
			f.timer.Stop()
		}
	}
	h.mu.Unlock()
	for _, f := range feeds {
		f.close()
	}
	h.drops.Wait()
}
