// Package web is the watching end over HTTP: the page, streams, sockets, snapshots, the list of
// cameras. It passes encoded pictures on as they came; it receives each camera once, however many
// watch it, and no viewer waits for another.
//
// It never decodes a picture. What a camera is and receiving its frames are bus's and viewer's; the
// page itself, which runs in the browser, is the folder page.
package web

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/lensbus/lensbus/auth"
	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/viewer"
	"github.com/lensbus/lensbus/viewer/web/login"
)

// Deps are what a Server works with. They stay the caller's.
type Deps struct {
	Bus *bus.Conn
	Log *slog.Logger // nil discards
	// Metrics are numbers of other parts of the process, for /metrics to show besides the page's
	// own; nil: none.
	Metrics prometheus.Gatherer
	// Ready says in one line why another part of the process cannot do its work now, for /readyz; nil
	// while it can. It must not wait. A nil Ready is always ready.
	Ready func() error
	// Export makes a file of what is recorded; nil: what the recorder makes of it, [bus.Conn.Export]. A page
	// that opens sealed pictures has to make the file itself.
	Export Export
}

// Export is [bus.Conn.Export] as a function.
type Export func(ctx context.Context, conn *bus.Conn, id frame.CameraID, o bus.ExportOptions, w io.Writer, progress func(bus.ExportProgress)) (bus.ExportResult, error)

// Server serves the page and its interface. Make one with [New].
type Server struct {
	cfg     Config
	bus     *bus.Conn
	file    Export // of what is recorded
	log     *slog.Logger
	metrics *metrics
	others  prometheus.Gatherer // for /metrics too; nil: none
	ready   func() error        // of other parts of the process; nil: always
	cameras *viewer.Cameras
	hub     *hub
	handler http.Handler
	// patterns are those of handler's mux.
	patterns []string
	// authorise decides whether a request may see a camera; every path to one asks it.
	authorise func(*http.Request, frame.CameraID) error
	door      *login.Door        // nil where nobody is asked who he is
	tooMany   atomic.Int64       // when somebody was last refused for too many wrong logins, Unix nanoseconds
	pair      *auth.Certificates // nil without TLS

	ending  chan struct{} // closed by end
	unknown chan struct{} // one for every request that waits for a camera that nobody has heard of
	replays *share
	exports *share
	proxies proxies

	mu       sync.Mutex
	visits   map[*visit]struct{}
	idle     int            // connections that are not a viewer's
	idleFrom map[string]int // of them by where they come from: addresses of other machines that are no trusted proxy
	closed   bool
	handlers sync.WaitGroup // viewers, whose connections are no longer the http.Server's
}

// New returns a Server that watches the bus for cameras. Close it after use. Its errors are a wrong
// Config ([Config.Validate]) and a closed Bus.
func New(cfg Config, deps Deps) (*Server, error) {
	cfg = cfg.OrDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("web: %w", err)
	}
	files, err := loadAssets(page)
	if err != nil {
		return nil, fmt.Errorf("web: %w", err)
	}
	if deps.Log == nil {
		deps.Log = slog.New(slog.DiscardHandler)
	}
	behind, err := parseProxies(cfg.TrustedProxies)
	if err != nil {
		return nil, fmt.Errorf("web: trusted_proxies: %w", err)
	}
	if deps.Export == nil {
		deps.Export = func(ctx context.Context, conn *bus.Conn, id frame.CameraID, o bus.ExportOptions, w io.Writer, progress func(bus.ExportProgress)) (bus.ExportResult, error) {
			return conn.Export(ctx, id, o, w, progress)
		}
	}
	var door *login.Door
	if cfg.People != "" {
		if door, err = login.New(cfg.People, deps.Log); err != nil {
			return nil, fmt.Errorf("web: %w", err)
		}
		door.SetMostOwn(cfg.MaxSessionsPerson)
	}
	var pair *auth.Certificates
	if cfg.TLS.Certificate != "" {
		if pair, err = auth.WatchCertificates("the page", cfg.TLS.Certificate, cfg.TLS.Key, deps.Log); err != nil {
			return nil, fmt.Errorf("web: %w", err)
		}
	}
	cameras, err := viewer.WatchCameras(deps.Bus)
	if err != nil {
		return nil, fmt.Errorf("web: watch cameras: %w", err)
	}
	s := &Server{
		cfg: cfg, bus: deps.Bus, file: deps.Export, log: deps.Log, metrics: newMetrics(), others: deps.Metrics, ready: deps.Ready, cameras: cameras,
		hub:     &hub{conn: deps.Bus, cameras: cameras, linger: cfg.Linger, log: deps.Log, feeds: make(map[feedKey]*feed)},
		door:    door,
		pair:    pair,
		ending:  make(chan struct{}),
		unknown: make(chan struct{}, maxUnknown),
		replays: newShare(cfg.MaxReplays, cfg.MaxReplaysPerson),
		exports: newShare(cfg.MaxExports, cfg.MaxExportsPerson),
		proxies: behind,
		visits:  make(map[*visit]struct{}), idleFrom: make(map[string]int),
	}
	s.authorise = s.authorised
	s.handler = s.routes(files)
	return s, nil
}

