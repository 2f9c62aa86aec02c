package publisher

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/lensbus/lensbus/broker"
	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/test/free"
)

// Two publishers of one camera that both began while there was no broker: one of them ends, and
// says why.
func TestTwinsThatBeganWithoutABroker(t *testing.T) {
	address := free.Address(t)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	ended := make(chan error, 2)
	for range 2 {
		conn, err := bus.Connect(ctx, bus.Options{Server: "nats://" + address})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		cfg := Config{Cameras: map[frame.CameraID]CameraConfig{"front": {Source: "test:?width=64&height=48&fps=10"}}}
		go func() {
			ended <- Run(ctx, cfg, Deps{Bus: conn, Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
		}()
	}
	starting, stop := context.WithTimeout(ctx, patience)
	defer stop()
	server, err := broker.Start(starting, broker.Config{Listen: address}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	select {
	case err := <-ended:
		if !errors.Is(err, ErrTaken) {
			t.Errorf("the one that ends says %v", err)
		}
	case <-starting.Done():
		t.Fatal("both go on")
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("the one that went on ends with %v", err)
	}
}

func TestDamagedSavedSettingsStopNobody(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "front.json"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	r := newRig(t, CameraConfig{}, Deps{StateDir: dir})
	if d := r.get(); d.Saved || d.Settings.Width != 320 || len(d.Status.Warnings) != 1 {
		t.Errorf("saved %v, %+v, warnings %q", d.Saved, d.Settings, d.Status.Warnings)
	}
}

// A configuration may have no cameras for a time.
func TestReloadFromNothingToSomethingAndBack(t *testing.T) {
	r := newRig(t, CameraConfig{}, Deps{})
	reload := make(chan Config)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- Run(ctx, Config{}, Deps{Bus: r.conn, Reload: reload}) }()
	some := Config{Cameras: map[frame.CameraID]CameraConfig{"yard": {Source: "test:?width=64&height=48&fps=20"}}}
	live, err := r.conn.Live("yard")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		reload <- some
		if _, err := live.Next(t.Context()); err != nil {
			t.Fatal(err)
		}
		reload <- Config{}
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// One made-up status ends no camera.
func TestForgedTwin(t *testing.T) {
	r := newRig(t, CameraConfig{}, Deps{})
	epoch := r.get().Status.Epoch
	for _, forged := range []string{
		`{"id":"front","state":"live"}`,
		`{"id":"front","state":"live","epoch":"AAAA","started":"2001-01-01T00:00:00Z"}`,
	} {
		if err := r.conn.NATS().Publish("cam.front.status", []byte(forged)); err != nil {
			t.Fatal(err)
		}
	}
	f := r.frames("any", func(frame.Frame) bool { return true })
	r.frames("three seconds later", func(g frame.Frame) bool { return g.Seq > f.Seq+60 })
	if now := r.get().Status.Epoch; now != epoch {
		t.Error("the camera was ended by a made-up status")
	}
}
