package operate

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/lensbus/lensbus/auth"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func registry(t *testing.T, all ...prometheus.Collector) *prometheus.Registry {
	t.Helper()
	r, err := Registry("v1.2.3", all...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func ask(t *testing.T, h http.Handler, method, url, host string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(t.Context(), method, url, nil)
	r.Host = host
	h.ServeHTTP(w, r)
	return w
}

func TestPaths(t *testing.T) {
	var trouble atomic.Pointer[string]
	h := Handler(Config{Listen: "127.0.0.1:9464"}, Deps{
		Metrics: registry(t, prometheus.NewCounter(prometheus.CounterOpts{Name: "lensbus_test_total", Help: "A test."})),
		Ready: func() error {
			if why := trouble.Load(); why != nil {
				return errors.New(*why)
			}
			return nil
		},
	})
	for _, c := range []struct {
		method, path, host string
		status             int
		has                string
	}{
		{"GET", "/metrics", "127.0.0.1:9464", 200, "lensbus_test_total 0\n"},
		{"GET", "/metrics", "localhost:9464", 200, `lensbus_build_info{version="v1.2.3"} 1`},
		{"GET", "/metrics", "[::1]:9464", 200, "go_goroutines "},
		{"GET", "/metrics", "LOCALHOST", 200, "process_start_time_seconds "},
		{"HEAD", "/metrics", "127.0.0.1", 200, ""},
		{"GET", "/healthz", "127.0.0.1", 200, "ok\n"},
		{"GET", "/readyz", "127.0.0.1", 200, "ok\n"},
		{"POST", "/metrics", "127.0.0.1", 405, ""},
		{"GET", "/", "127.0.0.1", 404, ""},
		{"GET", "/debug/pprof/", "127.0.0.1", 404, ""},
		{"GET", "/metrics", "attacker.example", 421, "not called that"},
		{"GET", "/metrics", "127.0.0.1.attacker.example", 421, ""},
		{"GET", "/metrics", "", 421, ""},
	} {
		w := ask(t, h, c.method, c.path, c.host)
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.has) {
			t.Errorf("%s %s of %s: %d %s, want %d and %q", c.method, c.path, c.host, w.Code, w.Body, c.status, c.has)
		}
	}
	why := "not connected\nto the NATS server"
	trouble.Store(&why)
	if w := ask(t, h, "GET", "/readyz", "127.0.0.1"); w.Code != 503 || w.Body.String() != "not connected to the NATS server\n" {
		t.Errorf("not ready: %d %q", w.Code, w.Body)
	}
	if w := ask(t, h, "GET", "/healthz", "127.0.0.1"); w.Code != 200 {
		t.Errorf("a process that is not ready is healthy all the same: %d", w.Code)
	}
	// Where other machines reach it, it has whatever name they know it by.
	open := Handler(Config{Listen: "0.0.0.0:9464"}, Deps{Metrics: registry(t)})
	if w := ask(t, open, "GET", "/readyz", "cameras.example.org"); w.Code != 200 {
		t.Errorf("on all interfaces: %d %s", w.Code, w.Body)
	}
}

func TestRegistryRefusesTheSameTwice(t *testing.T) {
	same := func() prometheus.Collector {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: "lensbus_test_total", Help: "A test."})
	}
	if _, err := Registry("v1", same(), same()); err == nil {
		t.Error("no error")
	}
}