// routed is a mux that knows its patterns, for tests that must not forget one.
type routed struct {
	*http.ServeMux
	patterns *[]string
}

func (r routed) Handle(pattern string, handler http.Handler) {
	*r.patterns = append(*r.patterns, pattern)
	r.ServeMux.Handle(pattern, handler)
}

func (r routed) HandleFunc(pattern string, handler func(http.ResponseWriter, *http.Request)) {
	r.Handle(pattern, http.HandlerFunc(handler))
}

func (s *Server) routes(files assets) http.Handler {
	mux := routed{ServeMux: http.NewServeMux(), patterns: &s.patterns}
	mux.Handle("GET /", files)
	mux.HandleFunc("GET /api/cameras", s.serveCameras)
	mux.HandleFunc("GET /api/events", func(w http.ResponseWriter, r *http.Request) {
		if r, leave, ok := s.enter(w, r); ok {
			defer leave()
			r, done := s.whileKnown(r, "")
			defer done()
			s.serveEvents(w, r)
		}
	})
	mux.HandleFunc("GET /api/", func(w http.ResponseWriter, r *http.Request) {
		s.refuse(w, r, http.StatusNotFound, "no such path")
	})
	mux.Handle("GET /api/cameras/{id}", s.named(s.detail))
	mux.Handle("POST /api/cameras/{id}/settings", s.named(s.change))
	mux.Handle("GET /cameras/{id}/stream.mjpeg", s.camera(full, s.stream))
	mux.Handle("GET /cameras/{id}/preview.mjpeg", s.camera(small, s.preview))
	mux.Handle("GET /cameras/{id}/snapshot.jpg", s.camera(full, s.snapshot))
	mux.Handle("GET /cameras/{id}/live", s.camera(asAsked, s.live))
	mux.Handle("GET /api/cameras/{id}/ranges", s.named(s.ranges))
	mux.Handle("GET /cameras/{id}/replay", s.named(s.replay))
	mux.Handle("GET /cameras/{id}/export.mp4", s.named(s.export))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("ok\n"))
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if !s.connected(w, r) {
			return
		}
		if s.ready != nil {
			if err := s.ready(); err != nil {
				text := strings.Join(strings.Fields(err.Error()), " ")
				if !s.seesAll(r) {
					text = "a part of this server cannot do its work now; who may see every camera is told which"
				}
				s.refuse(w, r, http.StatusServiceUnavailable, text)
				return
			}
		}
		_, _ = w.Write([]byte("ok\n"))
	})
	mux.HandleFunc("GET /api/session", s.serveSession)
	mux.HandleFunc("POST /api/login", s.serveLogin)
	mux.HandleFunc("POST /api/logout", s.serveLogout)
	mux.Handle("GET /metrics", s.everything(s.metrics.handler(s.others)))
	// What is asked for by a method that is not the path's. The patterns above are more specific than
	// these, and nobody learns anything from these.
	wrong := s.wrongMethod(mux.ServeMux)
	for _, path := range []string{"/api/cameras/{id}/settings", "/api/login", "/api/logout"} {
		mux.ServeMux.Handle("GET "+path, wrong)
	}
	mux.ServeMux.Handle("/", wrong)
	own := http.NewCrossOriginProtection()
	own.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.refuse(w, r, http.StatusForbidden, "a page of another site may not ask this")
	}))
	return s.guard(own.Handler(s.identify(mux.ServeMux)))
}

