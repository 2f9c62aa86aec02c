package bus

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/lensbus/lensbus/frame"
)

// link is the connection that all Lives of a Conn receive on, and the one decision about it: does
// it carry what the cameras send? Where it does, frames come through plain subscriptions. Where it
// does not, a subscription would queue them in the server, so the link leaves that connection, its
// backlog with it, and fetches the newest picture of each camera in turn on a fresh one.
//
// A link begins by fetching, which shows what it carries before anything can queue.
type link struct {
	dial   func(purpose string, more ...nats.Option) (*nats.Conn, error)
	newest *newestAsker
	log    *slog.Logger
	cancel context.CancelFunc
	done   chan struct{}

	mu       sync.Mutex
	legs     map[*Live]*leg
	changed  chan struct{} // closed and replaced when a leg comes or goes
	fetching bool
	roomy    capacity
	// roundTrip of an empty message while the link fetches.
	roundTrip time.Duration
}

// leg is one Live on the link.
type leg struct {
	live *Live
	gone chan struct{} // closed when the Live is

	late lateness

	// Guarded by link.mu:
	pace pace
	// direct is false where the server has no picture to fetch, as of a preview, or does not give
	// it; then the next one is awaited.
	direct   bool
	asked    bool          // whether that has been tried
	answered bool          // whether the server has ever answered
	awaited  int           // pictures that came without asking
	empty    bool          // the server would keep a picture and has none so far
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

func newLink(dial func(string, ...nats.Option) (*nats.Conn, error), newest *newestAsker, log *slog.Logger) *link {
	ctx, cancel := context.WithCancel(context.Background())
	k := &link{dial: dial, newest: newest, log: log, cancel: cancel, done: make(chan struct{}), legs: make(map[*Live]*leg), changed: make(chan struct{})}
	go func() {
		defer close(k.done)
		k.run(ctx)
	}()
	return k
}

// close ends the link and every Live on it.
func (k *link) close() {
	k.cancel()
	<-k.done
	k.mu.Lock()
	lives := slices.Collect(maps.Keys(k.legs))
	k.mu.Unlock()
	for _, live := range lives {
		_ = live.Close()
	}
}

func (k *link) add(l *Live) {
	k.mu.Lock()
	defer k.mu.Unlock()
	leg := &leg{live: l, gone: make(chan struct{}), refused: make(chan struct{}), direct: !l.preview}
	if l.preview {
		leg.pace.least = time.Second / frame.PreviewFPS
	}
	k.legs[l] = leg
	k.change()
}

// change is called with mu held, when a leg has come or gone.
func (k *link) change() {
	close(k.changed)
	k.changed = make(chan struct{})
}

func (k *link) remove(l *Live) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if leg, ok := k.legs[l]; ok {
		close(leg.gone)
		delete(k.legs, l)
		k.change()
	}
}

func (k *link) isFetching() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.fetching
}

func (k *link) setFetching(on bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.fetching = on
}

// run takes connection after connection until ctx is done. One ends when it has fallen behind.
func (k *link) run(ctx context.Context) {
	var hold time.Duration // the first time the link is only looked at
	for ctx.Err() == nil {
		began, fellBehind := time.Now(), false
		nc, err := k.dial("live", k.listen)
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
			k.log.Info("live frames pile up on the way: fetching the newest instead", "for_at_least", hold)
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
