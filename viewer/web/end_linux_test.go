package web

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// deaf connects and reads nothing after the answer's first line.
func deaf(t *testing.T, addr, path string, upgrade bool) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	request := "GET " + path + " HTTP/1.1\r\nHost: localhost\r\n"
	if upgrade {
		request += "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
	}
	if _, err := io.WriteString(conn, request+"\r\n"); err != nil {
		t.Fatal(err)
	}
	if _, err := bufio.NewReaderSize(conn, 16).ReadSlice(' '); err != nil {
		t.Fatal(err)
	}
	return conn
}

func TestEndsWithinASecondDespiteSlowViewers(t *testing.T) {
	t.Parallel()
	b := testBed(t, Config{})
	newCamera(t, b.broker.URL(), "front", 4_000_000).run(10) // larger than what the kernel takes
	for range 4 {
		deaf(t, b.addr, "/cameras/front/stream.mjpeg", false)
		deaf(t, b.addr, "/cameras/front/live", true)
		deaf(t, b.addr, "/cameras/front/live?ack=1", true)
		deaf(t, b.addr, "/cameras/front/snapshot.jpg", false)
		deaf(t, b.addr, "/api/events", false)
	}
	half, _ := raw(t, b.addr, "GET / HTTP/1.1\r\nHost: local") // a request that never ends
	defer half.Close()
	waitFor(t, "viewers are being sent to", 10*time.Second, func() bool {
		b.server.hub.mu.Lock()
		defer b.server.hub.mu.Unlock()
		f, ok := b.server.hub.feeds[feedKey{id: "front"}]
		return ok && f.viewers >= 12
	})
	began := time.Now()
	b.end()
	if err := b.server.Close(); err != nil {
		t.Error(err)
	}
	if err := b.server.Close(); err != nil {
		t.Error("second Close: ", err)
	}
	if took := time.Since(began); took > time.Second {
		t.Errorf("ended after %s", took)
	}
}

func TestStalledViewerIsDropped(t *testing.T) {
	t.Parallel()
	b := testBed(t, Config{Stall: time.Second})
	newCamera(t, b.broker.URL(), "front", 400_000).run(10)
	for name, conn := range map[string]net.Conn{
		"stream":       deaf(t, b.addr, "/cameras/front/stream.mjpeg", false),
		"socket":       deaf(t, b.addr, "/cameras/front/live", true),
		"socket, acks": deaf(t, b.addr, "/cameras/front/live?ack=1", true),
	} {
		// The server's end closes, which this end's kernel sees although nobody reads.
		waitFor(t, name+" is dropped", 20*time.Second, func() bool { return peerHasClosed(t, conn) })
		t.Log(name, "dropped")
	}
	waitFor(t, "nobody watches", 10*time.Second, func() bool {
		b.server.mu.Lock()
		defer b.server.mu.Unlock()
		return len(b.server.visits) == 0
	})
}

// peerHasClosed looks at the state of the connection without reading from it.
func peerHasClosed(t *testing.T, conn net.Conn) bool {
	t.Helper()
	raw, ok := rawConn(conn)
	if !ok {
		t.Fatal("no descriptor")
	}
	closed := false
	err := raw.Control(func(fd uintptr) {
		info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
		const established = 1
		closed = err != nil || info.State != established
	})
	return closed || err != nil
}

func TestClientThatGoesIsNoticed(t *testing.T) {
	t.Parallel()
	b := testBed(t, Config{})
	c := newCamera(t, b.broker.URL(), "front", 1000)
	c.status("live", "") // and no frames: nothing is written that could fail
	for _, path := range []string{"/cameras/front/stream.mjpeg", "/cameras/front/live", "/api/events"} {
		conn := deaf(t, b.addr, path, path == "/cameras/front/live")
		waitFor(t, path+" is served", 10*time.Second, func() bool {
			b.server.mu.Lock()
			defer b.server.mu.Unlock()
			return len(b.server.visits) == 1
		})
		if err := conn.Close(); err != nil {
			t.Fatal(err)
		}
		waitFor(t, path+" has gone", 10*time.Second, func() bool {
			b.server.mu.Lock()
			defer b.server.mu.Unlock()
			return len(b.server.visits) == 0
		})
	}
}

func TestHandlerWithoutHijack(t *testing.T) {
	t.Parallel()
	b := testBed(t, Config{})
	newCamera(t, b.broker.URL(), "front", 1000).run(10)
	plain := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b.server.Handler().ServeHTTP(onlyWriter{w}, r)
	})
	listen(t, plain, func(addr string) {
		if resp, body := get(t, "http://"+addr+"/cameras/front/stream.mjpeg", nil); resp.StatusCode != 501 {
			t.Errorf("%s %.100s", resp.Status, body)
		}
	})
}

type onlyWriter struct{ w http.ResponseWriter }

func (o onlyWriter) Header() http.Header         { return o.w.Header() }
func (o onlyWriter) Write(p []byte) (int, error) { return o.w.Write(p) }
func (o onlyWriter) WriteHeader(status int)      { o.w.WriteHeader(status) }
