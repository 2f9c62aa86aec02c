package web

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/coder/websocket"

	"github.com/lensbus/lensbus/frame"
)

// client is the other end of a WebSocket that gets pictures and acknowledges them: its own messages
// do with ?ack=1, otherwise its pongs, which a client library sends when it has read as far as the
// ping after the picture.
type client struct {
	socket *socket
	acks   chan uint64
	times  chan json.Number
	ping   bool // it does not acknowledge, its pongs do
	count  *viewerCount

	window window
	n      uint64 // pictures sent
	buf    []byte
}

// serveSocket makes the request a WebSocket and has run serve it until that returns, the client is
// gone or the server ends; run's ctx is done then. heard is called, from another goroutine, with what
// the client says beside acknowledgements and questions for the time. refused is called in place of
// run where there is no WebSocket; the request has been answered then.
func (s *Server) serveSocket(w http.ResponseWriter, r *http.Request, id frame.CameraID, kind string, heard func(clientMessage), run func(context.Context, *client) error, refused func()) {
	c := &client{acks: make(chan uint64, mostInFlight), times: make(chan json.Number, 1), ping: r.URL.Query().Get("ack") != "1"}
	h := &hijacker{ResponseWriter: w, stall: s.cfg.Stall}
	ws, err := websocket.Accept(h, r, &websocket.AcceptOptions{
		CompressionMode: websocket.CompressionDisabled, // pictures are compressed
		OriginPatterns:  s.cfg.Hosts,
		OnPongReceived: func(_ context.Context, payload []byte) {
			if n, err := strconv.ParseUint(string(payload), 10, 64); err == nil && c.ping {
				c.arrived(n)
			}
		},
	})
	if err != nil {
		s.log.Debug("no WebSocket", "camera", id, "error", err)
		refused()
		return
	}
	defer func() { _ = ws.CloseNow() }()
	ws.SetReadLimit(maxClientMessage)

	c.socket, c.count = h.socket, s.metrics.socket(id, kind)
	defer c.count.leave()
	ctx, cancel := context.WithCancel(r.Context())
	var reading sync.WaitGroup
	defer reading.Wait()
	defer cancel()
	reading.Go(func() {
		defer cancel()
		c.read(ctx, ws, heard)
	})
	context.AfterFunc(ctx, func() { _ = h.socket.SetDeadline(time.Unix(1, 0)) }) // ends reads and writes
	if err := run(ctx, c); ctx.Err() == nil {
		s.log.Debug("viewer dropped", "camera", id, "kind", kind, "error", err)
		reset(h.socket.Conn)
	}
}

func (c *client) arrived(n uint64) {
	select {
	case c.acks <- n:
	default: // more than there can be frames on their way: a client that makes them up
	}
}

// read takes what the client says until it is gone.
func (c *client) read(ctx context.Context, ws *websocket.Conn, heard func(clientMessage)) {
	for {
		kind, data, err := ws.Read(context.WithoutCancel(ctx)) // the socket's deadline ends it, not a timer for every message
		if err != nil {
			return
		}
		if kind != websocket.MessageText {
			continue
		}
		m, err := parseClientMessage(data)
		switch {
		case err != nil:
		case m.Type == "ack":
			if !c.ping {
				c.arrived(m.N)
			}
		case m.Type == "time":
			select {
			case c.times <- m.T:
			default: // the answer to the one before has not left yet, so this one's would be late
			}
		default:
			heard(m)
		}
	}
}

// acked takes an acknowledgement of all pictures up to n.
func (c *client) acked(n uint64) {
	if n > c.n { // one that was never sent acknowledges nothing
		return
	}
	now := time.Now()
	c.window.acked(n, now, true)
	c.count.acked(n, now)
}

// stalled is errStalled where the client has taken nothing for too long.
func (c *client) stalled(now time.Time) error {
	if sent := c.window.oldest(); !sent.IsZero() && now.Sub(sent) > c.socket.stall {
		return errStalled
	}
	return nil
}

func (c *client) text(data []byte) error {
	n, err := c.socket.write(net.Buffers{appendHeader(nil, opText, len(data)), data})
	c.count.bytes.Add(float64(n))
	return err
}

// picture sends a picture, number c.n+1, which arrived here then: its text, the bare JPEG and, where
// nothing else acknowledges it, a ping.
func (c *client) picture(text, data []byte, arrived, now time.Time) error {
	c.n++
	head := make([]byte, 0, len(text)+32)
	head = appendHeader(head, opText, len(text))
	head = append(head, text...)
	head = appendHeader(head, opBinary, len(data))
	parts := net.Buffers{head, data}
	if c.ping {
		payload := strconv.AppendUint(make([]byte, 0, 24), c.n, 10)
		parts = append(parts, append(appendHeader(nil, opPing, len(payload)), payload...))
	}
	c.window.sent(c.n, now)
	c.count.leaves(c.n, arrived)
	n, err := c.socket.write(parts)
	c.count.sent(n)
	return err
}
