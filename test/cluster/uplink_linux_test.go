package cluster

import (
	"net"
	"sync"
	"sync/atomic"
	"testing"
)

// uplink is a link of a site, which can be cut and frozen.
type uplink struct {
	to       string
	listener net.Listener
	up       atomic.Int64 // bytes from the site

	mu     sync.Mutex
	state  linkState
	thawed chan struct{} // closed when it is frozen no more
	conns  map[net.Conn]struct{}
}

type linkState int

const (
	linked linkState = iota
	cut              // nothing gets through, and both sides are told
	frozen           // nothing gets through, and nobody is told
)

// newUplink listens at the address and hands on what comes to the other.
func newUplink(t testing.TB, at, to string) *uplink {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	u := &uplink{to: to, listener: listener, conns: make(map[net.Conn]struct{})}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			running.Go(func() { u.carry(conn) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close() // fails only where it is closed
		u.set(cut)
		running.Wait()
	})
	return u
}

// set makes the link be so from now on. What was on a frozen link comes through when it is linked again.
func (u *uplink) set(state linkState) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.state == frozen && state != frozen {
		close(u.thawed)
	}
	if state == frozen && u.state != frozen {
		u.thawed = make(chan struct{})
	}
	if u.state = state; state == cut {
		for conn := range u.conns {
			_ = conn.Close() // it may be closed
		}
	}
}

// hold waits for as long as the link is frozen.
func (u *uplink) hold() {
	u.mu.Lock()
	wait, is := u.thawed, u.state == frozen
	u.mu.Unlock()
	if is {
		<-wait
	}
}

// add notes a connection; false where the link is cut.
func (u *uplink) add(conn net.Conn) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.state == cut {
		return false
	}
	u.conns[conn] = struct{}{}
	return true
}

func (u *uplink) carry(site net.Conn) {
	defer func() { _ = site.Close() }() // it may be closed
	if !u.add(site) {
		return
	}
	u.hold()
	hub, err := net.Dial("tcp", u.to)
	if err != nil {
		return
	}
	defer func() { _ = hub.Close() }() // it may be closed
	if !u.add(hub) {
		return
	}
	var both sync.WaitGroup
	pass := func(to, from net.Conn, count *atomic.Int64) {
		defer func() { _, _ = to.Close(), from.Close() }() // and with them the other direction
		buffer := make([]byte, 64<<10)
		for {
			n, err := from.Read(buffer)
			if n > 0 {
				u.hold()
				count.Add(int64(n))
				if _, err := to.Write(buffer[:n]); err != nil {
					return
				}
			}
			if err != nil {
				return
			}
		}
	}
	both.Go(func() { pass(hub, site, &u.up) })
	both.Go(func() { pass(site, hub, new(atomic.Int64)) })
	both.Wait()
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.conns, site)
	delete(u.conns, hub)
}
