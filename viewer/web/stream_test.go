package web

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/lensbus/lensbus/bus"
)

func listen(t *testing.T, h http.Handler, with func(addr string)) {
	t.Helper()
	s := httptest.NewServer(h)
	defer s.Close()
	with(s.Listener.Addr().String())
}

func TestStreamDeliversEveryFrameUntouched(t *testing.T) {
	t.Parallel()
	b := testBed(t, Config{})
	c := newCamera(t, b.broker.URL(), "front", 50_000)
	c.run(20)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var first, last uint64
	n := 0
	err := mjpeg(ctx, httpClient(t, nil), "http://"+b.addr+"/cameras/front/stream.mjpeg", func(p part) {
		if !bytes.Equal(p.data, c.data) {
			t.Errorf("frame %d is not the published one", p.seq)
		}
		if p.seq <= last {
			t.Errorf("frame %d after %d", p.seq, last)
		}
		if n == 0 {
			first = p.seq
		}
		if n, last = n+1, p.seq; n == 60 {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if missing := last - first + 1 - 60; missing > 6 { // a machine that does other things too
		t.Errorf("a viewer on this machine skipped %d of %d frames", missing, last-first+1)
	}
}

// The boundary comes right behind the picture: viewers that wait for it are not a frame late.
func TestStreamBytes(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"1.0", "1.1"} {
		b := testBed(t, Config{})
		c := newCamera(t, b.broker.URL(), "front", 9_000)
		_, r := raw(t, b.addr, "GET /cameras/front/stream.mjpeg HTTP/"+version+"\r\nHost: localhost\r\n\r\n")
		waitFor(t, "the camera is watched", 5*time.Second, func() bool {
			b.server.hub.mu.Lock()
			defer b.server.hub.mu.Unlock()
			return len(b.server.hub.feeds) == 1
		})
		f := c.publish(time.Now()) // one frame only
		var head strings.Builder
		for !strings.HasSuffix(head.String(), "\r\n\r\n") {
			line, err := r.ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			head.WriteString(line)
		}
		for _, want := range []string{"HTTP/" + version + " 200 OK\r\n", "Connection: close\r\n", "Cache-Control: no-store\r\n", "multipart/x-mixed-replace; boundary=lensbus\r\n"} {
			if !strings.Contains(head.String(), want) {
				t.Errorf("HTTP/%s: no %q in %q", version, want, head.String())
			}
		}
		if strings.Contains(head.String(), "chunked") {
			t.Errorf("HTTP/%s: chunked", version)
		}
		want := "--lensbus\r\n" + string(partHeader(&f)) + string(c.data) + "\r\n--lensbus\r\n"
		got := make([]byte, len(want))
		if _, err := io.ReadFull(r, got); err != nil {
			t.Fatal(err)
		}
		if string(got) != want {
			t.Errorf("HTTP/%s: stream begins %.200q, want %.200q", version, got, want)
		}
	}
}

func TestPreviewIsSlower(t *testing.T) {
	t.Parallel()
	b := testBed(t, Config{PreviewFPS: 5})
	newCamera(t, b.broker.URL(), "front", 5_000).run(30)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var began time.Time
	n := 0
	_ = mjpeg(ctx, httpClient(t, nil), "http://"+b.addr+"/cameras/front/preview.mjpeg", func(p part) {
		if n++; n == 1 {
			began = p.at
		}
		if n == 11 {
			cancel()
			if took := p.at.Sub(began); took < 1900*time.Millisecond {
				t.Errorf("11 frames in %s at 5 a second", took)
			}
		}
	})
	if n != 11 {
		t.Errorf("%d frames", n)
	}
}

// One receiver for all, and none once nobody watches.
func TestOneLiveForAll(t *testing.T) {
	t.Parallel()
	b := testBed(t, Config{Linger: 300 * time.Millisecond})
	newCamera(t, b.broker.URL(), "front", 5_000).run(30)
	feeds := func() (all []*feed) {
		b.server.hub.mu.Lock()
		defer b.server.hub.mu.Unlock()
		for _, f := range b.server.hub.feeds {
			all = append(all, f)
		}
		return all
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	errs := make(chan error, 8)
	got := make(chan struct{}, 8)
	for range 8 {
		go func() {
			first := true
			errs <- mjpeg(ctx, httpClient(t, nil), "http://"+b.addr+"/cameras/front/stream.mjpeg", func(part) {
				if first {
					first = false
					got <- struct{}{}
				}
			})
		}()
	}
	for range 8 {
		select {
		case <-got:
		case err := <-errs:
			t.Fatal(err)
		}
	}
	watched := feeds()
	if len(watched) != 1 {
		t.Fatalf("%d feeds", len(watched))
	}
	b.server.hub.mu.Lock()
	refs := watched[0].refs
	b.server.hub.mu.Unlock()
	if refs != 8 {
		t.Fatalf("%d viewers of the one feed", refs)
	}
	cancel()
	for range 8 {
		<-errs
	}
	waitFor(t, "the camera is no longer received", 10*time.Second, func() bool { return len(feeds()) == 0 })
	if _, _, err := watched[0].source.Reader().Next(t.Context()); err != nil && !errors.Is(err, bus.ErrClosed) {
		t.Error(err)
	}
	waitFor(t, "its Live is closed", 5*time.Second, func() bool {
		r := watched[0].source.Reader()
		_, _, _ = r.Next(t.Context())
		_, _, err := r.Next(t.Context())
		return errors.Is(err, bus.ErrClosed)
	})
}

func TestTooManyViewers(t *testing.T) {
	t.Parallel()
	b := testBed(t, Config{MaxViewers: 1})
	newCamera(t, b.broker.URL(), "front", 5_000).run(30)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	url := "http://" + b.addr + "/cameras/front/"
	asked := false
	_ = mjpeg(ctx, httpClient(t, nil), url+"stream.mjpeg", func(part) {
		resp, body := get(t, url+"snapshot.jpg", nil)
		if resp.StatusCode != 503 || !strings.Contains(string(body), "max_viewers") {
			t.Errorf("%s %.100s", resp.Status, body)
		}
		asked = true
		cancel()
	})
	if !asked {
		t.Error("no frame")
	}
	waitFor(t, "there is room again", 10*time.Second, func() bool {
		resp, _ := get(t, url+"snapshot.jpg", nil)
		return resp.StatusCode == 200
	})
}
