package web

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/lensbus/lensbus/auth"
	"github.com/lensbus/lensbus/viewer/web/login"
)

// Every route that there is, by whoever may ask and may not. The routes are those of the mux: a new one
// that nobody has thought about fails here.
func TestEveryRouteAsksWhoAsks(t *testing.T) {
	t.Parallel()
	b := peopledBed(t, Config{})
	over := b.login(t, "bob", b.bob)
	b.server.door.Logout(over)
	const allowed, nobody, forbidden, elsewhere = 0, http.StatusUnauthorized, http.StatusForbidden, http.StatusMisdirectedRequest
	routes := 0
	for _, pattern := range b.server.patterns {
		routes++
		method, path, found := strings.Cut(pattern, " ")
		if !found {
			t.Fatalf("pattern %q names no method", pattern)
		}
		open := pattern == "GET /" || pattern == "GET /healthz" || pattern == "GET /readyz" || pattern == "GET /api/session" || pattern == "POST /api/login"
		camera := strings.Contains(path, "{id}")
		changes := method == "POST" && camera
		socket := strings.HasSuffix(path, "/live") || strings.HasSuffix(path, "/replay")
		all := pattern == "GET /metrics"
		when := func(condition bool, status, otherwise int) int {
			if condition {
				return status
			}
			return otherwise
		}
		type row struct {
			what string
			asked
			want int
		}
		rows := []row{
			{"no session", asked{}, when(open, allowed, nobody)},
			{"a session that is over", asked{session: over}, when(open, allowed, nobody)},
			{"an invented session", asked{session: "aaaaaaaaaaaaaaaaaaaaaaaaaa"}, when(open, allowed, nobody)},
			{"an invented token", asked{token: "aaaaaaaaaaaaaaaaaaaaaaaaaa"}, when(open, allowed, nobody)},
			{"a password as token", asked{token: b.bob}, when(open, allowed, nobody)},
			{"a viewer", asked{session: b.session}, when(changes || all, forbidden, allowed)},
			{"an operator", asked{session: b.oper}, when(all, forbidden, allowed)},
			{"a program", asked{token: b.token}, when(changes, forbidden, allowed)},
			{"a program of one camera", asked{token: b.frontOnly}, when(changes || all, forbidden, allowed)},
			{"a foreign origin", asked{session: b.oper, origin: "http://evil.example"}, when(method == "POST" || socket || all, forbidden, allowed)},
			{"a foreign host", asked{session: b.oper, host: "evil.example"}, elsewhere},
			{"a foreign host without session", asked{host: "evil.example"}, elsewhere},
		}
		if camera {
			rows = append(rows,
				row{"the wrong camera", asked{session: b.oper, path: "yard"}, forbidden},
				row{"the wrong camera of a program", asked{token: b.frontOnly, path: "yard"}, forbidden},
				row{"no camera that there is", asked{session: b.oper, path: "attic"}, forbidden},
			)
		}
		for _, row := range rows {
			id := row.path
			if id == "" {
				id = "front"
			}
			if pattern == "POST /api/logout" && (row.session == b.session || row.session == b.oper) {
				row.session = b.login(t, "bob", b.bob) // it is gone afterwards
			}
			row.method, row.path = method, strings.ReplaceAll(path, "{id}", id)
			if strings.HasSuffix(path, "/replay") || strings.HasSuffix(path, ".mp4") {
				row.path += "?from=2026-11-22T10:00:00Z"
			}
			if method == "POST" {
				row.body = "{}"
			}
			resp := b.ask(t, row.asked)
			_ = resp.Body.Close()
			got := resp.StatusCode
			if login := pattern == "POST /api/login"; got != row.want && (row.want != allowed || got == nobody && !login || got == forbidden || got == elsewhere) {
				// The page itself sends to the login instead of refusing.
				t.Errorf("%s by %s: %s, want %d (0 is allowed)", pattern, row.what, resp.Status, row.want)
			}
			if pattern == "GET /" && row.session != b.session && row.session != b.oper && row.token != b.token && row.token != b.frontOnly && row.host == "" &&
				(got != http.StatusSeeOther || resp.Header.Get("Location") != "/login.html") {
				t.Errorf("the page by %s: %s to %q", row.what, resp.Status, resp.Header.Get("Location"))
			}
			if got == nobody && len(resp.Header.Values("WWW-Authenticate")) > 0 {
				t.Errorf("%s: a browser would ask for a password by itself", pattern)
			}
		}
	}
	if routes < 15 {
		t.Errorf("only %d routes", routes)
	}
	// The lists have no other cameras.
	for _, path := range []string{"/api/cameras", "/api/events"} {
		resp := b.ask(t, asked{method: "GET", path: path, session: b.session})
		line := make([]byte, 64<<10)
		n, err := io.ReadAtLeast(resp.Body, line, 10)
		if err != nil || !bytes.Contains(line[:n], []byte(`"front"`)) || bytes.Contains(line[:n], []byte("yard")) {
			t.Errorf("%s: %s, %v", path, line[:n], err)
		}
	}
}

