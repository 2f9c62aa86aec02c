package web

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/lensbus/lensbus/frame"
)

// boundary separates the parts of a stream.
const boundary = "lensbus"

const (
	streamType = "multipart/x-mixed-replace; boundary=" + boundary
	// partEnd follows a picture at once: most viewers show a part when they see the next boundary,
	// and would otherwise be one frame late.
	partEnd = "\r\n--" + boundary + "\r\n"
)

// partHeader is what stands before the picture in its part.
func partHeader(f *frame.Frame) []byte {
	b := make([]byte, 0, 192)
	b = append(b, "Content-Type: image/jpeg\r\nContent-Length: "...)
	b = strconv.AppendInt(b, int64(len(f.Data)), 10)
	b = append(b, "\r\n"+frame.HeaderSeq+": "...)
	b = strconv.AppendUint(b, f.Seq, 10)
	b = append(b, "\r\n"+frame.HeaderCaptured+": "...)
	b = strconv.AppendInt(b, f.Captured.UnixNano(), 10)
	b = append(b, "\r\nX-Timestamp: "...) // as other camera servers have it: seconds
	b = strconv.AppendFloat(b, float64(f.Captured.UnixMicro())/1e6, 'f', 6, 64)
	return append(b, "\r\n\r\n"...)
}

// stream sends the camera's pictures as multipart/x-mixed-replace until the client goes. Every part
// says its length, Lens-Seq, Lens-Captured and X-Timestamp. While the camera delivers nothing,
// nothing is sent: this format cannot say "no signal", the WebSocket can.
//
// A client that reads slower than the camera sends gets the newest picture whenever one has
// reached its machine whole (see window), so what it sees is as old as one frame and its own
// receive buffer take, and stays so.
func (s *Server) stream(w http.ResponseWriter, r *http.Request, f *feed) {
	s.multipart(w, r, f, "stream", 0)
}

// preview is the stream of the small pictures, 10 a second unless configured to be fewer. Of a camera
// without them it is the frames, at that rate.
func (s *Server) preview(w http.ResponseWriter, r *http.Request, f *feed) {
	s.multipart(w, r, f, "preview", time.Duration(float64(time.Second)/s.cfg.PreviewFPS))
}

func (s *Server) multipart(w http.ResponseWriter, r *http.Request, f *feed, kind string, interval time.Duration) {
	if r.Method == http.MethodHead {
		w.Header().Set("Content-Type", streamType)
		return
	}
	h := w.Header().Clone()
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		s.refuse(w, r, http.StatusNotImplemented, "streams need HTTP/1.1")
		return
	}
	defer func() { _ = hangUp(conn) }()
	_ = conn.SetDeadline(time.Time{})

	h.Set("Content-Type", streamType)
	h.Set("Connection", "close")
	status := "HTTP/1.1 200 OK\r\n"
	if !r.ProtoAtLeast(1, 1) {
		status = "HTTP/1.0 200 OK\r\n"
	}
	_, _ = buffered.WriteString(status) // an error stays until Flush
	_ = h.Write(buffered)
	_, _ = buffered.WriteString("\r\n--" + boundary + "\r\n")
	_ = conn.SetWriteDeadline(time.Now().Add(s.cfg.Stall))
	if err := buffered.Flush(); err != nil {
		return
	}

	ctx, cancel := context.WithCancel(r.Context())
	var watching sync.WaitGroup
	defer watching.Wait()
	defer cancel()
	watching.Go(func() { discard(conn, cancel) })
	context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) }) // ends reads and writes

	v := multipartViewer{conn: conn, feed: f, stall: s.cfg.Stall, interval: interval, count: s.metrics.viewer(f.id, kind)}
	defer v.count.leave()
	if err := v.run(ctx); ctx.Err() == nil {
		s.log.Debug("viewer dropped", "camera", f.id, "kind", kind, "error", err)
		reset(conn)
	}
}

