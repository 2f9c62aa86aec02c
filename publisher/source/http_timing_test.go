package source

import (
	"context"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// pipes is a listener whose connections are in memory, so that they keep synctest's time.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case p.conns <- theirs:
		return ours, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.conns:
		return conn, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { close(p.closed); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

// openTimed opens a camera inside a synctest bubble. Its time-outs are the defaults, 10 s each.
func openTimed(t *testing.T, spec Spec, handler http.HandlerFunc) Source {
	t.Helper()
	listener := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
	server := &http.Server{Handler: handler} //nolint:gosec // its only client is below
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(listener)
	}()
	spec.Kind, spec.Address = KindHTTP, "http://camera/"
	src, err := openHTTP(t.Context(), spec, Env{}.OrDefaults(), &http.Transport{DialContext: listener.dial})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = src.Close()
		_ = server.Close()
		<-served
	})
	return src
}

// The time-out of opening ends with opening; that of reading begins again with each picture.
func TestHTTPStreamTimeouts(t *testing.T) {
	pic := noiseJPEG(t, 1, 16)
	synctest.Test(t, func(t *testing.T) {
		src := openTimed(t, Spec{}, func(w http.ResponseWriter, r *http.Request) {
			startStream(w)
			for range 5 {
				time.Sleep(9 * time.Second)
				writePart(w, pic)
			}
			<-r.Context().Done()
		})
		start := time.Now()
		for i := 1; i <= 5; i++ {
			got := mustNext(t, src)
			if want := time.Duration(i) * 9 * time.Second; got.Captured.Sub(start) != want || time.Since(start) != want {
				t.Errorf("picture %d came after %v, captured %v; want %v", i, time.Since(start), got.Captured.Sub(start), want)
			}
		}
		_, err := src.Next(t.Context())
		if err == nil || !strings.Contains(err.Error(), "no whole picture within 10s") || time.Since(start) != 55*time.Second {
			t.Errorf("after %v: %v; want the time-out 10 s after the last picture", time.Since(start), err)
		}
	})
}

// A still is asked for at a steady rate, however long the answers take and the pauses are.
func TestHTTPStillPace(t *testing.T) {
	pic := noiseJPEG(t, 1, 16)
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		src := openTimed(t, Spec{FPS: 0.05}, func(w http.ResponseWriter, _ *http.Request) {
			time.Sleep(3 * time.Second)
			w.Header().Set("Content-Type", "image/jpeg")
			_, _ = w.Write(pic)
		})
		for i, want := range []time.Duration{3, 26, 46, 66} { // asked at 0 (by opening), 23, 43, 63
			mustNext(t, src)
			if got := time.Since(start); got != want*time.Second {
				t.Errorf("picture %d came after %v, want %v", i, got, want*time.Second)
			}
		}
	})
}
