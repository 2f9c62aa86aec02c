package bus

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/lensbus/lensbus/frame"
)

// fetch gets the newest pictures one by one for at least hold, and returns nil once the link can
// carry all that the cameras send; otherwise ctx's error.
func (k *link) fetch(ctx context.Context, nc *nats.Conn, hold time.Duration) error {
	roundTrip, err := roundTrip(ctx, nc)
	if err != nil {
		return err
	}
	k.mu.Lock()
	k.roundTrip = roundTrip
	for _, leg := range k.legs { // what had no picture before may have one now
		leg.direct = !leg.live.preview && !leg.isRefused()
	}
	k.mu.Unlock()
	began := time.Now()
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	turn := make(chan struct{}, 1) // one picture on the link at a time: two would both take twice as long
	k.each(inner, func(ctx context.Context, leg *leg) {
		k.begin(ctx, leg)
		for ctx.Err() == nil {
			wait := k.fetchOne(ctx, nc, leg, turn, hold > 0)
			if took := time.Since(began); took >= hold && (k.fits(took) || k.isApart() && took >= tryApart) && k.isTimed(ctx, nc, turn) {
				cancel()
				return
			}
			sleep(ctx, wait)
		}
	})
	return ctx.Err()
}

// isTimed times the round trip again, with no picture on the link, and is false where it is quicker than it
// was taken to be: what was left behind on a slow link is on its way for a while, and delays the first
// round trip by what later pictures then seem to take less. The capacity is found out anew.
func (k *link) isTimed(ctx context.Context, nc *nats.Conn, turn chan struct{}) bool {
	select {
	case turn <- struct{}{}:
		defer func() { <-turn }()
	case <-ctx.Done():
		return false
	}
	again, err := exchange(ctx, nc)
	if err != nil {
		return false
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.roundTrip-again <= max(again/4, leastTrip) {
		return true
	}
	k.roundTrip, k.roomy = again, capacity{}
	return false
}

// leastTrip is how much a round trip may vary on any link.
const leastTrip = 2 * time.Millisecond

// fetchOne gets one picture and returns how long to wait before the next.
func (k *link) fetchOne(ctx context.Context, nc *nats.Conn, leg *leg, turn chan struct{}, behind bool) time.Duration {
	ctx, cancel := context.WithTimeout(ctx, fetchLimit)
	defer cancel()
	direct, limit := k.mayAsk(leg)
	switch {
	case k.isDenied(leg):
		return mostWait
	case !direct && !behind && k.isTrusted(leg):
		return mostWait / 4
	case !direct && !behind:
		looking, cancel := context.WithTimeout(ctx, firstLook)
		defer cancel()
		return k.awaitOne(looking, nc, leg)
	case !direct:
		return k.awaitOne(ctx, nc, leg)
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
	f, err := k.newest.ask(asking, nc, leg.live.id)
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
	leg.empty = errors.Is(err, errEmpty)
	leg.kept = leg.kept || err == nil
	leg.askedAt = time.Now()
	leg.answered = leg.answered || err == nil || isRejected || errors.Is(err, ErrNoPicture)
	if err != nil {
		leg.direct = leg.answered && !leg.isRefused() && !errors.Is(err, ErrNoPicture)
		return mostWait / 4
	}
	leg.live.accept(f)
	k.settle(leg)
	k.roomy.observe(len(f.Data), took, k.roundTrip)
	return leg.pace.fetched(f.Epoch, f.Seq, f.Captured, len(f.Data)) - time.Since(asked)
}

// awaitOne is the fetch for servers without JetStream, and for previews: a subscription that the server ends after
// one message, so that nothing can queue behind it. What the link carries shows less well, because
// the wait for the next frame is part of the time; so it begins at a random moment between two
// frames, and the best of several counts. Where the server has the frames from another one, that may have
// sent more before it heard that one is enough, and the next would wait behind them: a frame that was late says
// for how long.
func (k *link) awaitOne(ctx context.Context, nc *nats.Conn, leg *leg) time.Duration {
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
	k.mu.Lock()
	defer k.mu.Unlock()
	k.settle(leg)
	if !isNew {
		return 0
	}
	leg.awaited++
	leg.pace.fetched(f.Epoch, f.Seq, f.Captured, len(f.Data))
	now := time.Now()
	leg.late.observe(now, now.Sub(leg.left(&f)))
	if leg.late.excess < lateAfter { // else it was on its way before it was asked for
		k.roomy.observe(len(f.Data), now.Sub(asked), k.roundTrip)
	}
	return max(rand.N(leg.pace.orAssumed()), min(leg.late.excess, mostWait))
}

// Where pictures can only be awaited, what a link carries shows after a few of them; a camera that
// sends none in firstLook is not waited for.
const (
	firstAwaited = 3
	firstLook    = time.Second
)

// trusted is called with link.mu held. It is true where nothing speaks against a subscription: of a
// preview, which is small, and of a camera that has sent nothing so far, or will not here.
func (l *leg) trusted() bool { return l.live.preview || l.empty || l.denied }

func (k *link) isDenied(l *leg) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return l.denied
}

func (k *link) isTrusted(l *leg) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return l.trusted()
}

// fits says whether the link can carry all cameras, after so long of fetching. Of those without a
// picture nothing is known; they are taken on trust, and a subscription that falls behind is noticed.
func (k *link) fits(after time.Duration) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	load := 0.0
	for _, leg := range k.legs {
		switch {
		case leg.direct && !leg.asked, !leg.direct && !leg.trusted() && leg.awaited < firstAwaited && after < firstLook:
			return false
		}
		load += leg.pace.rate()
	}
	return load <= fullShare*k.roomy.bytesPerSecond() || load == 0
}
