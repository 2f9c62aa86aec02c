package bus

import (
	"context"
	"log/slog"
	"maps"
	"sync"
	"time"

	"github.com/lensbus/lensbus/frame"
)

// link is a connection that Lives of a Conn receive on, most often all of them, and the one decision about it: does
// it carry what the cameras send? Where it does, frames come through plain subscriptions. Where it
// does not, a subscription would queue them in the server, so the link leaves that connection, its
// backlog with it, and fetches the newest picture of each camera in turn on a fresh one.
//
// A link begins by fetching, which shows what it carries before anything can queue.
type link struct {
	links   *links
	number  int    // among them; over 0: the link is apart
	purpose string // of its connection
	newest  *newestAsker
	log     *slog.Logger
	cancel  context.CancelFunc

	mu       *sync.Mutex // of all links
	legs     map[*Live]*leg
	changed  chan struct{} // closed and replaced when a leg comes or goes
	opening  bool          // it is apart, and has no connection and no legs so far
	ending   bool          // it is apart, and has no legs any more
	fetching bool
	roomy    capacity
	// roundTrip of an empty message while the link fetches.
	roundTrip time.Duration
}

// leg is one Live on a link.
type leg struct {
	live *Live
	link *link
	gone chan struct{} // closed when the leg is

	// Guarded by link.mu:
	before  *leg // of the same Live on another link, until something comes on this one
	leaving bool // it is to go to a link that is being opened
	begun   bool // people have been told that it is apart
	late    lateness
	pace    pace
	// direct is false where the server has no picture to fetch, as of a preview, or does not give
	// it; then the next one is awaited.
	direct   bool
	asked    bool          // whether that has been tried
	answered bool          // whether the server has ever answered
	awaited  int           // pictures that came without asking
	empty    bool          // the server would keep a picture and has none so far
	kept     bool          // the server has ever given a picture
	askedAt  time.Time     // when that was last tried
	refused  chan struct{} // closed when this user may not ask
	denied   bool          // this user may not subscribe either: the Live has ended
	piling   bool          // its newest frame was late
	newest   time.Time     // when that arrived
}

// left is since when the frame is on its way. Making a preview takes time that is not the link's.
func (l *leg) left(f *frame.Frame) time.Time {
	if l.live.preview && !f.Published.IsZero() {
		return f.Published
	}
	return f.Captured
}

// How long a link fetches at least before it trusts itself with a subscription again. Each time
// that it soon falls behind, the wait doubles.
const (
	leastHold  = time.Second
	mostHold   = time.Minute
	goodPlain  = 30 * time.Second
	fetchLimit = 10 * time.Second // for one picture
	fullShare  = 0.6              // of the capacity that the cameras may use
)

// add is called with mu held.
func (k *link) add(l *Live) *leg {
	leg := &leg{live: l, link: k, gone: make(chan struct{}), refused: make(chan struct{}), direct: !l.preview}
	if l.preview {
		leg.pace.least = time.Second / frame.PreviewFPS
	}
	k.legs[l] = leg
	k.change()
	return leg
}

// change is called with mu held, when a leg has come or gone.
func (k *link) change() {
	close(k.changed)
	k.changed = make(chan struct{})
}

// drop is called with mu held. It is safe twice. A link apart without legs ends.
func (k *link) drop(leg *leg) {
	if k.legs[leg.live] != leg {
		return
	}
	close(leg.gone)
	delete(k.legs, leg.live)
	k.change()
	if k.isApart() && len(k.legs) == 0 {
		k.ending = true
		k.cancel()
	}
}

// setFetching ends all leaving where the link is the one that is too slow.
func (k *link) setFetching(on bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.fetching = on
	for _, leg := range k.legs {
		leg.leaving = leg.leaving && !on
	}
}

// run takes connection after connection until ctx is done. One ends when it has fallen behind.
func (k *link) run(ctx context.Context) {
	var hold time.Duration // the first time the link is only looked at
	opening := k.isApart()
	for ctx.Err() == nil {
		began, fellBehind := time.Now(), false
		nc, err := k.links.dial(k.purpose, k.listen)
		if opening {
			if !k.open(ctx, nc, err) {
				nc.Close() // it may be nil
				return
			}
			opening, hold = false, leastHold
		}
		if err != nil {
			k.log.Error("connect for live frames", "error", err)
			sleep(ctx, time.Second)
			continue
		}
		if k.fetch(ctx, nc, hold) == nil {
			k.setFetching(false)
			began = time.Now()
			fellBehind = k.plain(ctx, nc)
		}
		nc.Close() // unread bytes make this a reset: the server drops what it still had for us
		if fellBehind {
			k.setFetching(true)
			if hold *= 2; time.Since(began) > goodPlain {
				hold = 0
			}
			hold = min(max(hold, leastHold), mostHold)
			k.log.Info("live frames pile up on the way: fetching the newest instead", "connection", k.purpose, "for_at_least", hold)
		}
	}
}

// each runs do in a goroutine for every leg, those that come later too, until ctx is done and all
// have returned. do's ctx ends with the leg too.
func (k *link) each(ctx context.Context, do func(context.Context, *leg)) {
	var running sync.WaitGroup
	defer running.Wait()
	begun := make(map[*leg]bool)
	for {
		k.mu.Lock()
		changed := k.changed
		maps.DeleteFunc(begun, func(leg *leg, _ bool) bool { return k.legs[leg.live] != leg })
		for _, leg := range k.legs {
			if begun[leg] {
				continue
			}
			begun[leg] = true
			running.Go(func() {
				ctx, cancel := context.WithCancel(ctx)
				defer cancel()
				running.Go(func() {
					select {
					case <-leg.gone:
						cancel()
					case <-ctx.Done():
					}
				})
				do(ctx, leg)
			})
		}
		k.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}
