package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const (
	cameraUser     = "operator"
	cameraPassword = `p&ss/wörd"%`
)

// camera starts a real HTTP server. Its clients' connections are cut at the end of the test.
func camera(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return server.URL
}

// withLogin puts user name and password into an URL.
func withLogin(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		panic(err)
	}
	u.User = url.UserPassword(cameraUser, cameraPassword)
	return u.String()
}

// counter collects what Env.Dropped is told.
type counter struct {
	mu     sync.Mutex
	counts map[string]uint64
}

func (c *counter) add(reason string, n uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.counts == nil {
		c.counts = map[string]uint64{}
	}
	c.counts[reason] += n
}

func (c *counter) get(reason string) uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.counts[reason]
}

func openURL(t *testing.T, address string, env Env) (Source, error) {
	t.Helper()
	spec, err := Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	src, err := OpenHTTP(t.Context(), spec, env)
	if err == nil {
		t.Cleanup(func() { _ = src.Close() })
	}
	return src, err
}

// openAt opens a camera that is asked so many times a second.
func openAt(t *testing.T, address string, fps float64) Source {
	t.Helper()
	spec, err := Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	spec.FPS = fps
	src, err := OpenHTTP(t.Context(), spec, Env{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = src.Close() })
	return src
}

func mustOpenURL(t *testing.T, address string, env Env) Source {
	t.Helper()
	src, err := openURL(t, address, env)
	if err != nil {
		t.Fatal(err)
	}
	return src
}

func mustNext(t *testing.T, src Source) Picture {
	t.Helper()
	pic, err := src.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return pic
}

// writePart sends one part of a stream as a proper camera does.
func writePart(w http.ResponseWriter, pic []byte) {
	_, _ = fmt.Fprintf(w, "--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\nX-Timestamp: 12.5\r\n\r\n%s\r\n", len(pic), pic)
	w.(http.Flusher).Flush()
}

func startStream(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "multipart/x-mixed-replace;boundary=frame")
	w.WriteHeader(http.StatusOK)
	w.(http.Flusher).Flush()
}

func TestHTTPStreamPassesThrough(t *testing.T) {
	pictures := [][]byte{noiseJPEG(t, 1, 300), withThumbnail(noiseJPEG(t, 2, 200), noiseJPEG(t, 3, 20)), noiseJPEG(t, 4, 64)}
	taken := make(chan struct{})
	address := camera(t, func(w http.ResponseWriter, r *http.Request) {
		startStream(w)
		for _, pic := range pictures {
			writePart(w, pic)
			<-taken
		}
		<-r.Context().Done()
	})
	src := mustOpenURL(t, address, Env{})
	if info := src.Info(); !info.Untouched || info.Format != "MJPG" {
		t.Errorf("info %+v", info)
	}
	begin := time.Now()
	for i, want := range pictures {
		pic := mustNext(t, src)
		if !bytes.Equal(pic.Data, want) {
			t.Errorf("picture %d is not the camera's", i)
		}
		if pic.Captured.Before(begin.Add(-time.Second)) || pic.Captured.After(time.Now()) {
			t.Errorf("picture %d captured %v, which is not when it arrived", i, pic.Captured)
		}
		taken <- struct{}{}
	}
}

// Who takes slowly gets the newest picture; the others are counted.
func TestHTTPStreamNewestWins(t *testing.T) {
	const sent = 50
	var drops counter
	address := camera(t, func(w http.ResponseWriter, r *http.Request) {
		startStream(w)
		for i := range uint64(sent) {
			writePart(w, noiseJPEG(t, i, 32))
		}
		<-r.Context().Done()
	})
	counted := make(chan struct{}, sent)
	src := mustOpenURL(t, address, Env{Dropped: func(reason string, n uint64) {
		drops.add(reason, n)
		counted <- struct{}{}
	}})
	for range sent - 1 {
		<-counted
	}
	if pic := mustNext(t, src); !bytes.Equal(pic.Data, noiseJPEG(t, sent-1, 32)) {
		t.Error("not the newest picture")
	}
	if n := drops.get(DropNetwork); n != sent-1 {
		t.Errorf("%d counted as dropped, want %d", n, sent-1)
	}
}

func TestHTTPStreamOfALyingCamera(t *testing.T) {
	var drops counter
	var log bytes.Buffer
	pic := noiseJPEG(t, 1, 100)
	taken := make(chan struct{})
	address := camera(t, func(w http.ResponseWriter, r *http.Request) {
		startStream(w)
		for _, length := range []int{len(pic) - 100, len(pic) + 100, 1 << 40, 3} {
			_, _ = fmt.Fprintf(w, "--frame\r\nContent-Length: %d\r\n\r\n%s\r\n--frame\r\n\r\nnot a picture\r\n", length, pic)
			w.(http.Flusher).Flush()
			<-taken
		}
		<-r.Context().Done()
	})
	src := mustOpenURL(t, withLogin(address), Env{Dropped: drops.add, Log: slog.New(slog.NewTextHandler(&log, nil))})
	for i := range 4 {
		if got := mustNext(t, src); !bytes.Equal(got.Data, pic) {
			t.Errorf("picture %d: %d bytes, want %d", i, len(got.Data), len(pic))
		}
		taken <- struct{}{}
	}
	_ = src.Close()
	if n := drops.get(DropInvalid); n < 3 {
		t.Errorf("%d parts counted as invalid", n)
	}
	if lines := strings.Count(log.String(), "\n"); lines != 2 {
		t.Errorf("%d warnings, want one about lengths and one about parts:\n%s", lines, log.String())
	}
	if strings.Contains(log.String(), cameraUser) {
		t.Errorf("the log shows the user's name:\n%s", log.String())
	}
}

