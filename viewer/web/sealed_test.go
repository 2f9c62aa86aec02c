package web

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/seal"
	"github.com/lensbus/lensbus/viewer"
)

// A page with the key shows a sealed camera as any other; one without says why it shows nothing, to those
// too who ask before the camera has told of itself.
func TestSealedCamera(t *testing.T) {
	t.Parallel()
	b := testBed(t, Config{})
	key, err := seal.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	sealer, err := seal.NewSealer(key, []seal.Public{key.Public()})
	if err != nil {
		t.Fatal(err)
	}
	c := newCamera(t, b.broker.URL(), "front", 30_000)
	publish := func() {
		f, err := sealer.Seal(c.frame(time.Now()))
		if err == nil {
			err = c.out.Publish(t.Context(), &f)
		}
		if err != nil {
			t.Error(err)
		}
	}
	f, err := b.server.hub.attach(feedKey{id: "front"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.release)
	waitFor(t, "the page to say that it is sealed", 20*time.Second, func() bool {
		publish()
		s, _ := f.signals.Newest()
		return s.Reason == viewer.NoKey && !s.Live && f.isKnown()
	})
	if p := f.newest(); p != nil {
		t.Errorf("a page without the key has a picture: %s", p.Codec)
	}
	for _, query := range []string{"", "?stale=1"} {
		resp, body := get(t, "http://"+b.addr+"/cameras/front/snapshot.jpg"+query, nil)
		if resp.StatusCode != http.StatusServiceUnavailable || bytes.Contains(body, []byte{0xFF, 0xD8}) {
			t.Errorf("snapshot%s: %s, %d bytes", query, resp.Status, len(body))
		}
	}
	if status, reason := b.server.recorderStatus("front", fmt.Errorf("replay: %w", frame.NoKey())); status != http.StatusLocked || reason != viewer.NoKey {
		t.Errorf("a replay: %d, %s", status, reason)
	}

	conn, err := bus.Connect(t.Context(), bus.Options{Server: b.broker.URL(), Opener: seal.NewOpener(seal.Keys{Own: []seal.Key{key}})})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	server, err := New(Config{}, Deps{Bus: conn, Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	opened, err := server.hub.attach(feedKey{id: "front"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(opened.release)
	waitFor(t, "the page with the key to have a picture", 20*time.Second, func() bool {
		publish()
		p := opened.newest()
		return p != nil && p.Codec == frame.JPEG && bytes.Equal(p.Data, c.data)
	})
	// Whatever a client is told of the picture, it is a JPEG.
	asked := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://127.0.0.1/cameras/front/snapshot.jpg?stale=1", nil)
	answer := httptest.NewRecorder()
	server.Handler().ServeHTTP(answer, asked)
	if answer.Code != http.StatusOK || !bytes.Equal(answer.Body.Bytes(), c.data) || strings.Contains(answer.Header().Get(frame.HeaderCodec), "sealed") {
		t.Errorf("snapshot with the key: %d, %d bytes, %v", answer.Code, answer.Body.Len(), answer.Header())
	}
}
