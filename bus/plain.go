package bus

import (
	"context"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// plain receives through subscriptions and returns true when the link has fallen behind, false
// when ctx is done.
func (k *link) plain(ctx context.Context, nc *nats.Conn) bool {
	var returning sync.WaitGroup
	defer returning.Wait()
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	if k.isApart() {
		returning.Go(func() { k.giveBack(inner) })
	}
	behind := make(chan struct{}, 1)
	go func() {
		select {
		case <-behind:
			cancel()
		case <-inner.Done():
		}
	}()
	k.each(inner, func(ctx context.Context, leg *leg) {
		k.anew(leg)
		subscribed := time.Now()
		if k.isDenied(leg) {
			<-ctx.Done()
			return
		}
		sub, err := nc.Subscribe(leg.live.subject(), func(m *nats.Msg) {
			f, isNew := leg.live.receive(m.Subject, m.Header, m.Data)
			leg.live.settle()
			if now := time.Now(); k.arrived(leg, isNew, now, now.Sub(leg.left(&f))) {
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
		if !leg.live.preview && !leg.isRefused() {
			if _, has := leg.live.Newest(); !has { // a viewer that has just come sees a picture at once
				k.fetchNewest(ctx, nc, leg)
			}
			k.catchUp(ctx, nc, leg, subscribed)
		}
		<-ctx.Done()
	})
	return ctx.Err() == nil
}

// catchUpAfter is how long a camera may send nothing before it is looked whether its newest frame came
// between the last fetch and the subscription, or was still on its way into the server's store when that
// was asked: of one that sends often the next frame is there sooner.
const catchUpAfter = 250 * time.Millisecond

// catchUp fetches the newest frame once, unless one has come since.
func (k *link) catchUp(ctx context.Context, nc *nats.Conn, leg *leg, since time.Time) {
	sleep(ctx, catchUpAfter)
	if ctx.Err() != nil || leg.live.arrived().After(since) {
		return
	}
	k.fetchNewest(ctx, nc, leg)
}

// fetchNewest takes the newest frame that the server keeps, if there is one and it is newer.
func (k *link) fetchNewest(ctx context.Context, nc *nats.Conn, leg *leg) {
	if f, err := k.newest.ask(ctx, nc, leg.live.id); err == nil {
		leg.live.accept(f)
	}
}

// anew forgets how late frames of the leg were on an earlier connection. How old they are at least is known of a link apart:
// what piles up on the way to the broker is still there, and would be taken for the usual.
func (k *link) anew(leg *leg) {
	k.mu.Lock()
	defer k.mu.Unlock()
	known := leg.late
	leg.late = lateness{}
	if k.isApart() {
		leg.late.began, leg.late.least, leg.late.leastBefore = known.began, known.least, known.leastBefore
	}
}

// arrived takes a message that came now through the leg's subscription, and the age of the frame where it is a new one. It
// says whether frames pile up on this link.
func (k *link) arrived(leg *leg, isNew bool, now time.Time, age time.Duration) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.settle(leg)
	return isNew && k.legs[leg.live] == leg && k.piles(leg, now, age)
}

// piles is called with mu held, for a new frame, and says whether frames pile up on this link.
// All legs share one connection, in which nothing overtakes: where the frames of one are late and
// those of another are not, what is slow is the way to the broker, or a clock is wrong.
func (k *link) piles(leg *leg, now time.Time, age time.Duration) bool {
	leg.piling, leg.newest = leg.late.observe(now, age), now
	if !leg.piling {
		return false
	}
	for _, other := range k.legs {
		if !other.piling && now.Sub(other.newest) < pilingWindow {
			k.part(leg, now)
			return false
		}
	}
	return true
}

// pilingWindow is how long a frame in time says that the link is not to blame.
const pilingWindow = time.Second
