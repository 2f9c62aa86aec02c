package web

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lensbus/lensbus/frame"
)

func TestHostileRequests(t *testing.T) {
	t.Parallel()
	b := testBed(t, Config{})
	newCamera(t, b.broker.URL(), "front", 2000).run(10)
	for _, test := range []struct {
		request string
		status  int
	}{
		{"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", 200},
		{"GET / HTTP/1.0\r\n\r\n", 421},
		{"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", 421},
		{"GET / HTTP/1.1\r\nHost: 127.0.0.1.evil.example:80\r\n\r\n", 421},
		{"GET /cameras/front/stream.mjpeg HTTP/1.1\r\nHost: evil.example\r\n\r\n", 421},
		{"GET / HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n", 200},
		{"GET /cameras/../x/snapshot.jpg HTTP/1.1\r\nHost: localhost\r\n\r\n", 307},
		{"GET /cameras/%2e%2e/snapshot.jpg HTTP/1.1\r\nHost: localhost\r\n\r\n", 400},
		{"GET /cameras/..%2fx/snapshot.jpg HTTP/1.1\r\nHost: localhost\r\n\r\n", 400},
		{"GET /cameras/a.b/snapshot.jpg HTTP/1.1\r\nHost: localhost\r\n\r\n", 400},
		{"GET /cameras/*/snapshot.jpg HTTP/1.1\r\nHost: localhost\r\n\r\n", 400},
		{"GET /cameras/%3e/stream.mjpeg HTTP/1.1\r\nHost: localhost\r\n\r\n", 400},
		{"GET /cameras/front%00/live HTTP/1.1\r\nHost: localhost\r\n\r\n", 400},
		{"GET /cameras/FRONT/live HTTP/1.1\r\nHost: localhost\r\n\r\n", 400},
		{"GET /cameras/" + strings.Repeat("a", 33) + "/live HTTP/1.1\r\nHost: localhost\r\n\r\n", 400},
		{"GET /cameras/front/nothing HTTP/1.1\r\nHost: localhost\r\n\r\n", 404},
		{"GET /cameras/front/live HTTP/1.1\r\nHost: localhost\r\n\r\n", 426},
		{"GET /page/index.html HTTP/1.1\r\nHost: localhost\r\n\r\n", 404},
		{"GET /..%2fserver.go HTTP/1.1\r\nHost: localhost\r\n\r\n", 404},
		{"GET /api/nothing HTTP/1.1\r\nHost: localhost\r\n\r\n", 404},
		{"POST /api/cameras HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n", 405},
		{"POST / HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.example\r\nContent-Length: 0\r\n\r\n", 403},
		{"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000000\r\n\r\n", 413},
		{"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + strings.Repeat("x", 40_000) + "\r\n\r\n", 431},
		{"\x00\x01\x02 garbage\r\n\r\n", 400},
	} {
		_, answer := raw(t, b.addr, test.request)
		resp, err := http.ReadResponse(answer, nil)
		if err != nil {
			t.Errorf("%.80q: %v", test.request, err)
			continue
		}
		if resp.StatusCode != test.status {
			body, _ := io.ReadAll(resp.Body)
			t.Errorf("%.80q: %s %.100s, want %d", test.request, resp.Status, body, test.status)
		}
	}
}

func TestAnswersTo(t *testing.T) {
	for _, test := range []struct {
		cfg  Config
		host string
		want bool
	}{
		{Config{}, "localhost:8080", true},
		{Config{}, "192.168.1.2", false},
		{Config{}, "", false},
		{Config{Hosts: []string{"cams.example.org"}}, "CAMS.example.org:443", true},
		{Config{Hosts: []string{"cams.example.org"}}, "other.example.org", false},
		{Config{Listen: "0.0.0.0:80", Insecure: true}, "nas:80", true},
		{Config{Listen: "0.0.0.0:80", Insecure: true}, "evil.example.org", false},
		{Config{Listen: "0.0.0.0:80", Insecure: true}, "", false},
		{Config{Listen: "0.0.0.0:80", Insecure: true}, "[2001:db8::1]:80", true},
		{Config{Listen: "0.0.0.0:80", Insecure: true, Hosts: []string{"cams"}}, "anything", false},
		{Config{Listen: "0.0.0.0:80", Insecure: true, Hosts: []string{"cams"}}, "192.168.1.2:80", true},
		{Config{Listen: "box.lan:80", Insecure: true, Hosts: []string{"cams"}}, "box.lan", true},
	} {
		s := &Server{cfg: test.cfg.OrDefaults()}
		if got := s.answersTo(test.host); got != test.want {
			t.Errorf("listen %q, hosts %v: answers to %q %v, want %v", test.cfg.Listen, test.cfg.Hosts, test.host, got, test.want)
		}
	}
}

func TestHeaders(t *testing.T) {
	t.Parallel()
	b := testBed(t, Config{})
	resp, _ := get(t, "http://"+b.addr+"/", nil)
	for key, want := range map[string]string{
		"Content-Security-Policy": "frame-ancestors 'none'",
		"X-Content-Type-Options":  "nosniff",
		"Referrer-Policy":         "no-referrer",
		"Content-Type":            "text/html; charset=utf-8",
		"Cache-Control":           "no-cache",
	} {
		if got := resp.Header.Get(key); !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q in it", key, got, want)
		}
	}
	again, _ := get(t, "http://"+b.addr+"/", http.Header{"If-None-Match": {resp.Header.Get("ETag")}})
	if again.StatusCode != http.StatusNotModified {
		t.Errorf("with the page's ETag: %s", again.Status)
	}
	for _, path := range []string{"/healthz", "/readyz"} {
		if resp, body := get(t, "http://"+b.addr+path, nil); resp.StatusCode != 200 {
			t.Errorf("%s: %s %s", path, resp.Status, body)
		}
	}
}