// However a path is written, it leads to no camera but those that the person may see.
func TestPathsThatAreWrittenOtherwise(t *testing.T) {
	t.Parallel()
	b := peopledBed(t, Config{})
	for _, path := range []string{
		"/cameras/yard/snapshot.jpg", "/cameras/%79ard/snapshot.jpg", "/cameras/front/../yard/snapshot.jpg", "/cameras/front%2f..%2fyard/snapshot.jpg",
		"/cameras/front/..%2f..%2fyard/snapshot.jpg", "//cameras/yard/snapshot.jpg", "/cameras//yard/snapshot.jpg", "/./cameras/yard/snapshot.jpg",
		"/x/../cameras/yard/snapshot.jpg", "/cameras/front%00yard/snapshot.jpg", "/cameras/yard%20/snapshot.jpg", "/cameras/YARD/snapshot.jpg",
		"/cameras/front;yard/snapshot.jpg", "/cameras/yard/snapshot.jpg/", "/%63ameras/yard/snapshot.jpg", "/cameras%2fyard%2fsnapshot.jpg", "/login.html/../cameras/yard/snapshot.jpg",
		"/api/../cameras/yard/snapshot.jpg", "/metrics/", "//metrics", "/healthz/../metrics", "/%6detrics", "/api/cameras/yard", "/api/cameras/%79ard",
	} {
		for _, session := range []string{b.session, ""} {
			at := path
			for hops := 0; ; hops++ {
				_, answer := raw(t, b.addr, "GET "+at+" HTTP/1.1\r\nHost: localhost\r\nCookie: "+cookieName+"="+session+"\r\n\r\n")
				resp, err := http.ReadResponse(answer, nil)
				if err != nil {
					t.Fatalf("%s: %v", at, err)
				}
				_ = resp.Body.Close()
				if resp.StatusCode/100 == 3 && hops < 5 && resp.Header.Get("Location") != "/login.html" {
					at = resp.Header.Get("Location")
					continue
				}
				if resp.StatusCode == http.StatusOK {
					t.Errorf("%s, with session %v, ends at %s: %s", path, session != "", at, resp.Status)
				}
				break
			}
		}
	}
}

// Who is removed, or logs out, sees no more of what is under way; nobody else notices.
func TestWatchingEndsWithTheRight(t *testing.T) {
	t.Parallel()
	b := peopledBed(t, Config{})
	watch := func(session string) []io.ReadCloser {
		t.Helper()
		var bodies []io.ReadCloser
		for _, path := range []string{"/cameras/front/stream.mjpeg", "/cameras/front/preview.mjpeg", "/cameras/front/live", "/cameras/front/replay?from=2026-11-22T10:00:00Z&paused=1", "/api/events"} {
			resp := b.ask(t, asked{method: "GET", path: path, session: session})
			if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusSwitchingProtocols {
				t.Fatalf("%s: %s", path, resp.Status)
			}
			bodies = append(bodies, resp.Body)
		}
		return bodies
	}
	left := b.login(t, "bob", b.bob)
	loggedOut, removed, stays := watch(left), watch(b.session), watch(b.oper)
	if resp := b.ask(t, asked{method: "POST", path: "/api/logout", session: left}); resp.StatusCode != http.StatusNoContent {
		t.Fatal(resp.Status)
	}
	var ended sync.WaitGroup
	for _, body := range loggedOut {
		ended.Go(func() { _, _ = io.Copy(io.Discard, body) })
	}
	wait := func(what string) {
		t.Helper()
		done := make(chan struct{})
		go func() { ended.Wait(); close(done) }()
		select {
		case <-done:
		case <-time.After(patience):
			t.Fatalf("%s: what was watched goes on", what)
		}
	}
	wait("after logging out")
	if err := login.Remove(b.people, "bob"); err != nil {
		t.Fatal(err)
	}
	for _, body := range removed {
		ended.Go(func() { _, _ = io.Copy(io.Discard, body) })
	}
	wait("after being removed")
	for _, body := range stays {
		if n, err := body.Read(make([]byte, 1)); n != 1 {
			t.Errorf("somebody else's: %v", err)
		}
	}
	if resp := b.ask(t, asked{method: "GET", path: "/api/cameras", session: b.session}); resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("afterwards: %s", resp.Status)
	}
}

