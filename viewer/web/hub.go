package web

import (
	"context"
	"errors"
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

// picture is a frame with what this end knows about it. Viewers share it.
type picture struct {
	frame.Frame
	arrived time.Time
	proven  bool          // it was the present when it arrived, see viewer.Freshness
	missed  uint64        // frames that did not arrive here since the feed began; previews are none
	every   time.Duration // between frames, by the last two and those between them; 0: not known
	clock   bus.Offset    // the publisher's, when it arrived; zero: not known
	part    []byte        // header of a multipart part
}

// age is how old the picture is by now, and how far that may be wrong; within is 0 where the
// publisher's clock is not known.
func (p *picture) age(now time.Time) (age, within time.Duration) {
	return p.clock.Age(p.Captured, now), p.clock.Uncertainty
}

// live says whether the picture may be shown as the present.
func (p *picture) live(now time.Time) bool {
	return p.proven && now.Sub(p.arrived) < viewer.StaleAfter
}

// newestNow says whether the picture may be the newest of a camera that delivers: it arrived no longer
// ago than one and a half times what lies between frames, and what a busy machine takes besides.
func (p *picture) newestNow(now time.Time) bool {
	if p.every == 0 {
		return p.live(now)
	}
	return p.proven && now.Sub(p.arrived) <= p.every*3/2+100*time.Millisecond
}

// signal is what a viewer is told about a camera beside its pictures.
type signal struct {
	Type   string      `json:"type"` // "signal"
	Live   bool        `json:"live"`
	State  frame.State `json:"state"` // empty: no status has been heard
	Reason string      `json:"reason"`
}

// feedKey names a feed.
type feedKey struct {
	id      frame.CameraID
	preview bool
}

// feed is one camera, or its preview, while it is watched. attach and release count who does.
type feed struct {
	hub *hub
	feedKey
	source   *bus.Live
	pictures bus.Latest[*picture]
	signals  bus.Latest[signal]
	known    chan struct{} // closed when the camera has shown that it exists
	denied   chan struct{} // closed when the server has refused it to this page
	cancel   context.CancelFunc
	done     chan struct{}

	sealed   viewer.Sealed // of run, as are instead and unopened
	instead  standIn
	unopened string // why frames that come cannot be opened; empty: they can, or none come

	refs    int // guarded by hub.mu, as are the next two
	viewers int
	timer   *time.Timer
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

func (f *feed) close() {
	f.cancel()
	_ = f.source.Close() // returns no error
	<-f.done
	f.pictures.Close(bus.ErrClosed)
	f.signals.Close(bus.ErrClosed)
}

func (f *feed) isDenied() bool {
	select {
	case <-f.denied:
		return true
	default:
		return false
	}
}

func (f *feed) isKnown() bool {
	select {
	case <-f.known:
		return true
	default:
		return false
	}
}

// newest returns the newest picture, nil where none has come.
func (f *feed) newest() *picture {
	p, _ := f.pictures.Newest()
	return p
}

// signalTick is how soon a camera's silence or change of state is told after it is due.
const signalTick = 100 * time.Millisecond

func (f *feed) run(ctx context.Context) {
	reader := f.source.Reader()
	tick := time.NewTicker(signalTick)
	defer tick.Stop()
	f.instead = standIn{feed: f, since: time.Now()}
	defer f.instead.close()
	in := intake{feed: f}
	f.tell(time.Now())
	for {
		from, preview := reader, f.preview
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			f.tell(now)
			f.instead.consider(now)
			continue
		case <-reader.Ready():
		case <-f.instead.ready():
			from, preview = f.instead.reader, false
		}
		got, _, err := from.Next(ctx)
		if errors.Is(err, bus.ErrNotAllowed) {
			f.hub.log.Error("the page cannot receive a camera", "error", err)
			close(f.denied)
			f.pictures.Close(err)
			f.signals.Close(err)
		}
		if err != nil {
			return
		}
		if preview {
			f.instead.previewed(&got)
		}
		in.take(got, preview, time.Now())
	}
}

// intake makes a feed's pictures of what arrives. It is for one goroutine.
type intake struct {
	feed   *feed
	fresh  viewer.Freshness
	prev   frame.Frame // the frame before that was no preview
	missed uint64
	every  time.Duration // between the frame before and the one before that
}

// interval is what lies between frames, the shorter one of the last two: a camera that stops for a while
// has not become a slow one.
func (in *intake) interval(was *picture, got *frame.Frame) time.Duration {
	if was == nil || was.Epoch != got.Epoch {
		in.every = 0
		return 0
	}
	before := in.every
	in.every = got.Captured.Sub(was.Captured) / time.Duration(got.Seq-was.Seq)
	if in.every <= 0 || in.every > time.Minute { // a clock was set
		in.every = 0
	}
	if before == 0 {
		return in.every
	}
	return min(before, in.every)
}

func (in *intake) take(got frame.Frame, preview bool, now time.Time) {
	f := in.feed
	was := f.newest()
	if was != nil && was.Epoch == got.Epoch && got.Seq <= was.Seq {
		return // the same one, as a preview and as a frame
	}
	if !preview {
		in.missed += got.MissedSince(&in.prev)
		in.prev, in.prev.Data = got, nil
	}
	clock, _ := f.hub.conn.Offset(f.id)
	p := &picture{
		Frame: got, arrived: now, proven: in.fresh.Observe(&got, now, clock.Offset),
		every: in.interval(was, &got), missed: in.missed, clock: clock, part: partHeader(&got),
	}
	f.pictures.Put(p)
	if was == nil || was.live(now) != p.live(now) {
		f.tell(now)
	}
}

// tell works out what viewers must be told and tells it where it has changed.
func (f *feed) tell(now time.Time) {
	camera, heard := f.hub.cameras.Get(f.id)
	s := signal{Type: "signal"}
	p := f.newest()
	flowing := p != nil && p.live(now)
	if f.unopened = f.sealed.Why(f.source.Stats(), now); f.unopened == "" {
		f.unopened = f.instead.unopened(now)
	}
	if flowing {
		f.unopened = ""
	}
	if heard && !camera.Silent {
		s.State, s.Reason = camera.State, camera.Reason
	}
	s.Live = flowing && (s.State == frame.StateLive || s.State == "")
	switch {
	case s.Live || s.Reason != "":
	case f.unopened != "":
		s.Reason = f.unopened
	case camera.Silent:
		s.Reason = "nothing has been heard of its publisher"
	case !flowing:
		s.Reason = "no picture for 2 s"
	}
	if (p != nil || heard || f.unopened != "") && !f.isKnown() {
		close(f.known)
	}
	if old, ok := f.signals.Newest(); !ok || old != s {
		f.signals.Put(s)
	}
}
