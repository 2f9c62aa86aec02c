package bus

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// attempts lets a program that ends not wait for a server that does not answer: when quit is closed,
// the attempt to connect that is under way fails, and so does every later one. nats.go holds its
// lock for as long as an attempt takes, so its Close, and all that asks it something, would wait for
// its time-out. A connection that stands is left alone.
type attempts struct {
	quit    <-chan struct{}   // nil: never
	inner   nats.CustomDialer // what dialed before; nil: plain TCP
	timeout time.Duration

	mu      sync.Mutex
	current *attempt
}

// option puts a between NATS and what it dials with.
func (a *attempts) option(o *nats.Options) error {
	a.inner, a.timeout = o.CustomDialer, o.Timeout
	o.CustomDialer = a
	o.SkipHostLookup = true // the dialer's own look-up can be given up
	standing := func(before nats.ConnHandler) nats.ConnHandler {
		return func(nc *nats.Conn) {
			a.standing()
			if before != nil {
				before(nc)
			}
		}
	}
	o.ConnectedCB, o.ReconnectedCB = standing(o.ConnectedCB), standing(o.ReconnectedCB)
	return nil
}

// Dial implements nats.CustomDialer.
func (a *attempts) Dial(network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), a.timeout)
	defer cancel()
	go func() {
		select {
		case <-a.quit:
			cancel()
		case <-ctx.Done():
		}
	}()
	var conn net.Conn
	var err error
	if a.inner != nil {
		conn, err = a.inner.Dial(network, address)
	} else {
		conn, err = new(net.Dialer).DialContext(ctx, network, address)
	}
	if err != nil {
		return nil, err
	}
	try := &attempt{Conn: conn, over: make(chan struct{})}
	go func() {
		select {
		case <-a.quit:
			_ = conn.Close() // the handshake fails
		case <-try.over:
		}
	}()
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.current != nil { // NATS leaves a connection open over which it was refused
		_ = a.current.Close()
	}
	a.current = try
	return try, nil
}

// standing is called when NATS has shaken hands.
func (a *attempts) standing() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.current != nil {
		a.current.end()
	}
}

// attempt is a network connection over which NATS shakes hands, and later talks.
type attempt struct {
	net.Conn
	once sync.Once
	over chan struct{} // closed when it has succeeded or failed
}

func (t *attempt) end() { t.once.Do(func() { close(t.over) }) }

// NetConn is the connection itself.
func (t *attempt) NetConn() net.Conn { return t.Conn }

// Close implements net.Conn.
func (t *attempt) Close() error {
	t.end()
	return t.Conn.Close()
}
