package operate

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/lensbus/lensbus/auth"
	"github.com/lensbus/lensbus/config/hostport"
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
// reason). On a loopback cfg.Listen it answers to loopback names only, so that a page of another site
// cannot read it by having its own name point here. Where cfg has a token, the numbers and the reason are
// for who sends it.
func Handler(cfg Config, deps Deps) http.Handler {
	log := deps.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	may := func(r *http.Request) bool { return cfg.TokenFile == "" || hasToken(r, cfg.TokenFile, log) }
	numbers := promhttp.HandlerFor(deps.Metrics, promhttp.HandlerOpts{MaxRequestsInFlight: 4})
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, r *http.Request) {
		if !may(r) {
			w.Header().Set("WWW-Authenticate", "Bearer")
			say(w, http.StatusUnauthorized, "send the bearer token of this process's token_file")
			return
		}
		numbers.ServeHTTP(w, r)
	})
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { say(w, http.StatusOK, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if deps.Ready != nil {
			if err := deps.Ready(); err != nil {
				text := strings.Join(strings.Fields(err.Error()), " ")
				if !may(r) {
					text = "not ready; who sends the token is told why"
				}
				say(w, http.StatusServiceUnavailable, text)
				return
			}
		}
		say(w, http.StatusOK, "ok")
	})
	host, _, _ := net.SplitHostPort(cfg.Listen) // Validate has checked it
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		if !answersTo(r.Host, hostport.Loopback(host)) {
			say(w, http.StatusMisdirectedRequest, "this server is not called that: use the address that it listens on")
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// hasToken says whether the request has the file's token. A file that cannot be read lets nobody in.
func hasToken(r *http.Request, file string, log *slog.Logger) bool {
	wanted, err := readToken(file)
	if err != nil {
		log.Error("the token for numbers: nobody gets them", "error", err)
		return false
	}
	sent, is := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	// Of two digests: how long it takes tells nothing of the token.
	a, b := sha256.Sum256([]byte(sent)), sha256.Sum256([]byte(wanted))
	return is && subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

// leastToken is the length below which a token can be guessed.
const leastToken = 16

func readToken(file string) (string, error) {
	data, err := auth.ReadSecret(file, "token_file", "openssl rand -hex 20")
	if err != nil {
		return "", err
	}
	token := strings.TrimSpace(string(data))
	if len(token) < leastToken {
		return "", fmt.Errorf("token_file %s: want %d characters or more, such as those of `openssl rand -hex 20`", file, leastToken)
	}
	return token, nil
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
	return !here || hostport.Loopback(hostport.Called(host))
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
	if cfg.TokenFile != "" {
		if _, err := readToken(cfg.TokenFile); err != nil {
			return fmt.Errorf("metrics: %w", err)
		}
	}
	var pair *auth.Certificates
	if cfg.TLS.Certificate != "" {
		var err error
		if pair, err = auth.WatchCertificates("the numbers", cfg.TLS.Certificate, cfg.TLS.Key, deps.Log); err != nil {
			return fmt.Errorf("metrics: %w", err)
		}
	}
	var lc net.ListenConfig
	listener, err := lc.Listen(ctx, "tcp", cfg.Listen)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("metrics: address %s is already in use: give another --metrics-listen: %w", cfg.Listen, syscall.EADDRINUSE)
	case err != nil:
		return fmt.Errorf("metrics: listen on %s: %w", cfg.Listen, err)
	}
	switch host, _, _ := net.SplitHostPort(cfg.Listen); {
	case hostport.Loopback(host):
	case cfg.TokenFile == "":
		deps.Log.Warn("insecure: the numbers have no authentication: everybody who reaches them can read which cameras there are", "listen", cfg.Listen)
	case pair == nil:
		deps.Log.Warn("insecure: the numbers have no TLS: the token can be read on the way", "listen", cfg.Listen)
	}
	if ready != nil {
		ready(listener.Addr().String())
	}
	if pair != nil {
		listener = tls.NewListener(listener, pair.Config())
	}
	return serve(ctx, listener, Handler(cfg, deps), deps.Log)
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
