package bus

import (
	"context"
	"time"

	"github.com/nats-io/nats.go"
)

// Which cameras are received on a link apart, and for how long. In one connection nothing overtakes. So
// where the frames of one camera are later and later, and such of another arrive in time among them, it
// is not this connection that is too slow for them, but their way to the broker; and to leave the
// connection, or to fetch the other camera too, would be of no use.

func (k *link) isApart() bool { return k.number > 0 }

// part is called with mu held, for a leg whose newest frame is late. It moves the leg to a link apart as soon as it
// is certain that its frames do not pile up on this one.
func (k *link) part(leg *leg, now time.Time) {
	if leg.leaving || !leg.late.grows(now) {
		return
	}
	newcomer := false
	for _, other := range k.legs {
		switch {
		// Of a queue that this link had, the other's frame would have had its share: as much as the leg's
		// lateness grew since before the other's first frame.
		case other.late.over > 0 || !other.newest.After(leg.late.grown) || now.Sub(other.newest) >= pilingWindow:
		case other.late.first.After(leg.late.since):
			newcomer = true
		default:
			k.links.leave(leg, now)
			return
		}
	}
	if newcomer { // what of the lateness is older than the newcomer proves nothing
		leg.late.growAgain(now)
	}
}

// leave is called with mu held. It moves a leg to a link apart: where there is one that fetches, to that, because
// many cameras of one site would share its uplink, or else to a new one.
func (s *links) leave(leg *leg, now time.Time) {
	free := 0
	for number, k := range s.all {
		switch {
		case k == nil && free == 0:
			free = number
		case k == nil || k == leg.link || !k.isApart() || !k.fetching || k.ending:
		case k.opening:
			leg.leaving = true
			return
		default:
			k.take(leg)
			return
		}
	}
	if free == 0 || s.closed || now.Before(s.tryAfter) {
		return
	}
	leg.leaving = true
	s.start(free)
}

// take is called with mu held. It moves a leg here.
func (k *link) take(leg *leg) {
	fresh := k.add(leg.live)
	fresh.knows(leg)
	leg.live.leg = fresh
	k.links.drop(leg)
}

// begin says, once, of a leg on a link apart that it is there, and waits until what piled up has gone: for as long as
// the newest frame was late. What is asked for before that comes behind it, if anybody waits so long.
func (k *link) begin(ctx context.Context, leg *leg) {
	if !k.isApart() || leg.begun {
		return
	}
	leg.begun = true
	k.log.Info("frames of a camera pile up on their way to the broker, and others do not: it is received apart, the newest frames only",
		"camera", leg.live.id, "connection", k.purpose)
	sleep(ctx, min(k.late(leg), mostDrain))
}

// late is by how much the leg's newest frame was late.
func (k *link) late(leg *leg) time.Duration {
	k.mu.Lock()
	defer k.mu.Unlock()
	return leg.late.excess
}

// mostDrain bounds how long what has piled up is waited for. There can be more only where no link apart was to be had
// for long, or the camera's clock runs away.
const mostDrain = 3 * time.Second

// open waits for the connection, unless it failed with err, and takes the legs that are leaving their links; until then
// they stay there. It returns false where there is no connection in time, or nobody is leaving any more: the link is of
// no use then.
func (k *link) open(ctx context.Context, nc *nats.Conn, err error) bool {
	if err == nil {
		limited, cancel := context.WithTimeout(ctx, openLimit)
		defer cancel()
		_, err = roundTrip(limited, nc)
	}
	if err != nil && ctx.Err() == nil {
		k.log.Warn("no further connection for cameras whose frames pile up on their way to the broker", "error", err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.opening = false; err != nil {
		k.links.tryAfter = time.Now().Add(openAgain)
	}
	for _, other := range k.links.all {
		if other == nil || other == k {
			continue
		}
		for _, leg := range other.legs {
			if leg.leaving && err == nil {
				k.take(leg)
			}
			leg.leaving = false
		}
	}
	k.ending = len(k.legs) == 0
	return !k.ending
}

// giveBack hands the legs of a link apart to the first one, again and again after a while in which subscriptions went
// well, until ctx is done. The first link's way is what matters then, so it must not be fetching. Each leg stays here too
// until a frame has come there, and none is missed.
func (k *link) giveBack(ctx context.Context) {
	for {
		sleep(ctx, backAfter)
		if ctx.Err() != nil {
			return
		}
		k.handOver()
	}
}

func (k *link) handOver() {
	k.mu.Lock()
	defer k.mu.Unlock()
	first := k.links.all[0]
	if k.links.closed || first == nil || first.fetching {
		return
	}
	for live, leg := range k.legs {
		if live.leg != leg { // it is on its way
			continue
		}
		fresh := first.add(live)
		fresh.knows(leg)
		fresh.before = leg
		live.leg = fresh
	}
}

// settle is called with mu held, when something has come for a leg: what was there before it is needed no more.
func (k *link) settle(l *leg) {
	k.links.drop(l.before)
	l.before = nil
}

// knows takes over what another leg of the same Live has learned of the server, and how old frames are at least.
func (l *leg) knows(other *leg) {
	l.late = other.late
	l.answered, l.kept = other.answered, other.kept
	if other.isRefused() {
		close(l.refused)
		l.direct = false
	}
}
