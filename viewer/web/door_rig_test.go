package web

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/viewer/web/login"
)

// peopled is a bed with people, and cameras front, which is recorded, and yard.
type peopled struct {
	*bed
	people        string // the file
	bob, olga     string // passwords of a viewer and an operator of front
	token         string // of a program for all cameras
	frontOnly     string // of one for front
	session, oper string // of bob and olga
}

func peopledBed(t *testing.T, cfg Config) *peopled {
	t.Helper()
	p := &peopled{people: filepath.Join(t.TempDir(), "people")}
	add := func(person login.Person, token bool) string {
		secret, err := login.Add(p.people, person, token)
		if err != nil {
			t.Fatal(err)
		}
		return secret
	}
	front := []frame.CameraID{"front"}
	p.bob = add(login.Person{Name: "bob", Cameras: front}, false)
	p.olga = add(login.Person{Name: "olga", Cameras: front, Operator: true}, false)
	p.token = add(login.Person{Name: "prometheus", All: true}, true)
	p.frontOnly = add(login.Person{Name: "wall", Cameras: front}, true)
	cfg.People = p.people
	p.bed, _ = recordedBed(t, cfg)
	newCamera(t, p.broker.URL(), "front", 2000).run(10)
	newCamera(t, p.broker.URL(), "yard", 2000).run(10)
	waitFor(t, "both cameras to be known", patience, func() bool { return len(p.server.cameras.List()) == 2 })
	p.session, p.oper = p.login(t, "bob", p.bob), p.login(t, "olga", p.olga)
	return p
}

// asked is one request.
type asked struct {
	method, path, host, origin, session, token, body string
	from                                             string // local address
	header                                           map[string]string
}

func (b *bed) ask(t *testing.T, a asked) *http.Response {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, a.method, "http://"+b.addr+a.path, strings.NewReader(a.body))
	if err != nil {
		t.Fatal(err)
	}
	if a.body == "" {
		req.Body, req.ContentLength = nil, 0
	}
	for name, value := range map[string]string{"Origin": a.origin, "Content-Type": "application/json"} {
		if value != "" {
			req.Header.Set(name, value)
		}
	}
	for name, value := range a.header {
		if value != "" {
			req.Header.Set(name, value)
		}
	}
	if a.host != "" {
		req.Host = a.host
	}
	if a.session != "" {
		req.AddCookie(&http.Cookie{Name: cookieName, Value: a.session})
	}
	if a.token != "" {
		req.Header.Set("Authorization", "Bearer "+a.token)
	}
	if strings.Contains(a.path, "/live") || strings.Contains(a.path, "/replay") {
		for name, value := range map[string]string{"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="} {
			req.Header.Set(name, value)
		}
	}
	dialer := new(net.Dialer)
	if a.from != "" {
		dialer.LocalAddr = &net.TCPAddr{IP: net.ParseIP(a.from)}
	}
	client := httpClient(t, dialer.DialContext)
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := client.Do(req)
	if err != nil {
		t.Fatalf("%+v: %v", a, err)
	}
	t.Cleanup(func() { _ = resp.Body.Close() })
	return resp
}

// login returns the session's secret.
func (b *bed) login(t *testing.T, name, password string) string {
	t.Helper()
	resp := b.tryLogin(t, name, password, "127.0.0.3") // where nobody guesses
	if resp.StatusCode != http.StatusNoContent || len(resp.Cookies()) != 1 {
		t.Fatalf("log in as %s: %s", name, resp.Status)
	}
	return resp.Cookies()[0].Value
}

func (b *bed) tryLogin(t *testing.T, name, password, from string) *http.Response {
	t.Helper()
	body, err := json.Marshal(map[string]string{"name": name, "password": password})
	if err != nil {
		t.Fatal(err)
	}
	resp := b.ask(t, asked{method: "POST", path: "/api/login", body: string(body), from: from})
	_ = resp.Body.Close()
	return resp
}
