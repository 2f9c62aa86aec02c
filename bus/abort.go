package bus

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// abortable remembers the network connection below a NATS connection, so that a write that hangs
// because the server has stopped reading can be ended: nats.go holds its lock meanwhile, and not
// even its Close gets through.
type abortable struct {
	inner nats.CustomDialer // what dialed before; nil: plain TCP
	room  *room             // is told what is written to it; nil: nobody asks

	mu   sync.Mutex
	conn net.Conn
}

// abortGrace is what a write gets after its context is done: longer than a frame needs on a
// healthy link, short enough for a program that has been told to end.
const abortGrace = 500 * time.Millisecond

// option puts a between NATS and what it dials with, a SOCKS proxy of a NATS context included.
func (a *abortable) option(o *nats.Options) error {
	a.inner = o.CustomDialer
	if a.inner == nil {
		a.inner = &net.Dialer{Timeout: o.Timeout}
	}
	o.CustomDialer = a
	return nil
}

// Dial implements nats.CustomDialer.
func (a *abortable) Dial(network, address string) (net.Conn, error) {
	conn, err := a.inner.Dial(network, address)
	if err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.conn = conn
	if a.room != nil {
		return a.room.measured(conn), nil
	}
	return conn, nil
}

// abort makes everything that waits on the connection fail.
func (a *abortable) abort() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.conn != nil {
		_ = a.conn.Close() // a deadline would not do: the client sets a new one for its next try
	}
}

// abortAfter aborts when ctx has been done for abortGrace, unless the function that it returns is
// called before.
func (a *abortable) abortAfter(ctx context.Context) (stop func()) {
	var timer *time.Timer
	var mu sync.Mutex
	stopped := false
	stopWaiting := context.AfterFunc(ctx, func() {
		mu.Lock()
		defer mu.Unlock()
		if !stopped {
			timer = time.AfterFunc(abortGrace, a.abort)
		}
	})
	return func() {
		if stopWaiting() {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		stopped = true
		if timer != nil {
			timer.Stop()
		}
	}
}
