package e2e

import (
	"bytes"
	"context"
	"image"
	"image/jpeg"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/nats-io/nats.go"

	"github.com/lensbus/lensbus/frame"
)

// connect is a NATS client that knows nothing of lensbus.
func connect(t *testing.T, url string, options ...nats.Option) *nats.Conn {
	t.Helper()
	nc, err := nats.Connect(url, append(options, nats.MaxReconnects(-1), nats.ReconnectWait(50*time.Millisecond))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return nc
}

// subscription is a subscription to one subject, of which nothing is lost for a while.
type subscription struct {
	t        *testing.T
	messages chan *nats.Msg
}

func subscribe(t *testing.T, nc *nats.Conn, subject string) *subscription {
	t.Helper()
	s := &subscription{t: t, messages: make(chan *nats.Msg, 4096)}
	sub, err := nc.ChanSubscribe(subject, s.messages)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sub.Unsubscribe() })
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *subscription) next() *nats.Msg {
	s.t.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case m := <-s.messages:
		return m
	case <-timer.C:
		s.t.Fatalf("no message within %v", patience)
		return nil
	}
}

// frame returns the next message, which must be a frame.
func (s *subscription) frame() frame.Frame {
	s.t.Helper()
	m := s.next()
	f, err := frame.Decode(m.Subject, m.Header, m.Data, frame.Limits{})
	if err != nil {
		s.t.Fatal(err)
	}
	return f
}

// status returns the next status of which like is true.
func (s *subscription) status(what string, like func(frame.Status) bool) frame.Status {
	s.t.Helper()
	deadline := time.Now().Add(patience)
	var last frame.Status
	for time.Now().Before(deadline) {
		m := s.next()
		status, err := frame.DecodeStatus(m.Subject, m.Data)
		if err != nil {
			s.t.Fatal(err)
		}
		if last = status; like(status) {
			return status
		}
	}
	s.t.Fatalf("no status with %s; the last: %+v", what, last)
	return last
}

// drain throws away what has come so far.
func (s *subscription) drain() {
	for len(s.messages) > 0 {
		<-s.messages
	}
}

// picture is one picture as a browser gets it.
type picture struct {
	data     []byte
	seq      uint64
	captured time.Time
	arrived  time.Time
}

// stream is a browser's GET of stream.mjpeg.
type stream struct {
	t      *testing.T
	parts  *multipart.Reader
	cancel context.CancelFunc
	body   io.Closer
}

func openStream(t *testing.T, page, camera string) *stream {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, page+"/cameras/"+camera+"/stream.mjpeg", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	s := &stream{t: t, cancel: cancel, body: response.Body}
	t.Cleanup(s.close)
	_, params, err := mime.ParseMediaType(response.Header.Get("Content-Type"))
	if response.StatusCode != http.StatusOK || err != nil {
		t.Fatalf("%s: %s, %v", request.URL, response.Status, err)
	}
	s.parts = multipart.NewReader(response.Body, params["boundary"])
	return s
}

func (s *stream) close() {
	s.cancel()
	_ = s.body.Close()
}

// try returns the next picture, or why there is none: the server ended the stream, or none came.
func (s *stream) try() (picture, error) {
	timer := time.AfterFunc(patience, s.cancel)
	defer timer.Stop()
	part, err := s.parts.NextPart()
	if err != nil {
		return picture{}, err
	}
	var p picture
	if p.data, err = io.ReadAll(part); err != nil {
		return picture{}, err
	}
	p.arrived = time.Now()
	if length := part.Header.Get("Content-Length"); length != strconv.Itoa(len(p.data)) {
		s.t.Errorf("a part of %d bytes says Content-Length %s", len(p.data), length)
	}
	nanos, err := strconv.ParseInt(part.Header.Get(frame.HeaderCaptured), 10, 64)
	if err != nil {
		s.t.Errorf("%s: %v", frame.HeaderCaptured, err)
	}
	p.captured = time.Unix(0, nanos)
	if p.seq, err = strconv.ParseUint(part.Header.Get(frame.HeaderSeq), 10, 64); err != nil {
		s.t.Errorf("%s: %v", frame.HeaderSeq, err)
	}
	return p, nil
}

func (s *stream) next() picture {
	s.t.Helper()
	p, err := s.try()
	if err != nil {
		s.t.Fatalf("stream.mjpeg: %v", err)
	}
	return p
}

// socket is a browser's WebSocket.
type socket struct {
	t  *testing.T
	ws *websocket.Conn
}

// socketFrame is what the WebSocket says before a picture.
type socketFrame struct {
	Type          string
	Epoch         string
	Seq           uint64
	CapturedMS    float64 `json:"captured_ms"`
	Width, Height int
	Bytes         int
	Missed        uint64
	Live          bool   // of a signal
	State         string // of a signal
	Reason        string // of a signal
}

func openSocket(t *testing.T, page, camera string) *socket {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	ws, _, err := websocket.Dial(ctx, "ws"+strings.TrimPrefix(page, "http")+"/cameras/"+camera+"/live", nil)
	if err != nil {
		t.Fatal(err)
	}
	ws.SetReadLimit(16 << 20)
	t.Cleanup(func() { _ = ws.CloseNow() })
	return &socket{t, ws}
}

// next returns the next picture and what is said of it. Signals in between are passed over.
func (s *socket) next() (socketFrame, []byte) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	var said socketFrame
	for {
		kind, data, err := s.ws.Read(ctx)
		if err != nil {
			s.t.Fatalf("WebSocket: %v", err)
		}
		if kind == websocket.MessageBinary {
			if said.Type != "frame" || said.Bytes != len(data) {
				s.t.Fatalf("a picture of %d bytes after %+v", len(data), said)
			}
			return said, data
		}
		said = decode[socketFrame](s.t, string(data))
	}
}

// get returns the status code and the body of a page's path.
func get(t *testing.T, url string) (int, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Close = true
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

// pixels decodes a JPEG, all of it.
func pixels(t *testing.T, data []byte) image.Image {
	t.Helper()
	img, err := jpeg.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatalf("a picture that is none: %v", err)
	}
	return img
}

func sameSize(img image.Image, width, height int) bool {
	return img.Bounds().Dx() == width && img.Bounds().Dy() == height
}
