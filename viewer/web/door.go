package web

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/lensbus/lensbus/config/hostport"
	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/viewer/web/login"
)

// Who asks. A page without people asks nobody; one with people answers only to a session's cookie
// or a program's bearer token, except for the files of the page itself, which hold nothing, and
// for the two paths that say whether the server lives.

// The session's cookie. Over TLS its name makes browsers refuse one that another host of the same
// domain has set.
const (
	cookieName       = "lensbus"
	cookieNameSecure = "__Host-lensbus"
)

var (
	errNobody      = errors.New("who are you? log in, or send a bearer token")
	errNotYours    = errors.New("not one of your cameras")
	errNotOperator = errors.New("you may watch it, and not change it")
)

// personKey is where a request's context has its person.
type personKey struct{}

// identify puts who asks into the request's context, and refuses what nobody in particular may ask.
func (s *Server) identify(next http.Handler) http.Handler {
	if s.door == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		person, known := s.person(r)
		switch {
		case known:
			r = r.WithContext(context.WithValue(r.Context(), personKey{}, person))
		case r.URL.Path == "/" || r.URL.Path == "/index.html":
			http.Redirect(w, r, "/login.html", http.StatusSeeOther) // browsers keep what is behind the #
			return
		case !open(r.URL.Path):
			s.refuse(w, r, http.StatusUnauthorized, errNobody.Error())
			return
		}
		next.ServeHTTP(w, r)
	})
}

// open are the paths that need nobody: the page's files, and what says how the server is.
func open(path string) bool {
	switch path {
	case "/healthz", "/readyz", "/api/login", "/api/session":
		return true
	case "/metrics":
		return false
	}
	return !strings.HasPrefix(path, "/api/") && !strings.HasPrefix(path, "/cameras/")
}

// person is who sends the request.
func (s *Server) person(r *http.Request) (login.Person, bool) {
	if token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		return s.door.Token(token)
	}
	cookie, err := r.Cookie(s.cookieName(r))
	if err != nil {
		return login.Person{}, false
	}
	return s.door.Session(cookie.Value)
}

// secure says whether the browser's connection is encrypted: here, or at a proxy that is trusted.
func (s *Server) secure(r *http.Request) bool { return s.pair != nil || s.proxies.encrypted(r) }

func (s *Server) cookieName(r *http.Request) string {
	if s.secure(r) {
		return cookieNameSecure
	}
	return cookieName
}

// authorised decides whether the request may have to do with the camera.
func (s *Server) authorised(r *http.Request, id frame.CameraID) error {
	if s.door == nil {
		return nil
	}
	person, ok := r.Context().Value(personKey{}).(login.Person)
	switch {
	case !ok:
		return errNobody
	case !person.May(id):
		return errNotYours
	case r.Method != http.MethodGet && r.Method != http.MethodHead && !person.Operator:
		return errNotOperator
	}
	return nil
}