func TestHTTPOpenEnds(t *testing.T) {
	// Nobody listens.
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	_ = listener.Close()
	if _, err := openURL(t, "http://"+address+"/", Env{}); err == nil || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("nobody listens: %v", err)
	}
	// The caller gives up.
	asked := make(chan struct{})
	spec, err := Parse(camera(t, func(_ http.ResponseWriter, r *http.Request) {
		close(asked)
		<-r.Context().Done()
	}))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-asked
		cancel()
	}()
	if _, err := OpenHTTP(ctx, spec, Env{OpenTimeout: time.Hour}); !errors.Is(err, context.Canceled) {
		t.Errorf("given up: %v", err)
	}
}

// The context of opening has no power over the open source.
func TestHTTPOutlivesOpening(t *testing.T) {
	pic := noiseJPEG(t, 1, 32)
	cancelled := make(chan struct{})
	spec, err := Parse(camera(t, func(w http.ResponseWriter, r *http.Request) {
		startStream(w)
		<-cancelled
		writePart(w, pic)
		<-r.Context().Done()
	}))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	src, err := OpenHTTP(ctx, spec, Env{OpenTimeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	cancel()
	close(cancelled)
	mustNext(t, src)
}

func TestHTTPStill(t *testing.T) {
	pic, other := noiseJPEG(t, 1, 64), noiseJPEG(t, 2, 64)
	for _, kind := range []string{"image/jpeg", "application/octet-stream", ""} {
		var asked, unchanged atomic.Int64
		address := camera(t, func(w http.ResponseWriter, r *http.Request) {
			data, tag := pic, `"one"`
			if asked.Add(1) > 20 {
				data, tag = other, `"two"`
			}
			if r.Header.Get("If-None-Match") == tag {
				unchanged.Add(1)
				w.WriteHeader(http.StatusNotModified)
				return
			}
			w.Header()["Content-Type"] = []string{kind}
			if kind == "" {
				w.Header()["Content-Type"] = nil
			}
			w.Header().Set("ETag", tag)
			_, _ = w.Write(data)
		})
		src := openAt(t, address, 200)
		if info := src.Info(); info.Format != "jpeg" || info.FPS != 200 || !info.Untouched {
			t.Errorf("%q: info %+v", kind, info)
		}
		if got := mustNext(t, src); !bytes.Equal(got.Data, pic) {
			t.Errorf("%q: the first picture is another one", kind)
		}
		if got := mustNext(t, src); !bytes.Equal(got.Data, other) {
			t.Errorf("%q: an unchanged picture was given again", kind)
		}
		if n := unchanged.Load(); n < 18 {
			t.Errorf("%q: %d requests were answered 'not modified', want 19 or so", kind, n)
		}
		_ = src.Close()
	}
}

func TestHTTPStillModifiedSince(t *testing.T) {
	const date = "Mon, 02 Nov 2026 10:00:00 GMT"
	seen := make(chan string, 10)
	address := camera(t, func(w http.ResponseWriter, r *http.Request) {
		select {
		case seen <- r.Header.Get("If-Modified-Since"):
		default:
		}
		w.Header().Set("Content-Type", "image/jpeg")
		w.Header().Set("Last-Modified", date)
		_, _ = w.Write(noiseJPEG(t, 1, 16))
	})
	openAt(t, address, 100)
	if first, second := <-seen, <-seen; first != "" || second != date {
		t.Errorf("asked with %q, then %q; want the date the second time", first, second)
	}
}

func TestHTTPSVerifies(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		startStream(w)
		writePart(w, noiseJPEG(t, 1, 16))
		<-r.Context().Done()
	}))
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	server.StartTLS()
	defer func() {
		server.CloseClientConnections()
		server.Close()
	}()
	if _, err := openURL(t, server.URL, Env{}); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("a certificate of nobody was accepted: %v", err)
	}
	spec, _ := Parse(server.URL)
	transport := server.Client().Transport.(*http.Transport).Clone()
	src, err := openHTTP(t.Context(), spec, Env{}.OrDefaults(), transport)
	if err != nil {
		t.Fatal(err)
	}
	mustNext(t, src)
	_ = src.Close()
}

// Close and ctx get through whatever the network does.
func TestHTTPEnds(t *testing.T) {
	pic := noiseJPEG(t, 1, 16)
	for name, handler := range map[string]http.HandlerFunc{
		"stream that hangs": func(w http.ResponseWriter, r *http.Request) {
			startStream(w)
			writePart(w, pic)
			_, _ = w.Write([]byte("--frame\r\n\r\n\xff\xd8"))
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		},
		"still that hangs": func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("If-None-Match") != "" {
				<-r.Context().Done()
				return
			}
			w.Header().Set("Content-Type", "image/jpeg")
			w.Header().Set("ETag", `"1"`)
			_, _ = w.Write(pic)
		},
	} {
		t.Run(name, func(t *testing.T) {
			spec, _ := Parse(camera(t, handler))
			spec.FPS = 100
			testEnds(t, func() Source {
				src, err := OpenHTTP(t.Context(), spec, Env{OpenTimeout: time.Hour, ReadTimeout: time.Hour})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = src.Close() })
				return src
			})
		})
	}
}
