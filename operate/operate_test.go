package operate

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
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
	h := Handler(Deps{
		Metrics: registry(t, prometheus.NewCounter(prometheus.CounterOpts{Name: "lensbus_test_total", Help: "A test."})),
		Ready: func() error {
			if why := trouble.Load(); why != nil {
				return errors.New(*why)
			}
			return nil
		},
	}, "127.0.0.1:9464")
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
	open := Handler(Deps{Metrics: registry(t)}, "0.0.0.0:9464")
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
