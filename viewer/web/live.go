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
)

// live sends the camera's pictures over a WebSocket and heeds acknowledgements: the client's own
// with ?ack=1, otherwise pongs, which a client library sends when it has read as far as the ping
// after the picture. The protocol is docs/reference/http.md.
func (s *Server) live(w http.ResponseWriter, r *http.Request, f *feed) {
	acks := make(chan uint64, mostInFlight)
	ownAck := r.URL.Query().Get("ack") == "1"
	arrived := func(n uint64) {
		select {
		case acks <- n:
		default: // more than there can be frames on their way: a client that makes them up
		}
	}
	h := &hijacker{ResponseWriter: w, stall: s.cfg.Stall}
	ws, err := websocket.Accept(h, r, &websocket.AcceptOptions{
		CompressionMode: websocket.CompressionDisabled, // pictures are compressed
		OriginPatterns:  s.cfg.Hosts,
		OnPongReceived: func(_ context.Context, payload []byte) {
			if n, err := strconv.ParseUint(string(payload), 10, 64); err == nil && !ownAck {
				arrived(n)
			}
		},
	})
	if err != nil {
		s.log.Debug("no WebSocket", "camera", f.id, "error", err) // Accept has answered
		return
	}
	defer func() { _ = ws.CloseNow() }()
	ws.SetReadLimit(maxClientMessage)

	kind := "live"
	if f.preview {
		kind = "preview"
	}
	ctx, cancel := context.WithCancel(r.Context())
	v := socketViewer{
		socket: h.socket, feed: f, acks: acks, times: make(chan json.Number, 1), ping: !ownAck,
		count: s.metrics.socket(f.id, kind),
	}
	defer v.count.leave()
	var reading sync.WaitGroup
	defer reading.Wait()
	defer cancel()
	reading.Go(func() {
		defer cancel()
		v.read(ctx, ws, ownAck, arrived)
	})
	context.AfterFunc(ctx, func() { _ = h.socket.SetDeadline(time.Unix(1, 0)) }) // ends reads and writes
	if err := v.run(ctx); ctx.Err() == nil {
		s.log.Debug("viewer dropped", "camera", f.id, "kind", kind, "error", err)
		reset(h.socket.Conn)
	}
}

// socketViewer sends one client its pictures.
type socketViewer struct {
	socket *socket
	feed   *feed
	acks   chan uint64
	times  chan json.Number
	ping   bool // the client does not acknowledge, its pongs do
	count  *viewerCount

	window  window
	n       uint64 // frames sent
	skipped uint64
	missed  uint64 // of the feed, when this viewer came
	counted bool   // missed is known
	told    signal // last one sent
	buf     []byte
}

// read takes what the client says until it is gone.
func (v *socketViewer) read(ctx context.Context, ws *websocket.Conn, ownAck bool, arrived func(uint64)) {
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
		case m.Type == "ack" && ownAck:
			arrived(m.N)
		case m.Type == "time":
			select {
			case v.times <- m.T:
			default: // the answer to the one before has not left yet, so this one's would be late
			}
		}
	}
}

// firstPicture is how long a new viewer's first signal may wait for a picture to come first.
const firstPicture = time.Second

func (v *socketViewer) run(ctx context.Context) error {
	pictures, signals := v.feed.pictures.Reader(), v.feed.signals.Reader()
	first := time.NewTimer(firstPicture)
	defer first.Stop()
	select { // so that a page does not flash "no signal" while the camera is being attached
	case <-pictures.Ready():
	case <-first.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := v.tell(); err != nil {
		return err
	}
	stall := time.NewTicker(v.socket.stall / 4)
	defer stall.Stop()
	for {
		ready := pictures.Ready()
		newer := ready
		if !v.window.open() {
			newer = nil // it stays where it is, and a newer one takes its place
		}
		var err error
		select {
		case <-ctx.Done():
			return ctx.Err()
		case n := <-v.acks:
			if n <= v.n { // a frame that was never sent acknowledges nothing
				select {
				case <-ready:
					v.window.wait()
				default:
				}
				now := time.Now()
				v.window.acked(n, now, true)
				v.count.acked(n, now)
			}
		case t := <-v.times:
			err = v.text(appendTimeMessage(v.buf[:0], t, time.Now()))
		case <-signals.Ready():
			if _, _, err = signals.Next(ctx); err == nil {
				err = v.tell()
			}
		case <-newer:
			var p *picture
			var skipped uint64
			if p, skipped, err = pictures.Next(ctx); err == nil {
				err = v.frame(p, skipped)
			}
		case now := <-stall.C:
			if sent := v.window.oldest(); !sent.IsZero() && now.Sub(sent) > v.socket.stall {
				err = errStalled
			}
		}
		if err != nil {
			return err
		}
	}
}

// tell sends the camera's signal where it is not what the client was told last.
func (v *socketViewer) tell() error {
	s, ok := v.feed.signals.Newest()
	if !ok {
		s = signal{Type: "signal", Reason: "no picture yet"}
	}
	if s == v.told {
		return nil
	}
	v.told = s
	data, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return v.text(data)
}

func (v *socketViewer) text(data []byte) error {
	n, err := v.socket.write(net.Buffers{appendHeader(nil, opText, len(data)), data})
	v.count.bytes.Add(float64(n))
	return err
}

// frame sends a picture: text, binary and, where nothing else acknowledges it, a ping.
func (v *socketViewer) frame(p *picture, skipped uint64) error {
	now := time.Now()
	if v.told.Live != p.live(now) { // what the picture is comes before it
		if err := v.tell(); err != nil {
			return err
		}
	}
	if !v.counted {
		v.missed, v.counted = p.missed, true
	}
	v.n++
	v.skipped += skipped
	v.count.skip(skipped)

	v.buf = appendFrameMessage(v.buf[:0], p, v.n, now, p.missed-v.missed, v.skipped)
	text := len(v.buf)
	head := make([]byte, 0, text+32)
	head = appendHeader(head, opText, text)
	head = append(head, v.buf...)
	head = appendHeader(head, opBinary, len(p.Data))
	parts := net.Buffers{head, p.Data}
	if v.ping {
		payload := strconv.AppendUint(make([]byte, 0, 24), v.n, 10)
		parts = append(parts, append(appendHeader(nil, opPing, len(payload)), payload...))
	}
	v.window.sent(v.n, now)
	v.count.leaves(v.n, p.arrived)
	n, err := v.socket.write(parts)
	v.count.sent(n)
	return err
}
