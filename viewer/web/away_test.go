package web

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// What needs the NATS server says so at once while there is none: it neither waits for as long as a
// recorder may take, nor takes a camera for one that there is not.
func TestNoServer(t *testing.T) {
	t.Parallel()
	b := testBed(t, Config{MaxReplays: 1, MaxExports: 1})
	for _, of := range []*share{b.server.replays, b.server.exports} { // who got further would be told that there is no room
		release, ok, _ := of.take("")
		if !ok {
			t.Fatal("no room at the start")
		}
		defer release()
	}
	if err := b.broker.Close(); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the connection's end", 30*time.Second, func() bool { return !b.bus.NATS().IsConnected() })
	for _, path := range []string{
		"/readyz", "/api/cameras/front", "/api/cameras/front/ranges", "/cameras/front/replay", "/cameras/front/export.mp4",
		"/cameras/front/snapshot.jpg", "/cameras/front/stream.mjpeg", "/cameras/front/live",
	} {
		resp, body := get(t, "http://"+b.addr+path, nil)
		if resp.StatusCode != http.StatusServiceUnavailable || !strings.Contains(string(body), notConnected) {
			t.Errorf("%s: %s %s, want 503 and why", path, resp.Status, body)
		}
	}
	if resp, body := get(t, "http://"+b.addr+"/healthz", nil); resp.StatusCode != http.StatusOK {
		t.Errorf("/healthz: %s %s", resp.Status, body)
	}
}

// A path that there is, asked in another way than its own, says which way that is, and below /api/ in
// JSON as every error there.
func TestWrongMethod(t *testing.T) {
	t.Parallel()
	b := testBed(t, Config{})
	for _, test := range []struct{ method, path, allow string }{
		{"POST", "/", "GET, HEAD"},
		{"POST", "/api/cameras", "GET, HEAD"},
		{"DELETE", "/api/cameras/front", "GET, HEAD"},
		{"PUT", "/cameras/front/snapshot.jpg", "GET, HEAD"},
		{"OPTIONS", "/metrics", "GET, HEAD"},
		{"GET", "/api/cameras/front/settings", "POST"},
		{"HEAD", "/api/login", "POST"},
		{"DELETE", "/api/logout", "POST"},
	} {
		req, err := http.NewRequestWithContext(t.Context(), test.method, "http://"+b.addr+test.path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := httpClient(t, nil).Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode != http.StatusMethodNotAllowed || resp.Header.Get("Allow") != test.allow {
			t.Errorf("%s %s: %s, Allow %q, want 405 and %q", test.method, test.path, resp.Status, resp.Header.Get("Allow"), test.allow)
		}
		isJSON := resp.Header.Get("Content-Type") == "application/json"
		if want := strings.HasPrefix(test.path, "/api/"); isJSON != want || (want && test.method != "HEAD" && !strings.HasPrefix(string(body), `{"error":"`)) {
			t.Errorf("%s %s: %q %s", test.method, test.path, resp.Header.Get("Content-Type"), body)
		}
	}
}