func TestSnapshot(t *testing.T) {
	t.Parallel()
	b := testBed(t, Config{})
	c := newCamera(t, b.broker.URL(), "front", 30_000)
	stop := c.run(30)
	url := "http://" + b.addr + "/cameras/front/snapshot.jpg"

	resp, body := get(t, url, nil)
	if resp.StatusCode != 200 || !bytes.Equal(body, c.data) {
		t.Fatalf("%s, %d bytes, want the %d published", resp.Status, len(body), len(c.data))
	}
	for key, want := range map[string]string{
		"Content-Type": "image/jpeg", "Cache-Control": "no-store", frame.HeaderEpoch: c.epoch,
		frame.HeaderWidth: "64", frame.HeaderHeight: "48", frame.HeaderCodec: "jpeg", "Age": "0",
	} {
		if got := resp.Header.Get(key); got != want {
			t.Errorf("%s: %q, want %q", key, got, want)
		}
	}
	seq, err := strconv.ParseUint(resp.Header.Get(frame.HeaderSeq), 10, 64)
	if newest := c.seq.Load(); err != nil || seq+6 < newest {
		t.Errorf("%s %d (%v), newest %d", frame.HeaderSeq, seq, err, newest)
	}

	// The camera ends. What the server keeps is no longer the present.
	stop()
	waitFor(t, "503 for a camera that delivers nothing", 15*time.Second, func() bool {
		resp, body = get(t, url, nil)
		return resp.StatusCode == 503
	})
	if !strings.HasPrefix(string(body), "no picture of camera front") {
		t.Errorf("503 says %q", body)
	}
	resp, body = get(t, url+"?stale=1", nil)
	if resp.StatusCode != 200 || !bytes.Equal(body, c.data) {
		t.Errorf("?stale=1: %s, %d bytes", resp.Status, len(body))
	}
	if age, err := strconv.Atoi(resp.Header.Get("Age")); err != nil || age < 2 {
		t.Errorf("?stale=1: Age %q", resp.Header.Get("Age"))
	}
}

// A server that comes later has only the kept picture, and must not show it as the present.
func TestKeptPictureIsNotLive(t *testing.T) {
	t.Parallel()
	b := testBed(t, Config{})
	c := newCamera(t, b.broker.URL(), "front", 30_000)
	c.publish(time.Now().Add(-time.Hour))
	if err := c.bus.NATS().Flush(); err != nil {
		t.Fatal(err)
	}
	url := "http://" + b.addr + "/cameras/front/"
	waitFor(t, "the kept picture with ?stale=1", 10*time.Second, func() bool {
		resp, body := get(t, url+"snapshot.jpg?stale=1", nil)
		return resp.StatusCode == 200 && bytes.Equal(body, c.data) && resp.Header.Get("Age") >= "3600"
	})
	if resp, body := get(t, url+"snapshot.jpg", nil); resp.StatusCode != 503 {
		t.Errorf("without: %s %s", resp.Status, body[:min(len(body), 100)])
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	err := mjpeg(ctx, httpClient(t, nil), url+"stream.mjpeg", func(p part) { t.Errorf("stream shows frame %d of an hour ago", p.seq) })
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("stream: %v", err)
	}
	ws, err := dialSocket(t.Context(), t, b.addr, "/cameras/front/live", nil, true)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the signal is first, and says what the picture is
		m, err := ws.next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if m.Live {
			t.Errorf("%s", m)
		}
		if m.Type == "frame" {
			return
		}
	}
	t.Error("no picture over the WebSocket")
}

func TestUnknownCamera(t *testing.T) {
	t.Parallel()
	b := testBed(t, Config{})
	for _, path := range []string{"snapshot.jpg", "stream.mjpeg"} {
		resp, body := get(t, "http://"+b.addr+"/cameras/nobody/"+path, nil)
		if resp.StatusCode != 404 || !strings.Contains(string(body), "nobody") {
			t.Errorf("%s: %s %s", path, resp.Status, body)
		}
	}
	b.server.hub.mu.Lock()
	defer b.server.hub.mu.Unlock()
	if n := len(b.server.hub.feeds); n != 0 {
		t.Errorf("%d feeds of cameras that do not exist", n)
	}
}