// wrongMethod refuses a request whose path mux has for another method.
func (s *Server) wrongMethod(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		allow, change := "GET, HEAD", *r
		change.Method = http.MethodPost
		if _, pattern := mux.Handler(&change); strings.HasPrefix(pattern, http.MethodPost) {
			allow = http.MethodPost
		}
		w.Header().Set("Allow", allow)
		s.refuse(w, r, http.StatusMethodNotAllowed, "want "+strings.ReplaceAll(allow, ",", " or"))
	})
}

// Handler serves all paths. Streams need a connection that can be hijacked: HTTP/1.
func (s *Server) Handler() http.Handler { return s.handler }

// endWait is what ordinary requests get to end in when ctx is done. Viewers are ended at once.
const endWait = 300 * time.Millisecond

// Serve answers connections of listener until ctx is done or Close is called; nil then. It closes
// listener, and returns when every connection has ended, within a second of ctx.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	server := &http.Server{
		Handler: s.handler, Protocols: &protocols,
		ReadHeaderTimeout: s.cfg.HeaderWait, IdleTimeout: s.cfg.Idle, MaxHeaderBytes: s.cfg.MaxHeader,
		ConnState: s.countConn,
		ErrorLog:  slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	if s.pair != nil {
		listener = tls.NewListener(listener, s.pair.Config())
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	select {
	case err := <-ended:
		return fmt.Errorf("web: serve on %s: %w", listener.Addr(), err)
	case <-ctx.Done():
	case <-s.ending:
	}
	s.end()
	wait, stop := context.WithTimeout(context.WithoutCancel(ctx), endWait)
	defer stop()
	if server.Shutdown(wait) != nil {
		_ = server.Close() // whoever is left has had its time
	}
	<-ended
	s.handlers.Wait()
	return nil
}

// end ends all viewers and lets no more in.
func (s *Server) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	s.closed = true
	close(s.ending)
	for v := range s.visits {
		v.cancel()
	}
}

// Close ends Serve and all viewers and waits for them. It is safe twice.
func (s *Server) Close() error {
	s.end()
	s.handlers.Wait()
	s.hub.close()
	return s.cameras.Close()
}

// Run serves on cfg.Listen until ctx is done; nil then. ready, which may be nil, is told the
// address, with the port that is really in use, once it answers.
func Run(ctx context.Context, cfg Config, deps Deps, ready func(addr string)) error {
	s, err := New(cfg, deps)
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	var lc net.ListenConfig
	listener, err := lc.Listen(ctx, "tcp", s.cfg.Listen)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("web: address %s is already in use by another program: choose another: %w", s.cfg.Listen, syscall.EADDRINUSE)
	case err != nil:
		return fmt.Errorf("web: listen on %s: %w", s.cfg.Listen, err)
	}
	switch {
	case s.exposed() && s.door == nil:
		s.log.Warn("insecure: the page asks nobody who he is: everybody who reaches it can watch every camera", "listen", s.cfg.Listen)
	case s.exposed() && s.pair == nil:
		s.log.Warn("insecure: the page has no TLS: passwords and pictures can be read on the way", "listen", s.cfg.Listen)
	}
	if ready != nil {
		ready(listener.Addr().String())
	}
	return s.Serve(ctx, listener)
}
