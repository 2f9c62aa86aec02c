package web

import (
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lensbus/lensbus/auth"
)

func TestWhoIsBehindAProxy(t *testing.T) {
	trusted, err := parseProxies([]string{"192.0.2.1", "10.0.0.0/8", "2001:db8::/32"})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		remote    string
		forwarded []string
		want      string
	}{
		{"198.51.100.7:99", []string{"203.0.113.5"}, "198.51.100.7:99"}, // no proxy of ours says that
		{"192.0.2.1:99", nil, "192.0.2.1:99"},
		{"192.0.2.1:99", []string{"203.0.113.5"}, "203.0.113.5"},
		{"192.0.2.1:99", []string{"203.0.113.5:1234"}, "203.0.113.5"},
		{"192.0.2.1:99", []string{"1.1.1.1, 203.0.113.5"}, "203.0.113.5"},
		{"192.0.2.1:99", []string{"1.1.1.1", "203.0.113.5, 10.3.4.5"}, "203.0.113.5"},
		{"192.0.2.1:99", []string{"10.9.9.9,10.3.4.5"}, "10.9.9.9"},
		{"192.0.2.1:99", []string{"203.0.113.5, nonsense"}, "192.0.2.1:99"},
		{"192.0.2.1:99", []string{"nonsense, 10.3.4.5"}, "10.3.4.5"},
		{"[2001:db8::1]:99", []string{"[2001:470::5]:80"}, "2001:470::5"},
		{"[::ffff:192.0.2.1]:99", []string{"::ffff:203.0.113.5"}, "203.0.113.5"},
		{"@", []string{"203.0.113.5"}, "@"}, // a Unix socket has no address
	} {
		r := &http.Request{RemoteAddr: test.remote, Header: http.Header{"X-Forwarded-For": test.forwarded}}
		if got := trusted.client(r); got != test.want {
			t.Errorf("%s, %q: from %s, want %s", test.remote, test.forwarded, got, test.want)
		}
	}
	for _, wrong := range []string{"", "proxy", "10.0.0.0/33", "fe80::1%eth0"} {
		if _, err := parseProxies([]string{wrong}); err == nil {
			t.Errorf("%q is taken", wrong)
		}
	}
}

// Behind a proxy that is trusted, wrong logins count for who is behind it, and the cookie is as over TLS
// where the browser's connection is; what anybody else says of that is not heeded.
func TestLoginThroughAProxy(t *testing.T) {
	t.Parallel()
	b := peopledBed(t, Config{TrustedProxies: []string{"127.0.0.9"}})
	try := func(from, forwarded, proto, name, password string) *http.Response {
		t.Helper()
		return b.ask(t, asked{
			method: "POST", path: "/api/login", from: from, body: `{"name":"` + name + `","password":"` + password + `"}`,
			header: map[string]string{"X-Forwarded-For": forwarded, "X-Forwarded-Proto": proto},
		})
	}
	// limited says whether wrong passwords are cut short for one, and then the right one for the other too. A
	// try is allowed again every ten seconds, so that one right password may slip through.
	limited := func(from, forwarded, thenForwarded string) bool {
		t.Helper()
		for range 5 {
			tries := 0
			for try(from, forwarded, "https", "nobody", "guess").StatusCode != http.StatusTooManyRequests {
				if tries++; tries > 50 {
					return false
				}
			}
			if try(from, thenForwarded, "https", "bob", b.bob).StatusCode == http.StatusTooManyRequests {
				return true
			}
		}
		return false
	}
	if !limited("127.0.0.9", "198.51.100.1, 203.0.113.66", "203.0.113.66") {
		t.Error("who guesses behind the proxy is not cut short")
	}
	if !limited("127.0.0.9", "203.0.113.66", "198.51.100.2, 203.0.113.66") {
		t.Error("who says more of himself is somebody else")
	}
	if !limited("127.0.0.8", "203.0.113.77", "203.0.113.78") {
		t.Error("who says himself that he is another is believed")
	}
	if !limited("127.0.0.9", "2001:db8:0:7::1", "2001:db8:0:7:ffff::2") {
		t.Error("who guesses has as many tries as his IPv6 network has addresses")
	}
	for who, forwarded := range map[string]string{"another behind the proxy": "203.0.113.67", "who was said to guess": "203.0.113.77", "another IPv6 network": "2001:db8:0:8::1"} {
		resp := try("127.0.0.9", forwarded, "https", "bob", b.bob)
		if said := resp.Header.Get("Set-Cookie"); resp.StatusCode != http.StatusNoContent || !strings.HasPrefix(said, cookieNameSecure+"=") || !strings.Contains(said, "; Secure") {
			t.Errorf("%s: %s, the cookie %q", who, resp.Status, said)
		}
	}
	if said := try("127.0.0.7", "", "https", "bob", b.bob).Header.Get("Set-Cookie"); !strings.HasPrefix(said, cookieName+"=") {
		t.Errorf("a browser that says itself that it is encrypted: %q", said)
	}
}

