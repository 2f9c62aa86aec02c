package web

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// A thousand wrong passwords from one address are cut short there, and hinder nobody elsewhere, not even
// the person whose name is tried.
func TestThousandWrongLogins(t *testing.T) {
	t.Parallel()
	b := peopledBed(t, Config{})
	counts := make(map[int]int)
	began := time.Now()
	for range 1000 {
		resp := b.tryLogin(t, "bob", "guess", "127.0.0.9")
		counts[resp.StatusCode]++
		if resp.StatusCode == http.StatusTooManyRequests && resp.Header.Get("Retry-After") == "" {
			t.Fatal("not told when to try again")
		}
	}
	// Five, and one in ten seconds.
	if most := 6 + int(time.Since(began)/(10*time.Second)); counts[http.StatusUnauthorized] > most || counts[http.StatusUnauthorized]+counts[http.StatusTooManyRequests] != 1000 {
		t.Fatalf("answers by status: %v, want at most %d that were looked at", counts, most)
	}
	refused := false
	for range 5 { // one of them may come when one is allowed again
		for b.tryLogin(t, "bob", "guess", "127.0.0.9").StatusCode != http.StatusTooManyRequests {
			t.Log("another try was allowed")
		}
		if refused = b.tryLogin(t, "bob", b.bob, "127.0.0.9").StatusCode == http.StatusTooManyRequests; refused {
			break
		}
	}
	if !refused {
		t.Error("the right password is taken from there")
	}
	for name, password := range map[string]string{"bob": b.bob, "olga": b.olga} {
		if resp := b.tryLogin(t, name, password, "127.0.0.8"); resp.StatusCode != http.StatusNoContent {
			t.Errorf("%s from elsewhere: %s", name, resp.Status)
		}
	}
	if resp := b.ask(t, asked{method: "GET", path: "/cameras/front/snapshot.jpg", session: b.session}); resp.StatusCode != http.StatusOK {
		t.Errorf("who is in already: %s", resp.Status)
	}
}

func TestLoginsThatMakeNoSense(t *testing.T) {
	t.Parallel()
	b := peopledBed(t, Config{})
	for body, want := range map[string]int{
		"":               http.StatusBadRequest,
		"null":           http.StatusUnauthorized,
		"[]":             http.StatusBadRequest,
		`{"name":7}`:     http.StatusBadRequest,
		`{"name":"bob"}`: http.StatusUnauthorized,
		`{"name":"` + strings.Repeat("b", 5000) + `","password":"x"}`: http.StatusBadRequest,
	} {
		if resp := b.ask(t, asked{method: "POST", path: "/api/login", body: body, from: "127.0.0.7"}); resp.StatusCode != want {
			t.Errorf("%.40q: %s, want %d", body, resp.Status, want)
		}
	}
	// A form of another site is stopped before that, and by its content type too.
	_, answer := raw(t, b.addr, "POST /api/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 3\r\n\r\na=b")
	if resp, err := http.ReadResponse(answer, nil); err != nil || resp.StatusCode != http.StatusUnsupportedMediaType {
		t.Errorf("a form: %v, %v", resp, err)
	}
	// Where nobody is asked there is nothing to log in to.
	plain := testBed(t, Config{})
	if resp := plain.tryLogin(t, "bob", "x", ""); resp.StatusCode != http.StatusNotFound {
		t.Errorf("a page without people: %s", resp.Status)
	}
}

// One person has as many logins as the page is told: the next one ends the one that was not used for longest.
func TestSessionsOfOnePersonOnThePage(t *testing.T) {
	t.Parallel()
	b := peopledBed(t, Config{MaxSessionsPerson: 2})
	first := b.login(t, "olga", b.olga) // besides the bed's own
	status := func(session string) int {
		t.Helper()
		return b.ask(t, asked{method: "GET", path: "/api/cameras", session: session}).StatusCode
	}
	if got := status(first); got != http.StatusOK {
		t.Fatalf("the second login: %d", got)
	}
	b.login(t, "olga", b.olga)
	if got := status(b.oper); got != http.StatusUnauthorized {
		t.Errorf("the login that was not used for longest: %d", got)
	}
	if got := status(first); got != http.StatusOK {
		t.Errorf("the one that is used: %d", got)
	}
	if got := status(b.session); got != http.StatusOK {
		t.Errorf("somebody else's: %d", got)
	}
}