// everything lets only those pass who may see every camera, because what follows tells of them all.
func (s *Server) everything(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.seesAll(r) {
			s.refuse(w, r, http.StatusForbidden, "these numbers tell of every camera: only who may see all of them gets them")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// seesAll says whether who asks may see every camera.
func (s *Server) seesAll(r *http.Request) bool {
	person, ok := r.Context().Value(personKey{}).(login.Person)
	return s.door == nil || ok && person.All
}

// recheckEvery is how often a viewer that watches on is asked for again: a session ends, a person is
// removed.
const recheckEvery = 5 * time.Second

// whileKnown returns the request with a context that ends when its person may no longer have to do
// with the camera; id is "" for what is of all that the person may see, which ends when those are
// others. done, which waits, ends that.
func (s *Server) whileKnown(r *http.Request, id frame.CameraID) (known *http.Request, done func()) {
	if s.door == nil {
		return r, func() {}
	}
	ctx, cancel := context.WithCancel(r.Context())
	began, _ := r.Context().Value(personKey{}).(login.Person)
	var watching sync.WaitGroup
	watching.Go(func() {
		tick := time.NewTicker(recheckEvery)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			person, known := s.person(r)
			if !known || id != "" && !person.May(id) || id == "" && !reflect.DeepEqual(person, began) {
				cancel()
				return
			}
		}
	})
	return r.WithContext(ctx), func() {
		cancel()
		watching.Wait()
	}
}

// sessionAnswer is what the page knows of who uses it.
type sessionAnswer struct {
	// Login says whether this page asks people who they are.
	Login bool `json:"login"`
	// Name is who is logged in; "" nobody.
	Name string `json:"name"`
	// Operator may change settings. True where nobody is asked.
	Operator bool `json:"operator"`
	// Insecure: others than this machine reach the page, and nobody is asked or this browser's way is not encrypted.
	Insecure bool `json:"insecure"`
}

// exposed says whether others than this machine reach the page.
func (s *Server) exposed() bool {
	host, _, _ := net.SplitHostPort(s.cfg.Listen) // Validate has checked it
	return !hostport.Loopback(host)
}

// insecure says whether others than this machine reach the page although nobody is asked who he is, or nothing
// of this browser's is encrypted on its way. What it has called this machine decides on that: to a name of
// loopback nothing goes over a network, as where a container's port is published there and nowhere else.
func (s *Server) insecure(r *http.Request) bool {
	return s.exposed() && (s.door == nil || !s.secure(r) && !hostport.Loopback(hostport.Called(r.Host)))
}

// serveSession says who is logged in. It is no error to be nobody.
func (s *Server) serveSession(w http.ResponseWriter, r *http.Request) {
	answer := sessionAnswer{Login: s.door != nil, Operator: s.door == nil, Insecure: s.insecure(r)}
	if person, ok := r.Context().Value(personKey{}).(login.Person); ok {
		answer.Name, answer.Operator = person.Name, person.Operator
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer) // a client that has gone
}

// mostLogin is what a login may have, bytes.
const mostLogin = 4 << 10

// serveLogin takes a name and a password and begins a session.
func (s *Server) serveLogin(w http.ResponseWriter, r *http.Request) {
	if s.door == nil {
		s.refuse(w, r, http.StatusNotFound, "this page asks nobody who he is")
		return
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		s.refuse(w, r, http.StatusUnsupportedMediaType, "want Content-Type: application/json")
		return
	}
	var who struct{ Name, Password string }
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, mostLogin))
	if err != nil || json.Unmarshal(body, &who) != nil {
		s.refuse(w, r, http.StatusBadRequest, `want {"name":"…","password":"…"}`)
		return
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{}) // it was for the body
	from := origin(s.proxies.client(r))
	secret, err := s.door.Login(r.Context(), from, who.Name, who.Password)
	switch {
	case errors.Is(err, login.ErrTooMany):
		if now := time.Now().UnixNano(); now-s.tooMany.Swap(now) > int64(time.Minute) { // not each of a thousand
			s.log.Warn("too many wrong logins", "from", from)
		}
		w.Header().Set("Retry-After", "10")
		s.refuse(w, r, http.StatusTooManyRequests, err.Error())
		return
	case errors.Is(err, login.ErrWrong):
		s.log.Info("wrong login", "from", from) // no name: people type passwords there
		s.refuse(w, r, http.StatusUnauthorized, err.Error())
		return
	case err != nil: // the client has gone
		return
	}
	s.log.Info("logged in", "person", who.Name, "from", from)
	s.setCookie(w, r, secret, int(login.SessionLimit.Seconds()))
	w.WriteHeader(http.StatusNoContent)
}

// serveLogout ends the session.
func (s *Server) serveLogout(w http.ResponseWriter, r *http.Request) {
	if s.door != nil {
		if cookie, err := r.Cookie(s.cookieName(r)); err == nil {
			s.door.Logout(cookie.Value)
		}
		s.setCookie(w, r, "", -1)
	}
	w.WriteHeader(http.StatusNoContent)
}

func (s *Server) setCookie(w http.ResponseWriter, r *http.Request, value string, seconds int) {
	w.Header().Set("Cache-Control", "no-store")
	http.SetCookie(w, &http.Cookie{
		Name: s.cookieName(r), Value: value, Path: "/", MaxAge: seconds,
		HttpOnly: true, Secure: s.secure(r), SameSite: http.SameSiteStrictMode,
	})
}

// origin is whom wrong tries count for: an address, of IPv6 the network of one site. remote is an address with or
// without a port.
func origin(remote string) string {
	addr, ok := addressOf(remote)
	if !ok {
		return remote
	}
	if addr.Is6() {
		if network, err := addr.Prefix(64); err == nil {
			return network.String()
		}
	}
	return addr.String()
}
