package web

import (
	"net"
	"net/http"
)

// countConn bounds the connections that watch nothing, of all together and of one address, so that nobody
// can take them all; viewers are counted by enter.
func (s *Server) countConn(conn net.Conn, state http.ConnState) {
	from := s.foreign(conn)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch state {
	case http.StateNew:
		s.idle++
		if from != "" {
			s.idleFrom[from]++
		}
		if s.idle > s.cfg.MaxConnections+s.cfg.MaxViewers || s.idleFrom[from] > s.cfg.MaxConnectionsAddress {
			_ = conn.Close()
		}
	case http.StateClosed, http.StateHijacked:
		s.idle--
		if s.idleFrom[from]--; s.idleFrom[from] <= 0 {
			delete(s.idleFrom, from)
		}
	}
}

// foreign is where a connection comes from, as of whom wrong logins count; "" for this machine and for proxies
// that are trusted, behind which are others.
func (s *Server) foreign(conn net.Conn) string {
	addr, ok := addressOf(conn.RemoteAddr().String())
	if !ok || addr.IsLoopback() || s.proxies.has(addr) {
		return ""
	}
	return origin(conn.RemoteAddr().String())
}
