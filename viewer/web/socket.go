package web

import (
	"bufio"
	"encoding/binary"
	"net"
	"net/http"
	"sync"
	"time"
)

// socket is the connection below a WebSocket. The library does the handshake, reads, and answers
// pings and closes; frames go around it, because a text message, a picture and a ping then leave in
// one system call instead of five, and the client wakes up once.
//
// What the server sends is unmasked and unfragmented, so a message is a header of 2 to 10 bytes and
// the data (RFC 6455, 5.2).
type socket struct {
	net.Conn
	stall time.Duration

	mu       sync.Mutex // one write at a time; the library's are whole control frames
	deadline time.Time
}

const (
	opText   = 0x1
	opBinary = 0x2
	opPing   = 0x9
)

// appendHeader begins a message of length bytes.
func appendHeader(b []byte, opcode byte, length int) []byte {
	b = append(b, 0x80|opcode)
	switch {
	case length < 126:
		return append(b, byte(length))
	case length < 1<<16:
		return binary.BigEndian.AppendUint16(append(b, 126), uint16(length))
	}
	return binary.BigEndian.AppendUint64(append(b, 127), uint64(length))
}

// Write implements net.Conn for the library.
func (s *socket) Write(p []byte) (int, error) {
	n, err := s.write(net.Buffers{p})
	return int(n), err
}

func (s *socket) write(parts net.Buffers) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := time.Now(); s.deadline.Sub(now) < s.stall*3/4 {
		s.deadline = now.Add(s.stall)
		if err := s.Conn.SetWriteDeadline(s.deadline); err != nil {
			return 0, err
		}
	}
	return parts.WriteTo(s.Conn)
}

// hijacker hands the library a socket in place of the connection, and keeps it.
type hijacker struct {
	http.ResponseWriter
	stall  time.Duration
	socket *socket
}

func (h *hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffered, err := http.NewResponseController(h.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	_ = conn.SetDeadline(time.Time{})
	h.socket = &socket{Conn: conn, stall: h.stall}
	if err := buffered.Flush(); err != nil { // the answer to the handshake
		_ = conn.Close()
		return nil, nil, err
	}
	buffered.Writer.Reset(h.socket)
	return h.socket, buffered, nil
}