func TestShare(t *testing.T) {
	s := newShare(3, 2)
	var release []func()
	for i, test := range []struct {
		name       string
		ok, greedy bool
	}{{"bob", true, false}, {"bob", true, false}, {"bob", false, true}, {"eve", true, false}, {"olga", false, false}, {"", false, false}} {
		give, ok, greedy := s.take(test.name)
		if ok != test.ok || greedy != test.greedy {
			t.Fatalf("%d: %s: %v, %v", i, test.name, ok, greedy)
		}
		if ok {
			release = append(release, give)
		}
	}
	for _, give := range release {
		give()
	}
	if s.all != 0 || len(s.by) != 0 {
		t.Errorf("%d are left, %v", s.all, s.by)
	}
	for range 3 {
		if _, ok, _ := s.take(""); !ok {
			t.Error("who is nobody in particular is bounded by a person's share")
		}
	}
}

// A page that has a certificate answers to the names in it, and to no other with a dot.
func TestAnswersToItsCertificate(t *testing.T) {
	folder := auth.Open(filepath.Join(t.TempDir(), "auth"))
	if _, err := folder.Init(auth.InitOptions{Hosts: []string{"cameras.example.org"}}); err != nil {
		t.Fatal(err)
	}
	pair, err := auth.WatchCertificates("the page", folder.Path(auth.CertificateFile), folder.Path(auth.KeyFile), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{cfg: Config{Listen: "0.0.0.0:443"}.OrDefaults(), pair: pair}
	for host, want := range map[string]bool{"cameras.example.org:443": true, "Cameras.Example.Org": true, "evil.example.org": false, "example.org": false, "": false} {
		if got := s.answersTo(host); got != want {
			t.Errorf("answers to %q: %v, want %v", host, got, want)
		}
	}
}

// What is wrong with a camera is not told to who may see none.
func TestReadinessTellsNobodyOfCameras(t *testing.T) {
	t.Parallel()
	b := peopledBed(t, Config{})
	b.server.ready = func() error { return errors.New("camera front: the disk is full") }
	for secret, told := range map[string]bool{"": false, b.frontOnly: false, b.token: true} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/readyz", nil)
		r.Host = "localhost"
		if secret != "" {
			r.Header.Set("Authorization", "Bearer "+secret)
		}
		w := httptest.NewRecorder()
		b.server.handler.ServeHTTP(w, r)
		if w.Code != http.StatusServiceUnavailable || strings.Contains(w.Body.String(), "front") != told {
			t.Errorf("told %v: %d %s", told, w.Code, w.Body)
		}
	}
}

// comer is a connection of which only the address matters, and whether it was closed.
type comer struct {
	net.Conn
	from   string
	closed bool
}

func (c *comer) RemoteAddr() net.Addr {
	addr, _ := net.ResolveTCPAddr("tcp", c.from)
	return addr
}

func (c *comer) Close() error {
	c.closed = true
	return nil
}

// One address cannot take all connections; those of this machine and of a trusted proxy are no one's own.
func TestConnectionsOfOneAddress(t *testing.T) {
	behind, err := parseProxies([]string{"192.0.2.1"})
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{cfg: Config{MaxConnectionsAddress: 2}.OrDefaults(), proxies: behind, idleFrom: make(map[string]int)}
	var all []*comer
	come := func(from string) *comer {
		c := &comer{from: from}
		all = append(all, c)
		s.countConn(c, http.StateNew)
		return c
	}
	for range 5 {
		if come("127.0.0.1:99").closed || come("[::1]:99").closed || come("192.0.2.1:99").closed {
			t.Fatal("this machine or the proxy is cut off")
		}
	}
	first := come("198.51.100.7:1")
	if first.closed || come("198.51.100.7:2").closed || !come("198.51.100.7:3").closed {
		t.Error("want two of one address")
	}
	if come("198.51.100.8:1").closed {
		t.Error("another address is cut off")
	}
	if come("[2001:db8::1]:1").closed || come("[2001:db8::2]:1").closed || !come("[2001:db8::3]:1").closed {
		t.Error("want two of one network")
	}
	for _, c := range all {
		s.countConn(c, http.StateClosed)
	}
	if s.idle != 0 || len(s.idleFrom) != 0 {
		t.Errorf("%d are left, %v", s.idle, s.idleFrom)
	}
}
