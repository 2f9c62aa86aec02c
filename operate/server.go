package operate

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Deps are what is served.
type Deps struct {
	// Metrics are the numbers. Required.
	Metrics prometheus.Gatherer
	// Ready says in one line, without credentials, why the process cannot do its work now; nil while
	// it can. It must not wait for the network. A nil Ready is always ready.
	Ready func() error
	// Log is for what people should know; nil discards.
	Log *slog.Logger
}

// Bounds of what a client can hold up. A scrape is one small request.
const (
	mostConnections = 64
	headerWait      = 5 * time.Second
	answerWait      = 30 * time.Second
	idleWait        = 2 * time.Minute
	endWait         = 300 * time.Millisecond
	maxHeader       = 16 << 10
)

// Handler serves /metrics, /healthz (200 while the process answers) and /readyz (200, or 503 and the
// reason). listen is where it is served: on a loopback address it answers to loopback names only, so
// that a page of another site cannot read it by having its own name point here.
func Handler(deps Deps, listen string) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(deps.Metrics, promhttp.HandlerOpts{MaxRequestsInFlight: 4}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { say(w, http.StatusOK, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if deps.Ready != nil {
			if err := deps.Ready(); err != nil {
				say(w, http.StatusServiceUnavailable, strings.Join(strings.Fields(err.Error()), " "))
				return
			}
		}
		say(w, http.StatusOK, "ok")
	})
	host, _, _ := net.SplitHostPort(listen) // Validate has checked it
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		if !answersTo(r.Host, loopback(host)) {
			say(w, http.StatusMisdirectedRequest, "this server is not called that: use the address that it listens on")
			return
		}
		mux.ServeHTTP(w, r)
	})
}

func say(w http.ResponseWriter, status int, text string) {
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text + "\n")) // a client that has gone
}

// answersTo checks a Host header. An address as the host cannot be another site's, a name can.
func answersTo(host string, here bool) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(strings.TrimSuffix(strings.TrimPrefix(host, "["), "]"))
	if !here || host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}

// Run serves on cfg.Listen until ctx is done; nil then, and at once where cfg.Listen is empty. It
// returns when every connection has ended, within half a second of ctx. ready, which may be nil, is
// told the address, with the port that is really in use, once it answers.
func Run(ctx context.Context, cfg Config, deps Deps, ready func(addr string)) error {
	if cfg.Listen == "" {
		return nil
	}
	if err := cfg.Validate(); err != nil {
		return fmt.Errorf("metrics: %w", err)
	}
	if deps.Log == nil {
		deps.Log = slog.New(slog.DiscardHandler)
	}
	var lc net.ListenConfig
	listener, err := lc.Listen(ctx, "tcp", cfg.Listen)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("metrics: address %s is already in use: give another --metrics-listen: %w", cfg.Listen, syscall.EADDRINUSE)
	case err != nil:
		return fmt.Errorf("metrics: listen on %s: %w", cfg.Listen, err)
	}
	if host, _, _ := net.SplitHostPort(cfg.Listen); !loopback(host) {
		deps.Log.Warn("the numbers have no authentication: everybody who reaches them can read which cameras there are", "listen", cfg.Listen)
	}
	if ready != nil {
		ready(listener.Addr().String())
	}
	return serve(ctx, listener, Handler(deps, cfg.Listen), deps.Log)
}

func serve(ctx context.Context, listener net.Listener, handler http.Handler, log *slog.Logger) error {
	var open atomic.Int64
	server := &http.Server{
		Handler: handler, ReadHeaderTimeout: headerWait, ReadTimeout: headerWait, WriteTimeout: answerWait,
		IdleTimeout: idleWait, MaxHeaderBytes: maxHeader,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		ConnState: func(conn net.Conn, state http.ConnState) {
			switch state {
			case http.StateNew:
				if open.Add(1) > mostConnections {
					_ = conn.Close()
				}
			case http.StateClosed, http.StateHijacked:
				open.Add(-1)
			}
		},
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	select {
	case err := <-ended:
		return fmt.Errorf("metrics: serve on %s: %w", listener.Addr(), err)
	case <-ctx.Done():
	}
	wait, stop := context.WithTimeout(context.WithoutCancel(ctx), endWait)
	defer stop()
	if server.Shutdown(wait) != nil {
		_ = server.Close() // whoever is left has had its time
	}
	<-ended
	return nil
}
