package bus

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// links are the connections that the Lives of a Conn receive on: one that every Live begins on, and
// further ones for cameras whose frames pile up before they reach the broker, as those of a site do
// whose uplink is slower than they are. Each link decides for itself between subscriptions and fetching.
type links struct {
	dial   func(purpose string, more ...nats.Option) (*nats.Conn, error)
	forget func(purpose string) // is told of a connection that is no more
	newest *newestAsker
	log    *slog.Logger

	running sync.WaitGroup // the links

	mu       sync.Mutex       // of all links and legs
	all      [mostLinks]*link // the first is where Lives begin; nil: there is none of that number
	closed   bool
	tryAfter time.Time // when a link may be opened again, after one could not
}

const (
	// mostLinks bounds the connections of one Conn that receive. Cameras for which there would be one too
	// many stay where they are.
	mostLinks = 8
	// openLimit is how long a further connection may take. The server may not allow one more; then there is
	// no other try before openAgain.
	openLimit = 10 * time.Second
	openAgain = time.Minute
	// tryApart is after how long a link apart is tried with subscriptions in any case: what single pictures need on a
	// long way looks like a slow one.
	tryApart = 10 * time.Minute
	// backAfter is how long all must have gone well on a link apart before its cameras go back.
	backAfter = time.Minute
)

func newLinks(dial func(string, ...nats.Option) (*nats.Conn, error), forget func(string), newest *newestAsker, log *slog.Logger) *links {
	s := &links{dial: dial, forget: forget, newest: newest, log: log}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.start(0)
	return s
}

// start is called with mu held, for a number that is free.
func (s *links) start(number int) {
	ctx, cancel := context.WithCancel(context.Background())
	k := &link{
		links: s, mu: &s.mu, number: number, purpose: "live", newest: s.newest, log: s.log, cancel: cancel,
		legs: make(map[*Live]*leg), changed: make(chan struct{}), fetching: number > 0, opening: number > 0,
	}
	if number > 0 {
		k.purpose += "-" + strconv.Itoa(number+1)
	}
	s.all[number] = k
	s.running.Go(func() {
		k.run(ctx)
		cancel()
		s.ended(k)
	})
}

// ended is called by a link that has ended, and has no connection any more.
func (s *links) ended(k *link) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all[k.number] = nil
	if k.isApart() {
		s.forget(k.purpose)
	}
}

// close ends all links and every Live on them.
func (s *links) close() {
	s.mu.Lock()
	s.closed = true
	var lives []*Live
	for _, k := range s.all {
		if k != nil {
			lives = slices.AppendSeq(lives, maps.Keys(k.legs))
			k.cancel()
		}
	}
	s.mu.Unlock()
	s.running.Wait()
	for _, live := range lives {
		_ = live.Close() // one that is on its way back is on two links, and Close is safe twice
	}
}

// add puts a Live on the first link, or where another one of the same camera is apart, there.
func (s *links) add(l *Live) {
	s.mu.Lock()
	defer s.mu.Unlock()
	on := s.all[0]
	for _, k := range s.all[1:] {
		if k != nil && !k.ending && k.has(l) {
			on = k
		}
	}
	l.leg = on.add(l)
}

// has is called with mu held. It says whether the frames that l is for come on this link already.
func (k *link) has(l *Live) bool {
	for other := range k.legs {
		if other.id == l.id && other.preview == l.preview && other.leg.link == k {
			return true
		}
	}
	return false
}

func (s *links) remove(l *Live) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(l.leg)
}

// drop is called with mu held. It ends a leg, and the one before it that it was to take the place of.
func (s *links) drop(l *leg) {
	for ; l != nil; l = l.before {
		l.link.drop(l)
	}
}

// isFetching says whether any link, or that of the one Live, fetches.
func (s *links) isFetching(only *Live) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if only != nil {
		return only.leg.link.fetching
	}
	for _, k := range s.all {
		if k != nil && k.fetching && !k.opening {
			return true
		}
	}
	return false
}
