package web

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/config/hostport"
	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/viewer/web/login"
)

// What stands before every handler: who is asked, who asks, and for which camera.

// guard sets what every answer says and refuses requests that name another host.
func (s *Server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'self'; img-src 'self' blob:; connect-src 'self'; frame-ancestors 'none'; object-src 'none'; base-uri 'none'; form-action 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cross-Origin-Resource-Policy", "same-origin") // no page elsewhere shows a camera by its address
		h.Set("Referrer-Policy", "no-referrer")
		if !s.answersTo(r.Host) {
			s.refuse(w, r, http.StatusMisdirectedRequest, "this server is not called that: use the address that it listens on, or name the host in its hosts setting")
			return
		}
		control := http.NewResponseController(w)
		if r.ContentLength != 0 {
			if r.Method != http.MethodPost {
				h.Set("Connection", "close")
				s.refuse(w, r, http.StatusRequestEntityTooLarge, "such requests have no body here")
				return
			}
			// One that trickles in must not hold the connection.
			_ = control.SetReadDeadline(time.Now().Add(s.cfg.HeaderWait))
		}
		// Streams and events have deadlines of their own; this one is for everything else.
		_ = control.SetWriteDeadline(time.Now().Add(s.cfg.Stall))
		next.ServeHTTP(w, r)
	})
}

// answersTo checks the Host header: a foreign page may have its own name resolve to this machine
// and then read from here as "same origin". An address as the host cannot be used so, a name can.
func (s *Server) answersTo(host string) bool {
	host = hostport.Called(host)
	if host == "localhost" || slices.ContainsFunc(s.cfg.Hosts, func(h string) bool { return strings.EqualFold(h, host) }) {
		return true
	}
	at, _, _ := net.SplitHostPort(s.cfg.Listen) // Validate has checked it
	if strings.EqualFold(at, host) {
		return true
	}
	if hostport.Loopback(at) {
		return hostport.Loopback(host)
	}
	if _, err := netip.ParseAddr(host); err == nil || len(s.cfg.Hosts) > 0 || host == "" {
		return err == nil
	}
	// Nobody has said how the page is called. A name without a dot is not one that somebody else can have
	// point here; this machine's own is not, and those of its certificate are the owner's.
	own, _ := os.Hostname() // "" is no host
	return !strings.Contains(host, ".") || strings.EqualFold(own, host) || s.pair.IsFor(host)
}

// share takes one of what one person may have only so many of, and refuses the request where there is none.
func (s *Server) share(w http.ResponseWriter, r *http.Request, of *share, what string) (release func(), ok bool) {
	person, _ := r.Context().Value(personKey{}).(login.Person)
	release, ok, greedy := of.take(person.Name)
	if ok {
		return release, true
	}
	w.Header().Set("Retry-After", "10")
	if greedy {
		s.refuse(w, r, http.StatusTooManyRequests, "as many "+what+" as one person may have here ("+strconv.Itoa(of.mostPerson)+", max_"+what+"_person)")
	} else {
		s.refuse(w, r, http.StatusServiceUnavailable, "as many "+what+" as this server takes ("+strconv.Itoa(of.most)+", max_"+what+")")
	}
	return nil, false
}

// refuse answers with an error of one line: JSON below /api, plain text otherwise.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, status int, reason string) {
	s.metrics.refused.WithLabelValues(strconv.Itoa(status)).Inc()
	w.Header().Set("Cache-Control", "no-store")
	if !strings.HasPrefix(r.URL.Path, "/api/") {
		http.Error(w, reason, status)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": reason}) // a client that has gone
}

// notConnected is why nothing can be said of cameras while there is no NATS server.
const notConnected = "not connected to the NATS server"

// connected refuses the request at once where no NATS server is there, whose answer it would wait for.
func (s *Server) connected(w http.ResponseWriter, r *http.Request) bool {
	if s.bus.NATS().IsConnected() {
		return true
	}
	s.refuse(w, r, http.StatusServiceUnavailable, notConnected)
	return false
}

// named is the one way to a camera: the id is checked, then the right to it, then that there is
// room. Whatever has to do with a camera must be wrapped in it.
func (s *Server) named(handle func(http.ResponseWriter, *http.Request, frame.CameraID)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, err := frame.ParseCameraID(r.PathValue("id"))
		if err != nil {
			s.refuse(w, r, http.StatusBadRequest, err.Error())
			return
		}
		if err := s.authorise(r, id); err != nil {
			s.refuse(w, r, http.StatusForbidden, "camera "+string(id)+": "+err.Error())
			return
		}
		r, leave, ok := s.enter(w, r)
		if !ok {
			return
		}
		defer leave()
		r, done := s.whileKnown(r, id)
		defer done()
		w.Header().Set("Cache-Control", "no-store")
		handle(w, r, id)
	})
}