func TestConfig(t *testing.T) {
	for _, c := range []struct {
		config Config
		want   string
	}{
		{Config{}, ""},
		{Config{Listen: "127.0.0.1:9464"}, ""},
		{Config{Listen: "[::1]:0"}, ""},
		{Config{Listen: "localhost:1"}, ""},
		{Config{Listen: "0.0.0.0:9464", Insecure: true}, ""},
		{Config{Listen: "0.0.0.0:9464"}, "--insecure"},
		{Config{Listen: "0.0.0.0:9464", TokenFile: "t"}, "--insecure"},
		{Config{Listen: "0.0.0.0:9464", TLS: TLSConfig{"c", "k"}}, "--insecure"},
		{Config{Listen: "0.0.0.0:9464", TokenFile: "t", TLS: TLSConfig{"c", "k"}}, ""},
		{Config{Listen: ":9464"}, "--insecure"},
		{Config{Listen: "cameras.example.org:9464"}, "--insecure"},
		{Config{Listen: "9464"}, "HOST:PORT"},
		{Config{Listen: "127.0.0.1:http"}, "HOST:PORT"},
		{Config{Listen: "127.0.0.1:70000"}, "HOST:PORT"},
		{Config{Listen: "127.0.0.1:-1"}, "HOST:PORT"},
	} {
		err := c.config.Validate()
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "listen: ")) {
			t.Errorf("%+v: %v, want %q", c.config, err, c.want)
		}
		if c.want == "--insecure" && !errors.Is(err, ErrInsecure) {
			t.Errorf("%+v: %v is no ErrInsecure", c.config, err)
		}
	}
}

func TestRun(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	address, ended := make(chan string, 1), make(chan error, 1)
	deps := Deps{Metrics: registry(t)}
	go func() {
		ended <- Run(ctx, Config{Listen: "127.0.0.1:0"}, deps, func(addr string) { address <- addr })
	}()
	addr := <-address
	client := &http.Client{Transport: &http.Transport{}, Timeout: 10 * time.Second}
	defer client.CloseIdleConnections()
	response, err := client.Get("http://" + addr + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	_ = response.Body.Close()
	if err != nil || response.StatusCode != 200 || !strings.Contains(string(body), "lensbus_build_info") {
		t.Errorf("%d %v\n%s", response.StatusCode, err, body)
	}
	if err := Run(ctx, Config{Listen: addr}, deps, nil); !errors.Is(err, syscall.EADDRINUSE) || !strings.Contains(err.Error(), addr) {
		t.Errorf("the same address again: %v", err)
	}
	// One who says nothing does not hold the end up.
	silent, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	if _, err := silent.Write([]byte("GET /metrics HTTP/1.1\r\nHost: ")); err != nil {
		t.Fatal(err)
	}
	cancel()
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(2 * time.Second):
		t.Fatal("Run does not end")
	}
}

func TestRunServesNothingByDefault(t *testing.T) {
	if err := Run(t.Context(), Config{}, Deps{}, nil); err != nil {
		t.Error(err)
	}
	if err := Run(t.Context(), Config{Listen: "0.0.0.0:0"}, Deps{}, nil); !errors.Is(err, ErrInsecure) {
		t.Errorf("for other machines: %v", err)
	}
}

