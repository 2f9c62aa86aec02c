package bus_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"log/slog"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"github.com/lensbus/lensbus/broker"
	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/test/await"
)

func TestMain(m *testing.M) {
	// The example connects to a bus with one camera, whose third frame is kept.
	stop, err := exampleBus()
	if err != nil {
		fmt.Fprintln(os.Stderr, "the example's bus:", err)
		os.Exit(1)
	}
	code := m.Run()
	stop()
	// nats-server keeps one clock for all servers of a process, and sometimes longer than them.
	if err := goleak.Find(goleak.IgnoreAnyFunction("github.com/nats-io/nats-server/v2/server/ats.Register.func1"),
		// It tells a site, for ten seconds, that a copy of its stream has ended.
		goleak.IgnoreAnyFunction("github.com/nats-io/nats-server/v2/server.(*stream).tryDeleteSourcingConsumer.func1")); code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func exampleBus() (stop func(), err error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	server, err := broker.Start(ctx, broker.Config{Listen: "127.0.0.1:0"}, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	conn, err := bus.Connect(ctx, bus.Options{Server: server.URL()})
	if err != nil {
		return nil, errors.Join(err, server.Close())
	}
	stop = func() { _ = conn.Close(); _ = server.Close() }
	if _, err := conn.EnsureStream(ctx, "front"); err != nil {
		stop()
		return nil, err
	}
	out, err := conn.Publisher("front")
	if err != nil {
		stop()
		return nil, err
	}
	data, err := encodePicture(0)
	if err != nil {
		stop()
		return nil, err
	}
	f := frame.Frame{
		Camera: "front", Epoch: frame.NewEpoch(), Seq: 3, Captured: time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC),
		Codec: frame.JPEG, Width: 64, Height: 48, Key: true, Data: data,
	}
	for kept := false; !kept && ctx.Err() == nil; {
		_ = out.Publish(ctx, &f) // fails until the connection is there
		_, err := conn.Newest(ctx, "front")
		kept = err == nil
	}
	return stop, os.Setenv("EXAMPLE_SERVER", server.URL())
}

const patience = 20 * time.Second

func context20(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

func startBroker(t testing.TB, config broker.Config) *broker.Server {
	t.Helper()
	if config.Listen == "" {
		config.Listen = "127.0.0.1:0"
	}
	server, err := broker.Start(context20(t), config, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	return server
}

func connect(t testing.TB, o bus.Options) *bus.Conn {
	t.Helper()
	o.Log = slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
	conn, err := bus.Connect(context20(t), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// connected is a connection that stands, and what manages streams through it.
func connected(t *testing.T, o bus.Options) (*bus.Conn, jetstream.JetStream) {
	t.Helper()
	conn := connect(t, o)
	if err := conn.WaitConnected(context20(t)); err != nil {
		t.Fatal(err)
	}
	js, err := jetstream.New(conn.NATS())
	if err != nil {
		t.Fatal(err)
	}
	return conn, js
}

// picture makes a JPEG of about the given size: a small grey picture with comment segments.
func picture(t testing.TB, size int) []byte {
	t.Helper()
	data, err := encodePicture(size)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func encodePicture(size int) ([]byte, error) {
	img := image.NewGray(image.Rect(0, 0, 64, 48))
	img.SetGray(3, 3, color.Gray{Y: 200})
	var out bytes.Buffer
	if err := jpeg.Encode(&out, img, nil); err != nil {
		return nil, err
	}
	plain := out.Bytes()
	data := append([]byte{}, plain[:2]...)
	for missing := size - len(plain); missing > 4; {
		n := min(missing-2, 60000)
		data = append(data, 0xFF, 0xFE, byte(n>>8), byte(n))
		data = append(data, make([]byte, n-2)...)
		missing -= n + 2
	}
	return append(data, plain[2:]...), nil
}

// camera publishes frames of one camera.
type camera struct {
	t    testing.TB
	conn *bus.Conn
	out  *bus.Publisher
	f    frame.Frame
}

func newCamera(t testing.TB, conn *bus.Conn, id frame.CameraID, size int) *camera {
	t.Helper()
	out, err := conn.Publisher(id)
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.WaitConnected(context20(t)); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { return out.MaxBytes() > 0 })
	return &camera{t: t, conn: conn, out: out, f: frame.Frame{
		Camera: id, Epoch: frame.NewEpoch(), Codec: frame.JPEG, Width: 64, Height: 48, Key: true, Data: picture(t, size),
	}}
}

func (c *camera) publish(ctx context.Context) error {
	f := c.f
	f.Seq++
	f.Captured = time.Now()
	if err := c.out.Publish(ctx, &f); err != nil {
		return err
	}
	c.f.Seq = f.Seq
	return nil
}

// run publishes fps frames a second until ctx is done. A frame that cannot be sent is left out.
func (c *camera) run(ctx context.Context, fps int) {
	tick := time.NewTicker(time.Second / time.Duration(fps))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			_ = c.publish(ctx)
		}
	}
}

// start is run in a goroutine that ends with the test or with stop.
func (c *camera) start(fps int) (stop func()) {
	return during(c.t, func(ctx context.Context) { c.run(ctx, fps) })
}

// during has something go on beside the test, until the test ends or stop is called, which waits for it.
func during(t testing.TB, what func(context.Context)) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { what(ctx) })
	stop = func() { cancel(); running.Wait() }
	t.Cleanup(stop)
	return stop
}

func eventually(t testing.TB, condition func() bool) {
	t.Helper()
	if !await.True(patience, 2*time.Millisecond, condition) {
		t.Fatal("the condition did not come true in time")
	}
}
