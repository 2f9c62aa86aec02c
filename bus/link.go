package bus

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
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
	changed  chan struct{} // closed and replaced when a leg comes or goes
	fetching bool
	roomy    capacity
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
	refused  chan struct{} // closed when this user may not ask
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
			if now := time.Now(); isNew && k.piles(leg, now, leg.late.observe(now, now.Sub(leg.left(&f)))) {
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
		if _, has := leg.live.Newest(); !has && !leg.live.preview && !leg.isRefused() { // a viewer that has just come sees a picture at once
			if f, err := newest(ctx, nc, leg.live.id); err == nil {
				leg.live.accept(f)
			}
		}
		<-ctx.Done()
	})
	return ctx.Err() == nil
}

// piles notes whether the leg's newest frame was late, and says whether frames pile up on this link.
// All legs share one connection, in which nothing overtakes: where the frames of one are late and
// those of another are not, what is slow is the way to the broker, or a clock is wrong.
func (k *link) piles(leg *leg, now time.Time, late bool) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	leg.piling, leg.newest = late, now
	if !late {
		return false
	}
	for _, other := range k.legs {
		if !other.piling && now.Sub(other.newest) < pilingWindow {
			return false
		}
	}
	return true
}

// pilingWindow is how long a frame in time says that the link is not to blame.
const pilingWindow = time.Second

// fetch gets the newest pictures one by one for at least hold, and returns nil once the link can
// carry all that the cameras send; otherwise ctx's error.
func (k *link) fetch(ctx context.Context, nc *nats.Conn, hold time.Duration) error {
	roundTrip, err := roundTrip(ctx, nc)
	if err != nil {
		return err
	}
	k.mu.Lock()
	for _, leg := range k.legs { // what had no picture before may have one now
		leg.direct = !leg.live.preview && !leg.isRefused()
	}
	k.mu.Unlock()
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
	direct, limit := k.mayAsk(leg)
	switch {
	case !direct && behind:
		return k.awaitOne(ctx, nc, leg, roundTrip)
	case !direct: // nothing to ask for, and nothing known against a subscription
		return mostWait / 4
	}
	select {
	case turn <- struct{}{}:
		defer func() { <-turn }()
	case <-ctx.Done():
		return 0
	}
	asking, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	unrefused := make(chan struct{})
	defer close(unrefused)
	go func() {
		select {
		case <-leg.refused:
			cancel()
		case <-unrefused:
		}
	}()
	asked := time.Now()
	f, err := newest(asking, nc, leg.live.id)
	took := time.Since(asked)
	rejected := new(frame.RejectError)
	isRejected := errors.As(err, &rejected)
	if isRejected { // what is kept is no frame
		leg.live.reject(rejected)
	}
	if ctx.Err() != nil && err != nil {
		return 0
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	leg.asked = true
	leg.answered = leg.answered || err == nil || isRejected || errors.Is(err, ErrNoPicture)
	if err != nil {
		leg.direct = leg.answered && !leg.isRefused() && !errors.Is(err, ErrNoPicture)
		return mostWait / 4
	}
	leg.live.accept(f)
	k.roomy.observe(len(f.Data), took, roundTrip)
	return leg.pace.fetched(f.Epoch, f.Seq, f.Captured, len(f.Data)) - time.Since(asked)
}

// firstAnswer is how long a server has to answer the first request for a picture. One that does
// not answer in time has no JetStream API that works; where it answers, a picture may take longer.
const firstAnswer = 1500 * time.Millisecond

// mayAsk says whether the leg's picture is to be asked for, and how long to wait for it. Where one
// leg had no answer at all, the others do not wait for theirs in turn.
func (k *link) mayAsk(leg *leg) (bool, time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if leg.answered {
		return leg.direct, fetchLimit
	}
	for _, other := range k.legs {
		if other.answered {
			return leg.direct, firstAnswer
		}
	}
	for _, other := range k.legs {
		if other != leg && other.asked && !other.isRefused() {
			leg.asked, leg.direct = true, false
		}
	}
	return leg.direct, firstAnswer
}

func (l *leg) isRefused() bool {
	select {
	case <-l.refused:
		return true
	default:
		return false
	}
}

// listen hears that the server refuses a request for a picture, which it does not answer, and
// passes every other error on.
func (k *link) listen(o *nats.Options) error {
	before := o.AsyncErrorCB
	o.AsyncErrorCB = func(nc *nats.Conn, sub *nats.Subscription, err error) {
		if errors.Is(err, nats.ErrPermissionViolation) && k.refuse(err.Error()) {
			return
		}
		if before != nil {
			before(nc, sub, err)
		}
	}
	return nil
}

// refuse marks the leg whose request the text names.
func (k *link) refuse(text string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	found := false
	for _, leg := range k.legs {
		if strings.Contains(text, `"`+newestSubject(leg.live.id)+`"`) {
			found = true
			if !leg.isRefused() {
				close(leg.refused)
				k.log.Debug("this user may not fetch single pictures", "camera", leg.live.id)
			}
		}
	}
	return found
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
		if !leg.asked && leg.direct {
			return false
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
