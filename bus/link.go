package bus

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"math/rand/v2"
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
	log    *slog.Logger
	cancel context.CancelFunc
	done   chan struct{}

	mu       sync.Mutex
	legs     map[*Live]*leg
	changed  chan struct{} // closed and replaced when a leg comes
	fetching bool
	roomy    capacity
}

// leg is one Live on the link.
type leg struct {
	live *Live
	gone chan struct{} // closed when the Live is

	pace pace // guarded by link.mu
	late lateness
	// direct is false where the server has no picture to fetch, as of a preview; then the next one
	// is awaited.
	direct bool
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

func newLink(dial func(string, ...nats.Option) (*nats.Conn, error), log *slog.Logger) *link {
	ctx, cancel := context.WithCancel(context.Background())
	k := &link{dial: dial, log: log, cancel: cancel, done: make(chan struct{}), legs: make(map[*Live]*leg), changed: make(chan struct{})}
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
	leg := &leg{live: l, gone: make(chan struct{}), direct: !l.preview}
	if l.preview {
		leg.pace.least = time.Second / frame.PreviewFPS
	}
	k.legs[l] = leg
	close(k.changed)
	k.changed = make(chan struct{})
}

func (k *link) remove(l *Live) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if leg, ok := k.legs[l]; ok {
		close(leg.gone)
		delete(k.legs, l)
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
		nc, err := k.dial("live")
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

// plain receives through subscriptions and returns true when the link has fallen behind, false
// when ctx is done.
func (k *link) plain(ctx context.Context, nc *nats.Conn) bool {
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	behind := make(chan struct{}, 1)
	go func() {
		select {
		case <-behind:
			cancel()
		case <-inner.Done():
		}
	}()
	k.each(inner, func(ctx context.Context, leg *leg) {
		leg.late = lateness{}
		sub, err := nc.Subscribe(leg.live.subject(), func(m *nats.Msg) {
			f, isNew := leg.live.receive(m.Subject, m.Header, m.Data)
			if now := time.Now(); isNew && leg.late.observe(now, now.Sub(leg.left(&f))) {
				select {
				case behind <- struct{}{}:
				default:
				}
			}
		})
		if err != nil {
			k.log.Error("subscribe", "camera", leg.live.id, "error", err)
			return
		}
		defer func() { _ = sub.Unsubscribe() }()
		// The callback only moves a frame into a slot, so little can wait here; what the client
		// would otherwise keep are 64 MB of the oldest.
		_ = sub.SetPendingLimits(256, 64<<20)
		if _, has := leg.live.Newest(); !has && !leg.live.preview { // a viewer that has just come sees a picture at once
			if f, err := newest(ctx, nc, leg.live.id); err == nil {
				leg.live.accept(f)
			}
		}
		<-ctx.Done()
	})
	return ctx.Err() == nil
}

// fetch gets the newest pictures one by one for at least hold, and returns nil once the link can
// carry all that the cameras send; otherwise ctx's error.
func (k *link) fetch(ctx context.Context, nc *nats.Conn, hold time.Duration) error {
	roundTrip, err := roundTrip(ctx, nc)
	if err != nil {
		return err
	}
	began := time.Now()
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	turn := make(chan struct{}, 1) // one picture on the link at a time: two would both take twice as long
	k.each(inner, func(ctx context.Context, leg *leg) {
		for ctx.Err() == nil {
			wait := k.fetchOne(ctx, nc, leg, turn, roundTrip, hold > 0)
			if time.Since(began) >= hold && k.fits() {
				cancel()
				return
			}
			sleep(ctx, wait)
		}
	})
	return ctx.Err()
}

// fetchOne gets one picture and returns how long to wait before the next.
func (k *link) fetchOne(ctx context.Context, nc *nats.Conn, leg *leg, turn chan struct{}, roundTrip time.Duration, behind bool) time.Duration {
	ctx, cancel := context.WithTimeout(ctx, fetchLimit)
	defer cancel()
	switch {
	case !leg.direct && behind:
		return k.awaitOne(ctx, nc, leg, roundTrip)
	case leg.live.preview: // nothing to ask for, and nothing known against a subscription
		return mostWait / 4
	}
	select {
	case turn <- struct{}{}:
		defer func() { <-turn }()
	case <-ctx.Done():
		return 0
	}
	asked := time.Now()
	f, err := newest(ctx, nc, leg.live.id)
	took := time.Since(asked)
	if rejected := new(frame.RejectError); errors.As(err, &rejected) {
		leg.live.reject(rejected)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if err != nil {
		leg.direct = !errors.Is(err, ErrNoPicture)
		return mostWait / 4
	}
	leg.live.accept(f)
	k.roomy.observe(len(f.Data), took, roundTrip)
	return leg.pace.fetched(f.Epoch, f.Seq, f.Captured, len(f.Data)) - time.Since(asked)
}

// awaitOne is the fetch for servers without JetStream, and for previews: a subscription that the server ends after
// one message, so that nothing can queue behind it. What the link carries shows less well, because
// the wait for the next frame is part of the time; so it begins at a random moment between two
// frames, and the best of several counts.
func (k *link) awaitOne(ctx context.Context, nc *nats.Conn, leg *leg, roundTrip time.Duration) time.Duration {
	asked := time.Now()
	sub, err := nc.SubscribeSync(leg.live.subject())
	if err != nil {
		return mostWait
	}
	defer func() { _ = sub.Unsubscribe() }()
	if err := sub.AutoUnsubscribe(1); err != nil {
		return mostWait
	}
	m, err := sub.NextMsgWithContext(ctx)
	if err != nil {
		return 0
	}
	f, isNew := leg.live.receive(m.Subject, m.Header, m.Data)
	if !isNew {
		return 0
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.roomy.observe(len(f.Data), time.Since(asked), roundTrip)
	leg.pace.fetched(f.Epoch, f.Seq, f.Captured, len(f.Data))
	return rand.N(leg.pace.orAssumed())
}

// fits says whether the link can carry all cameras. Of those without a picture nothing is known;
// they are taken on trust, and a subscription that falls behind is noticed.
func (k *link) fits() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	load := 0.0
	for _, leg := range k.legs {
		if leg.pace.bytes == 0 && leg.direct {
			return false // not yet asked
		}
		load += leg.pace.rate()
	}
	return load <= fullShare*k.roomy.bytesPerSecond() || load == 0
}

// roundTrip waits for the connection and returns the time of an empty exchange on it.
func roundTrip(ctx context.Context, nc *nats.Conn) (time.Duration, error) {
	connected := nc.StatusChanged(nats.CONNECTED)
	defer nc.RemoveStatusListener(connected)
	for {
		if nc.IsConnected() {
			if rtt, err := exchange(ctx, nc); err == nil {
				return rtt, nil
			}
		}
		select {
		case <-connected:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

// exchange times a ping; nc.RTT would not heed ctx.
func exchange(ctx context.Context, nc *nats.Conn) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchLimit)
	defer cancel()
	began := time.Now()
	err := nc.FlushWithContext(ctx)
	return time.Since(began), err
}

func sleep(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