func TestListAndEvents(t *testing.T) {
	t.Parallel()
	b := testBed(t, Config{})
	if _, body := get(t, "http://"+b.addr+"/api/cameras", nil); strings.TrimSpace(string(body)) != "[]" {
		t.Errorf("no cameras: %s", body)
	}
	_, events := raw(t, b.addr, "GET /api/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
	resp, err := http.ReadResponse(events, nil)
	if err != nil || resp.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("%v %v", resp, err)
	}
	lines := bufio.NewScanner(resp.Body)
	await := func(what string, ok func([]entry) bool) {
		t.Helper()
		for lines.Scan() {
			data, isData := strings.CutPrefix(lines.Text(), "data: ")
			if !isData {
				continue
			}
			var list []entry
			if err := json.Unmarshal([]byte(data), &list); err != nil {
				t.Fatalf("%s: %v", data, err)
			}
			if ok(list) {
				return
			}
		}
		t.Fatalf("%s: events ended: %v", what, lines.Err())
	}
	await("empty", func(l []entry) bool { return len(l) == 0 })
	front := newCamera(t, b.broker.URL(), "front", 2000)
	stop := front.run(30)
	newCamera(t, b.broker.URL(), "back", 2000).status(frame.StateLost, "unplugged")
	await("both, sorted", func(l []entry) bool {
		return len(l) == 2 && l[0].ID == "back" && !l[0].Live && l[0].Reason == "unplugged" && l[1].ID == "front" && l[1].Live
	})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	streaming := make(chan error, 1)
	go func() {
		streaming <- mjpeg(ctx, httpClient(t, nil), "http://"+b.addr+"/cameras/front/stream.mjpeg", func(part) {})
	}()
	await("a viewer", func(l []entry) bool { return len(l) == 2 && l[1].Viewers == 1 && l[1].Live })
	stop()
	await("no longer live", func(l []entry) bool { return len(l) == 2 && !l[1].Live })
	cancel()
	<-streaming
	await("no viewer", func(l []entry) bool { return len(l) == 2 && l[1].Viewers == 0 })
	front.status(frame.StateEnded, "")
	await("gone", func(l []entry) bool { return len(l) == 1 })
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	b := testBed(t, Config{})
	newCamera(t, b.broker.URL(), "front", 2000).run(30)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	err := mjpeg(ctx, httpClient(t, nil), "http://"+b.addr+"/cameras/front/stream.mjpeg", func(p part) {
		if ctx.Err() != nil {
			return // was on its way; the server may know already that this viewer has gone
		}
		_, body := get(t, "http://"+b.addr+"/metrics", nil)
		for _, want := range []string{
			`lensbus_web_viewers{camera="front",kind="stream"} 1`,
			`lensbus_web_frames_sent_total{camera="front",kind="stream"}`,
			`lensbus_web_frames_skipped_total{camera="front",kind="stream"}`,
			`lensbus_web_sent_bytes_total{camera="front",kind="stream"}`,
		} {
			if !strings.Contains(string(body), want) {
				t.Errorf("no %s in\n%s", want, body)
			}
		}
		cancel()
	})
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// The one way to a camera asks whether it may be seen, and every path goes that way.
func TestAuthoriseIsAsked(t *testing.T) {
	t.Parallel()
	b := testBed(t, Config{})
	newCamera(t, b.broker.URL(), "front", 2000).run(30)
	newCamera(t, b.broker.URL(), "back", 2000).run(30)
	waitFor(t, "both cameras are listed", 10*time.Second, func() bool { return len(b.server.cameras.List()) == 2 })
	closed := &Server{
		cfg: b.server.cfg, bus: b.bus, log: b.server.log, metrics: newMetrics(), cameras: b.server.cameras, hub: b.server.hub,
		ending: make(chan struct{}), unknown: make(chan struct{}, 1), visits: make(map[*visit]struct{}),
		authorise: func(_ *http.Request, id frame.CameraID) error {
			if id == "front" {
				return errors.New("not yours")
			}
			return nil
		},
	}
	files, err := loadAssets(page)
	if err != nil {
		t.Fatal(err)
	}
	listen(t, closed.routes(files), func(addr string) {
		for _, path := range []string{"/stream.mjpeg", "/preview.mjpeg", "/snapshot.jpg", "/live", ""} {
			url := "http://" + addr + "/cameras/front" + path
			if path == "" {
				url = "http://" + addr + "/api/cameras/front"
			}
			if resp, body := get(t, url, nil); resp.StatusCode != 403 {
				t.Errorf("%s: %s %.80s", path, resp.Status, body)
			}
		}
		if resp, body := (&bed{addr: addr}).post(t, "/api/cameras/front/settings", `{"quality":50}`, nil); resp.StatusCode != 403 {
			t.Errorf("settings: %s %.80s", resp.Status, body)
		}
		if resp, _ := get(t, "http://"+addr+"/cameras/back/snapshot.jpg", nil); resp.StatusCode != 200 {
			t.Errorf("the other camera: %s", resp.Status)
		}
		if _, body := get(t, "http://"+addr+"/api/cameras", nil); strings.Contains(string(body), "front") || !strings.Contains(string(body), "back") {
			t.Errorf("list: %s", body)
		}
	})
}