// One person cannot take all the places.
func TestViewersOfOnePerson(t *testing.T) {
	t.Parallel()
	b := peopledBed(t, Config{MaxViewersPerson: 2})
	for range 2 {
		if resp := b.ask(t, asked{method: "GET", path: "/cameras/front/stream.mjpeg", session: b.session}); resp.StatusCode != http.StatusOK {
			t.Fatal(resp.Status)
		}
	}
	resp := b.ask(t, asked{method: "GET", path: "/cameras/front/stream.mjpeg", session: b.login(t, "bob", b.bob)})
	if text, _ := io.ReadAll(resp.Body); resp.StatusCode != http.StatusTooManyRequests || !strings.Contains(string(text), "max_viewers_person") {
		t.Errorf("the third: %s %s", resp.Status, text)
	}
	if resp := b.ask(t, asked{method: "GET", path: "/cameras/front/stream.mjpeg", session: b.oper}); resp.StatusCode != http.StatusOK {
		t.Errorf("somebody else: %s", resp.Status)
	}
}

// Over TLS: the cookie's flags, and a certificate that is replaced while the page runs.
func TestTLS(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "auth")
	folder := auth.Open(dir)
	if _, err := folder.Init(auth.InitOptions{}); err != nil {
		t.Fatal(err)
	}
	password, err := login.Add(folder.Path(auth.PeopleFile), login.Person{Name: "bob", All: true}, false)
	if err != nil {
		t.Fatal(err)
	}
	b := testBed(t, Config{Auth: dir})
	admin, err := auth.ReadCredentials(folder.Path(filepath.Join(auth.CredentialsDir, "admin.creds")))
	if err != nil {
		t.Fatal(err)
	}
	serial := func() string {
		t.Helper()
		config, err := admin.TLS() // knows the folder's CA
		if err != nil {
			t.Fatal(err)
		}
		conn, err := tls.DialWithDialer(&net.Dialer{Timeout: patience}, "tcp", b.addr, config)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		return conn.ConnectionState().PeerCertificates[0].SerialNumber.String()
	}
	config, err := admin.TLS()
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: config, DisableKeepAlives: true}}
	body, _ := json.Marshal(map[string]string{"name": "bob", "password": password})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://"+b.addr+"/api/login", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if len(resp.Cookies()) != 1 {
		t.Fatalf("%s: cookies %v", resp.Status, resp.Cookies())
	}
	c := resp.Cookies()[0]
	if c.Name != "__Host-lensbus" || !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.Domain != "" || c.MaxAge <= 0 {
		t.Errorf("the cookie is %s", c.Raw)
	}
	if policy := resp.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "default-src 'self'") || !strings.Contains(policy, "frame-ancestors 'none'") || resp.Header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("headers %v", resp.Header)
	}
	// A WebSocket that stands is not disturbed by what follows.
	newCamera(t, b.broker.URL(), "front", 2000).run(10)
	ws, _, err := websocket.Dial(t.Context(), "wss://"+b.addr+"/cameras/front/live", &websocket.DialOptions{
		HTTPClient: client, HTTPHeader: http.Header{"Cookie": {c.Name + "=" + c.Value}, "Origin": {"https://" + b.addr}},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ws.CloseNow() }()
	ws.SetReadLimit(1 << 20)
	before := serial()
	if err := folder.Certify(nil); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the new certificate", patience, func() bool { return serial() != before })
	if _, _, err := ws.Read(t.Context()); err != nil {
		t.Errorf("the WebSocket from before: %v", err)
	}
	// Plain HTTP to the same port is told so, and gets nothing.
	_, answer := raw(t, b.addr, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
	if resp, err := http.ReadResponse(answer, nil); err == nil && resp.StatusCode != http.StatusBadRequest {
		t.Errorf("plain HTTP: %s", resp.Status)
	}
}