// Connections beyond the most are closed; when others have gone there is room again.
func TestConnectionsAreBounded(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	address, ended := make(chan string, 1), make(chan error, 1)
	go func() {
		ended <- Run(ctx, Config{Listen: "127.0.0.1:0"}, Deps{Metrics: registry(t)}, func(addr string) { address <- addr })
	}()
	defer func() { cancel(); <-ended }()
	addr := <-address
	var held []net.Conn
	for range mostConnections {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		held = append(held, conn)
	}
	answers := func() bool {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
		_, _ = io.WriteString(conn, "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
		answer, _ := io.ReadAll(conn)
		return strings.HasPrefix(string(answer), "HTTP/1.1 200 ")
	}
	if answers() {
		t.Errorf("connection %d is served", mostConnections+1)
	}
	for _, conn := range held {
		_ = conn.Close()
	}
	for tick := time.NewTicker(5 * time.Millisecond); !answers(); {
		<-tick.C
	}
}

func TestToken(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	write := func(token string, mode os.FileMode) {
		t.Helper()
		if err := errors.Join(os.WriteFile(file, []byte(token), mode), os.Chmod(file, mode)); err != nil {
			t.Fatal(err)
		}
	}
	const first, second = "planted-token-number-one", "planted-token-number-two"
	write(first+"\n", 0o600)
	var log bytes.Buffer
	h := Handler(Config{Listen: "0.0.0.0:9464", TokenFile: file}, Deps{
		Metrics: registry(t), Ready: func() error { return errors.New("camera front is lost") }, Log: slog.New(slog.NewTextHandler(&log, nil)),
	})
	try := func(path, authorization string) *httptest.ResponseRecorder {
		t.Helper()
		w := httptest.NewRecorder()
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
		if authorization != "" {
			r.Header.Set("Authorization", authorization)
		}
		h.ServeHTTP(w, r)
		return w
	}
	for _, wrong := range []string{"", "Bearer ", "Bearer x", "Basic " + first, first, "Bearer " + second, "Bearer " + first + "x"} {
		if w := try("/metrics", wrong); w.Code != http.StatusUnauthorized || w.Header().Get("WWW-Authenticate") != "Bearer" || strings.Contains(w.Body.String(), "go_") {
			t.Errorf("%q: %d %s", wrong, w.Code, w.Body)
		}
		if w := try("/readyz", wrong); w.Code != http.StatusServiceUnavailable || strings.Contains(w.Body.String(), "front") {
			t.Errorf("%q is told why: %d %s", wrong, w.Code, w.Body)
		}
		if w := try("/healthz", wrong); w.Code != http.StatusOK {
			t.Errorf("healthz of %q: %d", wrong, w.Code)
		}
	}
	if w := try("/metrics", "Bearer "+first); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "go_goroutines") {
		t.Errorf("the token: %d", w.Code)
	}
	if w := try("/readyz", "Bearer "+first); !strings.Contains(w.Body.String(), "front") {
		t.Errorf("who has the token is not told why: %s", w.Body)
	}
	write(second, 0o600)
	if was, is := try("/metrics", "Bearer "+first), try("/metrics", "Bearer "+second); was.Code != http.StatusUnauthorized || is.Code != http.StatusOK {
		t.Errorf("after another token: the old %d, the new %d", was.Code, is.Code)
	}
	write(second, 0o644)
	if w := try("/metrics", "Bearer "+second); w.Code != http.StatusUnauthorized {
		t.Errorf("a token that others can read: %d", w.Code)
	}
	write("short", 0o600)
	if w := try("/metrics", "Bearer short"); w.Code != http.StatusUnauthorized {
		t.Errorf("a short token: %d", w.Code)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if w := try("/metrics", "Bearer "); w.Code != http.StatusUnauthorized {
		t.Errorf("no file: %d", w.Code)
	}
	if strings.Contains(log.String(), "planted") || !strings.Contains(log.String(), "nobody gets them") {
		t.Errorf("the log: %s", &log)
	}
}

// As Prometheus asks: over TLS, with a token.
func TestRunWithTLS(t *testing.T) {
	folder := auth.Open(filepath.Join(t.TempDir(), "auth"))
	admin, err := folder.Init(auth.InitOptions{})
	if err != nil {
		t.Fatal(err)
	}
	credentials, err := auth.ReadCredentials(admin)
	if err != nil {
		t.Fatal(err)
	}
	secure, err := credentials.TLS()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("0123456789abcdef0123"), 0o600); err != nil {
		t.Fatal(err)
	}
	config := Config{Listen: "127.0.0.1:0", TokenFile: file, TLS: TLSConfig{folder.Path(auth.CertificateFile), folder.Path(auth.KeyFile)}}
	ctx, cancel := context.WithCancel(t.Context())
	ready, ended := make(chan string, 1), make(chan error, 1)
	go func() { ended <- Run(ctx, config, Deps{Metrics: registry(t)}, func(addr string) { ready <- addr }) }()
	defer func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	var addr string
	select {
	case addr = <-ready:
	case err := <-ended:
		ended <- nil
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: secure, DisableKeepAlives: true}}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+addr+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer 0123456789abcdef0123")
	answer, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	if body, err := io.ReadAll(answer.Body); err != nil || answer.StatusCode != http.StatusOK || !bytes.Contains(body, []byte("go_goroutines")) {
		t.Errorf("%s, %v", answer.Status, err)
	}
}
