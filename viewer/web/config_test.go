package web

import (
	"context"
	"errors"
	"math"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/lensbus/lensbus/bus"
)

func TestConfigValidate(t *testing.T) {
	for name, test := range map[string]struct {
		cfg  Config
		want string // in the error; empty: fine
	}{
		"zero":               {Config{}, ""},
		"localhost":          {Config{Listen: "localhost:0"}, ""},
		"IPv6 loopback":      {Config{Listen: "[::1]:8080"}, ""},
		"all, insecure":      {Config{Listen: "0.0.0.0:8080", Insecure: true}, ""},
		"all":                {Config{Listen: "0.0.0.0:8080"}, "--insecure"},
		"no host":            {Config{Listen: ":8080"}, "no authentication"},
		"lan":                {Config{Listen: "192.168.1.2:8080"}, "lensbus auth init"},
		"a name":             {Config{Listen: "localhost.example.org:80"}, "no authentication"},
		"no port":            {Config{Listen: "127.0.0.1"}, "HOST:PORT"},
		"port":               {Config{Listen: "127.0.0.1:65536"}, "HOST:PORT"},
		"hosts with port":    {Config{Hosts: []string{"cams.example.org:80"}}, "hosts:"},
		"hosts wildcard":     {Config{Hosts: []string{"*"}}, "hosts:"},
		"proxies":            {Config{TrustedProxies: []string{"10.0.0.0/8", "::1"}}, ""},
		"a proxy's name":     {Config{TrustedProxies: []string{"proxy.lan"}}, "trusted_proxies:"},
		"replays":            {Config{MaxReplaysPerson: -1}, "max_replays_person:"},
		"exports":            {Config{MaxExports: 100_000}, "max_exports:"},
		"viewers":            {Config{MaxViewers: -1}, "max_viewers:"},
		"sessions":           {Config{MaxSessionsPerson: -1}, "max_sessions_person:"},
		"stall":              {Config{Stall: time.Millisecond}, "stall:"},
		"preview":            {Config{PreviewFPS: math.NaN()}, "preview_fps:"},
		"header":             {Config{MaxHeader: 10}, "max_header:"},
		"header wait":        {Config{HeaderWait: -1}, "header_wait:"},
		"linger not at all":  {Config{Linger: -1}, ""},
		"several are joined": {Config{Stall: -1, MaxHeader: -1}, "max_header:"},
	} {
		err := test.cfg.Validate()
		switch {
		case test.want == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
			t.Errorf("%s: error %v, want %q in it", name, err, test.want)
		}
	}
	if err := (Config{Listen: "0.0.0.0:1"}).Validate(); !errors.Is(err, ErrInsecure) {
		t.Errorf("%v does not wrap ErrInsecure", err)
	}
}

func TestRunRefuses(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	conn, err := bus.Connect(t.Context(), bus.Options{Server: "nats://127.0.0.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	err = Run(t.Context(), Config{Listen: busy.Addr().String()}, Deps{Bus: conn}, nil)
	if err == nil || !strings.Contains(err.Error(), "already in use") || strings.Contains(err.Error(), "\n") {
		t.Errorf("busy address: %v", err)
	}
	if err := Run(t.Context(), Config{Listen: "0.0.0.0:0"}, Deps{Bus: conn}, nil); !errors.Is(err, ErrInsecure) {
		t.Errorf("everybody: %v", err)
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	conn, err := bus.Connect(t.Context(), bus.Options{Server: "nats://127.0.0.1:1"}) // no server there: the page is up all the same
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ready, ended := make(chan string, 1), make(chan error, 1)
	go func() {
		ended <- Run(ctx, Config{Listen: "127.0.0.1:0"}, Deps{Bus: conn}, func(addr string) { ready <- addr })
	}()
	addr := <-ready
	if resp, _ := get(t, "http://"+addr+"/healthz", nil); resp.StatusCode != 200 {
		t.Errorf("healthz without NATS: %s", resp.Status)
	}
	if resp, body := get(t, "http://"+addr+"/readyz", nil); resp.StatusCode != 503 || !strings.Contains(string(body), "NATS") {
		t.Errorf("readyz without NATS: %s %s", resp.Status, body)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
