package bus

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

// Whether a server may be asked for single pictures: what a link learns of it.

// firstAnswer is how long a server has to answer the first request for a picture. One that does
// not answer in time has no JetStream API that works; where it answers, a picture may take longer.
const firstAnswer = 1500 * time.Millisecond

// askAgain is when a server that had a picture before is asked for one again after it had none, while those that are
// awaited come in time: where it asks another one itself, that may have been too slow.
const askAgain = 5 * time.Second

// mayAsk says whether the leg's picture is to be asked for, and how long to wait for it. Where one
// leg had no answer at all, the others do not wait for theirs in turn.
func (k *link) mayAsk(leg *leg) (bool, time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if leg.kept && !leg.isRefused() && leg.late.excess < lateAfter && time.Since(leg.askedAt) > askAgain {
		leg.direct = true
	}
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

// listen hears that the server refuses a request for a picture, which it does not answer, or a
// subscription, and passes every other error on.
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

// refuse marks the leg whose request the text names, and ends the one whose subscription it names.
func (k *link) refuse(text string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	found := false
	for _, leg := range k.legs {
		if strings.Contains(text, `"`+leg.live.subject()+`"`) {
			found = true
			leg.denied = true
			leg.live.latest.Close(&notAllowedError{leg.live.id, "watch"})
			continue
		}
		if strings.Contains(text, `"`+k.newest.subject(leg.live.id)+`"`) {
			found = true
			if !leg.isRefused() {
				close(leg.refused)
				k.log.Debug("this user may not fetch single pictures", "camera", leg.live.id)
			}
		}
	}
	return found
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