// reset makes closing conn forget what it still has to send, which would otherwise stay in the
// kernel for a client that may never take it.
func reset(conn net.Conn) {
	if wrapped, ok := conn.(interface{ NetConn() net.Conn }); ok { // TLS
		conn = wrapped.NetConn()
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
}

// discard reads what the client sends, which means nothing, until it is gone.
func discard(conn net.Conn, gone context.CancelFunc) {
	defer gone()
	var b [512]byte
	for {
		if _, err := conn.Read(b[:]); err != nil {
			return
		}
	}
}

// multipartViewer sends one client its stream.
type multipartViewer struct {
	conn     net.Conn
	feed     *feed
	stall    time.Duration
	interval time.Duration // least between two frames; 0: none
	count    *viewerCount

	window   window
	queue    func() (int, error)
	written  uint64 // bytes
	deadline time.Time
}

// fallbackBuffer is the kernel's send buffer where it cannot be asked what it holds: smaller, and a
// fast viewer waits for its own acknowledgements; larger, and a slow one sees the past.
const fallbackBuffer = 64 << 10

func (v *multipartViewer) run(ctx context.Context) error {
	v.queue = kernelQueue(v.conn)
	if tcp, ok := v.conn.(*net.TCPConn); ok && v.queue == nil {
		_ = tcp.SetWriteBuffer(fallbackBuffer)
	}
	reader := v.feed.pictures.Reader()
	timer := time.NewTimer(0)
	defer timer.Stop()
	var last time.Time
	for {
		if wait := time.Until(last.Add(v.interval)); v.interval > 0 && wait > 0 && !pause(ctx, timer, wait) {
			return ctx.Err()
		}
		select {
		case <-reader.Ready():
		case <-ctx.Done():
			return ctx.Err()
		}
		if err := v.room(ctx, timer); err != nil {
			return err
		}
		p, skipped, err := reader.Next(ctx)
		if err != nil {
			return err
		}
		if v.interval == 0 {
			v.count.skip(skipped)
		}
		last = time.Now()
		if !p.live(last) {
			continue // nothing tells the client that it is not the present
		}
		if err := v.send(p, last); err != nil {
			return err
		}
	}
}

var errStalled = errors.New("viewer takes nothing")

// How often the kernel is asked whether a frame has arrived, while another waits for that.
const (
	leastPoll = time.Millisecond
	mostPoll  = 5 * time.Millisecond
)

// room waits until the window is open.
func (v *multipartViewer) room(ctx context.Context, timer *time.Timer) error {
	if err := v.look(false); err != nil {
		return err
	}
	for wait := leastPoll; !v.window.open(); wait = min(2*wait, mostPoll) {
		v.window.wait()
		if time.Since(v.window.oldest()) > v.stall {
			return errStalled
		}
		if !pause(ctx, timer, wait) {
			return ctx.Err()
		}
		if err := v.look(true); err != nil {
			return err
		}
	}
	return nil
}

// look asks the kernel what has arrived.
func (v *multipartViewer) look(exact bool) error {
	if len(v.window.flight) == 0 {
		return nil
	}
	unacknowledged := 0
	if v.queue != nil {
		var err error
		if unacknowledged, err = v.queue(); err != nil {
			return err
		}
	}
	v.window.acked(v.written-uint64(unacknowledged), time.Now(), exact)
	return nil
}

func (v *multipartViewer) send(p *picture, now time.Time) error {
	if v.deadline.Sub(now) < v.stall*3/4 { // setting it for every frame would cost more than it gives
		v.deadline = now.Add(v.stall)
		if err := v.conn.SetWriteDeadline(v.deadline); err != nil {
			return err
		}
	}
	part := net.Buffers{p.part, p.Data, []byte(partEnd)} // one writev: one wake-up of the reader
	n, err := part.WriteTo(v.conn)
	v.written += uint64(n)
	v.count.sent(n)
	// A frame counts as arrived when its last byte has.
	v.window.sent(v.written, now)
	return err
}

// pause waits for d on a timer that is reused; false when ctx is done first.
func pause(ctx context.Context, timer *time.Timer, d time.Duration) bool {
	timer.Reset(d)
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