// cameraHandler serves one camera's pictures. The feed is the handler's until it returns.
type cameraHandler func(w http.ResponseWriter, r *http.Request, f *feed)

// camera is the one way to a camera's pictures: named, and then that there is such a camera.
// preview says whether a request wants the small ones.
func (s *Server) camera(preview func(*http.Request) bool, handle cameraHandler) http.Handler {
	return s.named(func(w http.ResponseWriter, r *http.Request, id frame.CameraID) {
		f, err := s.hub.attach(feedKey{id, preview(r)})
		if errors.Is(err, bus.ErrClosed) {
			s.refuse(w, r, http.StatusServiceUnavailable, "the server is ending")
			return
		}
		if errors.Is(err, bus.ErrNotAllowed) {
			s.refuse(w, r, http.StatusForbidden, "this page's own credentials are not for camera "+string(id))
			return
		}
		if err != nil {
			s.log.Error("receive a camera", "camera", id, "error", err)
			s.refuse(w, r, http.StatusServiceUnavailable, "camera "+string(id)+" cannot be received")
			return
		}
		defer f.release()
		if known := s.awaitKnown(r.Context(), f); f.isDenied() {
			s.refuse(w, r, http.StatusForbidden, "this page's own credentials are not for camera "+string(id))
			return
		} else if !known {
			if !s.connected(w, r) {
				return
			}
			s.refuse(w, r, http.StatusNotFound, "no camera "+string(id)+": it has sent neither a picture nor its state")
			return
		}
		defer f.watch()()
		handle(w, r, f)
	})
}

func full(*http.Request) bool  { return false }
func small(*http.Request) bool { return true }

// asAsked is small with ?preview=1.
func asAsked(r *http.Request) bool { return r.URL.Query().Get("preview") == "1" }

// knownWait is how long a camera that has not been heard of may take to show itself: its state
// comes every two seconds.
const knownWait = frame.StatusInterval + 500*time.Millisecond

// maxUnknown is how many requests may wait for cameras that have not been heard of, so that nobody
// makes this server subscribe to thousands of invented ones.
const maxUnknown = 32

func (s *Server) awaitKnown(ctx context.Context, f *feed) bool {
	if f.isKnown() {
		return true
	}
	if _, ok := s.cameras.Get(f.id); ok {
		return true
	}
	if !s.bus.NATS().IsConnected() { // nobody can show himself
		return false
	}
	select {
	case s.unknown <- struct{}{}:
		defer func() { <-s.unknown }()
	default:
		return false
	}
	timer := time.NewTimer(knownWait)
	defer timer.Stop()
	select {
	case <-f.known:
		return true
	case <-f.denied:
	case <-timer.C:
	case <-ctx.Done():
	}
	return false
}

// visit is one viewer that was let in.
type visit struct {
	cancel context.CancelFunc
	name   string // of the person; "" where nobody is asked
}

// enter lets a viewer in while there is room. The context of the request that it returns ends when
// the server does too; Close waits for leave.
func (s *Server) enter(w http.ResponseWriter, r *http.Request) (inside *http.Request, leave func(), ok bool) {
	s.mu.Lock()
	full, closed := len(s.visits) >= s.cfg.MaxViewers, s.closed
	person, named := r.Context().Value(personKey{}).(login.Person)
	own := 0
	for v := range s.visits {
		if named && v.name == person.Name {
			own++
		}
	}
	greedy := own >= s.cfg.MaxViewersPerson
	var v *visit
	if !full && !closed && !greedy {
		ctx, cancel := context.WithCancel(r.Context())
		v = &visit{cancel, person.Name}
		s.visits[v] = struct{}{}
		s.handlers.Add(1)
		r = r.WithContext(ctx)
	}
	s.mu.Unlock()
	switch {
	case closed:
		s.refuse(w, r, http.StatusServiceUnavailable, "the server is ending")
		return nil, nil, false
	case full:
		w.Header().Set("Retry-After", "5")
		s.refuse(w, r, http.StatusServiceUnavailable, "as many viewers as this server takes ("+strconv.Itoa(s.cfg.MaxViewers)+", max_viewers)")
		return nil, nil, false
	}
	if greedy {
		w.Header().Set("Retry-After", "5")
		s.refuse(w, r, http.StatusTooManyRequests, "as many viewers as one person may have here ("+strconv.Itoa(s.cfg.MaxViewersPerson)+", max_viewers_person)")
		return nil, nil, false
	}
	return r, func() {
		s.mu.Lock()
		delete(s.visits, v)
		s.mu.Unlock()
		v.cancel()
		s.handlers.Done()
	}, true
}
