package publisher

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/lensbus/lensbus/broker"
	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
)

// rig is a broker and a publisher with one test camera, "front".
type rig struct {
	t    *testing.T
	conn *bus.Conn
	live *bus.Live
	end  func() error

	missed uint64 // by live when it had settled
}

func newRig(t *testing.T, cfg CameraConfig, deps Deps) *rig {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	server, err := broker.Start(ctx, broker.Config{Listen: "127.0.0.1:0"}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	r := &rig{t: t}
	if r.conn, err = bus.Connect(ctx, bus.Options{Server: server.URL()}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.conn.Close() })
	if cfg.Source == "" {
		cfg.Source = "test:?width=320&height=240&fps=20"
	}
	deps.Bus = r.conn
	r.end = r.publish(cfg, deps)
	return r
}

// publish runs the camera until the function that it returns is called.
func (r *rig) publish(cfg CameraConfig, deps Deps) (end func() error) {
	r.t.Helper()
	deps.Log = slog.New(slog.NewTextHandler(r.t.Output(), nil))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- Run(ctx, Config{Cameras: map[frame.CameraID]CameraConfig{"front": cfg}}, deps) }()
	end = sync.OnceValue(func() error {
		cancel()
		select {
		case err := <-done:
			return err
		case <-time.After(patience):
			return errors.New("the publisher does not end")
		}
	})
	r.t.Cleanup(func() { _ = end() })
	return end
}

func (r *rig) control(verb string, request, answer any) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		err := r.conn.Control(ctx, "front", verb, request, answer)
		if !errors.Is(err, bus.ErrNoCamera) && !errors.Is(err, nats.ErrReconnectBufExceeded) {
			return err
		}
	}
}

func (r *rig) get() frame.Detail {
	r.t.Helper()
	var d frame.Detail
	if err := r.control(frame.VerbGet, nil, &d); err != nil {
		r.t.Fatal(err)
	}
	return d
}

// frames waits for a frame like that.
func (r *rig) frames(what string, like func(frame.Frame) bool) frame.Frame {
	r.t.Helper()
	if r.live == nil {
		var err error
		if r.live, err = r.conn.Live("front"); err != nil {
			r.t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		f, err := r.live.Next(ctx)
		if err != nil {
			r.t.Fatalf("no frame with %s: %v", what, err)
		}
		if like(f) {
			return f
		}
	}
}

// settled waits until the viewer misses nothing any more: the first frames it fetches one by one.
func (r *rig) settled() frame.Frame {
	r.t.Helper()
	for {
		f := r.frames("any", func(frame.Frame) bool { return true })
		before := r.live.Stats()
		r.missed = before.Missed
		r.frames("twenty later", func(g frame.Frame) bool { return g.Seq >= f.Seq+20 })
		if r.live.Stats().Missed == r.missed {
			return f
		}
	}
}

// every hands over each frame of the camera that comes from now on; a bus.Live may leave some out.
func (r *rig) every() (next func() frame.Frame) {
	r.t.Helper()
	frames := make(chan *nats.Msg, 10_000)
	sub, err := r.conn.NATS().ChanSubscribe("cam.front.frame", frames)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = sub.Unsubscribe() })
	return func() frame.Frame {
		r.t.Helper()
		select {
		case m := <-frames:
			f, err := frame.Decode(m.Subject, m.Header, m.Data, frame.Limits{})
			if err != nil {
				r.t.Fatal(err)
			}
			return f
		case <-time.After(patience):
			r.t.Fatal("no frame")
			return frame.Frame{}
		}
	}
}

func ptr[T any](v T) *T { return &v }
