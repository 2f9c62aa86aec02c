package publisher

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	ossignal "os/signal"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/lensbus/lensbus/broker"
	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/publisher/source"
	"github.com/lensbus/lensbus/publisher/source/worker"
	"github.com/lensbus/lensbus/test/await"
)

func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == "capture-worker" { // this program is its own worker
		ctx, stop := ossignal.NotifyContext(context.Background(), syscall.SIGTERM)
		err := worker.Serve(ctx, os.Stdin, os.Stdout, func(spec source.Spec) (source.Opener, error) { return Opener(spec.Kind), nil })
		stop()
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	// nats-server keeps one clock for all servers of a process, and sometimes longer than them.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/nats-io/nats-server/v2/server/ats.Register.func1"))
}

const patience = 20 * time.Second

// jpegOf encodes noise, so that the picture is large and compresses badly.
func jpegOf(t testing.TB, width, height, quality int) []byte {
	t.Helper()
	img := image.NewGray(image.Rect(0, 0, width, height))
	random := rand.New(rand.NewPCG(1, 2))
	for i := range img.Pix {
		img.Pix[i] = byte(random.Uint32())
	}
	img.SetGray(0, 0, color.Gray{})
	var out bytes.Buffer
	if err := jpeg.Encode(&out, img, &jpeg.Options{Quality: quality}); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// scripted is a source that does what its script says, one step a picture.
type scripted struct {
	steps  <-chan step
	info   source.Info
	closed chan struct{}
	once   sync.Once
}

type step struct {
	data []byte
	err  error
}

func (s *scripted) Next(ctx context.Context) (source.Picture, error) {
	select {
	case next, ok := <-s.steps:
		if !ok {
			return source.Picture{}, io.EOF
		}
		return source.Picture{Data: next.data, Captured: time.Now()}, next.err
	case <-ctx.Done():
		return source.Picture{}, ctx.Err()
	case <-s.closed:
		return source.Picture{}, source.ErrClosed
	}
}

func (s *scripted) Info() source.Info { return s.info }

func (s *scripted) Close() error { s.once.Do(func() { close(s.closed) }); return nil }

// bench is a broker with a camera whose source is scripted.
type bench struct {
	t        *testing.T
	server   *broker.Server
	conn     *bus.Conn  // the watching end
	relay    *stoppable // between the camera and the broker
	camera   *camera
	steps    chan step
	statuses bus.Latest[frame.Status]
	live     *bus.Live

	mu      sync.Mutex
	opened  int
	openErr error
}

func newBench(t *testing.T, config broker.Config, cfg CameraConfig) *bench {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	config.Listen = "127.0.0.1:0"
	server, err := broker.Start(ctx, config, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	conn, err := bus.Connect(ctx, bus.Options{Server: server.URL()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.WaitConnected(ctx); err != nil {
		t.Fatal(err)
	}
	b := &bench{t: t, server: server, conn: conn, steps: make(chan step)}
	if cfg.Source == "" {
		cfg.Source = "v4l2:/dev/scripted"
	}
	relay := newStoppable(t, server.URL()[len("nats://"):])
	through, err := bus.Connect(ctx, bus.Options{Server: "nats://" + relay.listener.Addr().String()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = through.Close() })
	b.relay = relay
	deps := Deps{Bus: through, Log: slog.New(slog.NewTextHandler(t.Output(), nil))}
	if b.camera, err = newCamera("front", cfg.orDefaults(), deps, "host"); err != nil {
		t.Fatal(err)
	}
	b.camera.open = b.open
	stop, err := conn.Statuses(b.statuses.Put)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	if b.live, err = conn.Live("front"); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *bench) open(context.Context, source.Spec, source.Env) (source.Source, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.opened++
	if b.openErr != nil {
		return nil, b.openErr
	}
	return &scripted{steps: b.steps, closed: make(chan struct{}), info: source.Info{Format: "MJPG", Untouched: true}}, nil
}

// run lives the camera's life; the function that it returns ends it and waits.
func (b *bench) run() (end func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- b.camera.run(ctx) }()
	var once sync.Once
	end = func() {
		once.Do(func() {
			cancel()
			select {
			case err := <-done:
				if err != nil {
					b.t.Errorf("run: %v", err)
				}
			case <-time.After(patience):
				b.t.Error("the camera does not end")
			}
		})
	}
	b.t.Cleanup(end)
	return end
}

func (b *bench) step(data []byte, err error) {
	b.t.Helper()
	select {
	case b.steps <- step{data, err}:
	case <-time.After(patience):
		b.t.Fatal("nobody reads the source")
	}
}

// status waits until the published status is as wanted.
func (b *bench) status(what string, wanted func(frame.Status) bool) frame.Status {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	reader := b.statuses.Reader()
	var last frame.Status
	for {
		s, _, err := reader.Next(ctx)
		if err != nil {
			b.t.Fatalf("no status with %s; the last: %+v", what, last)
		}
		if last = s; wanted(s) {
			return s
		}
	}
}

// next shows the camera a picture until a frame like that arrives: the viewer may not be
// subscribed yet.
func (b *bench) next(data []byte, like func(frame.Frame) bool) frame.Frame {
	b.t.Helper()
	deadline := time.After(patience)
	for {
		b.step(data, nil)
		ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
		f, err := b.live.Next(ctx)
		cancel()
		if err == nil && like(f) {
			return f
		}
		select {
		case <-deadline:
			b.t.Fatalf("no such frame; the last: %dx%d, %d bytes", f.Width, f.Height, len(f.Data))
		default:
		}
	}
}

func size(width, height int) func(frame.Frame) bool {
	return func(f frame.Frame) bool { return f.Width == width && f.Height == height }
}

// feed shows the camera the pictures again and again until the function that it returns is called.
func (b *bench) feed(pictures ...[]byte) (stop func()) {
	end := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := 0; ; i++ {
			select {
			case b.steps <- step{data: pictures[i%len(pictures)]}:
			case <-end:
				return
			}
		}
	})
	return func() { close(end); wg.Wait() }
}

func eventually(t *testing.T, condition func() bool) {
	t.Helper()
	if !await.True(patience, 2*time.Millisecond, condition) {
		t.Fatal("the condition did not come true in time")
	}
}
