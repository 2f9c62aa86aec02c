package web

import (
	"net"
	"time"
)

// goodbyeWait is what TLS gets to say that a connection ends. It is said behind what the kernel still
// holds for the client, and on its own TLS would wait 5 s for a client that takes nothing, or is gone
// without a word: longer than a page has to end in.
const goodbyeWait = 200 * time.Millisecond

// hangUp closes conn, and does not wait longer than goodbyeWait for it.
func hangUp(conn net.Conn) error {
	if wrapped, ok := conn.(interface{ NetConn() net.Conn }); ok { // TLS
		late := time.AfterFunc(goodbyeWait, func() { _ = wrapped.NetConn().Close() })
		defer late.Stop()
	}
	return conn.Close()
}

// Close implements net.Conn for the library.
func (s *socket) Close() error { return hangUp(s.Conn) }
