package bus_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"io"
	"log/slog"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/lensbus/lensbus/broker"
	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
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
	if err := goleak.Find(goleak.IgnoreAnyFunction("github.com/nats-io/nats-server/v2/server/ats.Register.func1")); code == 0 && err != nil {
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
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { c.run(ctx, fps) })
	stop = func() { cancel(); wg.Wait() }
	c.t.Cleanup(stop)
	return stop
}

func eventually(t testing.TB, condition func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		if time.Now().After(deadline) {
			t.Fatal("the condition did not come true in time")
		}
		<-tick.C
	}
}

func TestFramesArrive(t *testing.T) {
	server := startBroker(t, broker.Config{})
	conn := connect(t, bus.Options{Server: server.URL()})
	camera := newCamera(t, conn, "front", 30_000)
	if storage, err := conn.EnsureStream(context20(t), "front"); err != nil || storage != bus.StorageMemory {
		t.Fatalf("stream: %q, %v", storage, err)
	}
	viewer := connect(t, bus.Options{Server: server.URL()})
	live, err := viewer.Live("front")
	if err != nil {
		t.Fatal(err)
	}
	camera.start(30)
	var prev frame.Frame
	for range 20 {
		f, err := live.Next(context20(t))
		if err != nil {
			t.Fatal(err)
		}
		if f.Camera != "front" || f.Width != 64 || f.Height != 48 || !f.Key || !bytes.Equal(f.Data, camera.f.Data) {
			t.Fatalf("frame differs from what was published: %s %dx%d, %d bytes", f.Camera, f.Width, f.Height, len(f.Data))
		}
		if f.Seq <= prev.Seq {
			t.Fatalf("frame %d came after %d", f.Seq, prev.Seq)
		}
		prev = f
	}
	if err := live.Close(); err != nil {
		t.Fatal(err)
	}
	if err := live.Close(); err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := live.Next(context20(t)); err != nil {
			if !errors.Is(err, bus.ErrClosed) {
				t.Fatalf("Next after Close: %v", err)
			}
			break
		}
	}
}

// The first picture does not wait for the next frame: cameras that send one a minute exist.
func TestNewViewerSeesTheNewestAtOnce(t *testing.T) {
	server := startBroker(t, broker.Config{})
	conn := connect(t, bus.Options{Server: server.URL()})
	if _, err := conn.Newest(context20(t), "front"); !errors.Is(err, bus.ErrNoPicture) {
		t.Fatalf("without a stream: %v", err)
	}
	camera := newCamera(t, conn, "front", 10_000)
	if _, err := conn.EnsureStream(context20(t), "front"); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Newest(context20(t), "front"); !errors.Is(err, bus.ErrNoPicture) {
		t.Fatalf("with an empty stream: %v", err)
	}
	for range 3 {
		if err := camera.publish(context20(t)); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, func() bool { f, err := conn.Newest(context20(t), "front"); return err == nil && f.Seq == 3 })

	viewer := connect(t, bus.Options{Server: server.URL()})
	for _, id := range []frame.CameraID{"front", "front"} { // on a new link and on one that runs
		live, err := viewer.Live(id)
		if err != nil {
			t.Fatal(err)
		}
		f, err := live.Next(context20(t))
		if err != nil || f.Seq != 3 {
			t.Fatalf("first picture: frame %d, %v", f.Seq, err)
		}
	}
}

func TestWithoutJetStreamLivePicturesFlow(t *testing.T) {
	server := startBroker(t, broker.Config{NoJetStream: true})
	conn := connect(t, bus.Options{Server: server.URL()})
	camera := newCamera(t, conn, "front", 10_000)
	if storage, err := conn.EnsureStream(context20(t), "front"); err == nil || storage != bus.StorageNone {
		t.Fatalf("stream: %q, %v", storage, err)
	}
	camera.start(30)
	live, err := conn.Live("front")
	if err != nil {
		t.Fatal(err)
	}
	for range 10 {
		if _, err := live.Next(context20(t)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestEveryViewerGetsEveryFrame(t *testing.T) {
	server := startBroker(t, broker.Config{})
	conn := connect(t, bus.Options{Server: server.URL()})
	camera := newCamera(t, conn, "front", 50_000)
	if _, err := conn.EnsureStream(context20(t), "front"); err != nil {
		t.Fatal(err)
	}
	camera.start(30)
	var lives []*bus.Live
	for range 4 {
		live, err := connect(t, bus.Options{Server: server.URL()}).Live("front")
		if err != nil {
			t.Fatal(err)
		}
		lives = append(lives, live)
	}
	for _, live := range lives {
		eventually(t, func() bool { return live.Stats().Received >= 5 }) // all have come
	}
	before := make([]bus.LiveStats, len(lives))
	for i, live := range lives {
		before[i] = live.Stats()
	}
	for i, live := range lives {
		eventually(t, func() bool { return live.Stats().Received >= before[i].Received+60 })
		if missed := live.Stats().Missed - before[i].Missed; missed != 0 {
			t.Errorf("viewer %d missed %d frames", i, missed)
		}
	}
}

func TestHostileMessagesAreCounted(t *testing.T) {
	server := startBroker(t, broker.Config{})
	conn := connect(t, bus.Options{Server: server.URL()})
	camera := newCamera(t, conn, "front", 5_000)
	if _, err := conn.EnsureStream(context20(t), "front"); err != nil {
		t.Fatal(err)
	}
	live, err := conn.Live("front")
	if err != nil {
		t.Fatal(err)
	}
	camera.start(20)
	if _, err := live.Next(context20(t)); err != nil {
		t.Fatal(err)
	}
	nc := conn.NATS()
	if err := nc.Publish("cam.front.frame", []byte("<html>no picture</html>")); err != nil {
		t.Fatal(err)
	}
	raw, err := net.Dial("tcp", server.URL()[len("nats://"):])
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	go func() { _, _ = io.Copy(io.Discard, raw) }()
	if _, err := raw.Write([]byte("CONNECT {\"verbose\":false,\"headers\":true}\r\nHPUB cam.front.frame 12 14\r\nNATS/9.9\r\n\r\nxx\r\nHPUB cam.front.frame 0 0\r\n\r\nPING\r\n")); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool {
		var n uint64
		for _, count := range live.Stats().Rejected {
			n += count
		}
		return n >= 1
	})
	received := live.Stats().Received
	eventually(t, func() bool { return live.Stats().Received > received+3 })
}

// A broker that goes and comes back: the viewer is back by itself and what was published in
// between is not played.
func TestBrokerRestart(t *testing.T) {
	server := startBroker(t, broker.Config{})
	address := server.URL()[len("nats://"):]
	conn := connect(t, bus.Options{Server: server.URL()})
	camera := newCamera(t, conn, "front", 20_000)
	live, err := connect(t, bus.Options{Server: server.URL()}).Live("front")
	if err != nil {
		t.Fatal(err)
	}
	camera.start(30)
	if _, err := live.Next(context20(t)); err != nil {
		t.Fatal(err)
	}
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { return !conn.NATS().IsConnected() })
	back := time.Now()
	startBroker(t, broker.Config{Listen: address})
	for {
		f, err := live.Next(context20(t))
		if err != nil {
			t.Fatal(err)
		}
		if f.Captured.After(back) {
			break
		}
	}
	t.Logf("first picture %v after the broker's start began", time.Since(back).Round(time.Millisecond))
}

func TestConnectDoesNotWaitForTheServer(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	_ = listener.Close()
	conn := connect(t, bus.Options{Server: "nats://" + address})
	camera, err := conn.Publisher("front")
	if err != nil {
		t.Fatal(err)
	}
	f := frame.Frame{Camera: "front"}
	if err := camera.Publish(context20(t), &f); !errors.Is(err, bus.ErrDisconnected) {
		t.Fatalf("publish without a server: %v", err)
	}
	live, err := conn.Live("front")
	if err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if err := conn.WaitConnected(short); err == nil {
		t.Fatal("connected to nobody")
	}
	startBroker(t, broker.Config{Listen: address})
	if err := conn.WaitConnected(context20(t)); err != nil {
		t.Fatal(err)
	}
	newCamera(t, conn, "front", 5_000).start(20)
	if _, err := live.Next(context20(t)); err != nil {
		t.Fatal(err)
	}
}

func TestStatuses(t *testing.T) {
	server := startBroker(t, broker.Config{})
	conn := connect(t, bus.Options{Server: server.URL()})
	if err := conn.WaitConnected(context20(t)); err != nil {
		t.Fatal(err)
	}
	got := make(chan frame.Status, 10)
	stop, err := conn.Statuses(func(s frame.Status) { got <- s })
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	for _, hostile := range []string{`{"id":"yard"}`, `null`, `]`, ``} {
		if err := conn.NATS().Publish("cam.front.status", []byte(hostile)); err != nil {
			t.Fatal(err)
		}
	}
	if err := conn.PublishStatus(frame.Status{ID: "front", State: frame.StateLive}); err != nil {
		t.Fatal(err)
	}
	select {
	case s := <-got:
		if s.ID != "front" || s.State != frame.StateLive {
			t.Fatalf("%+v", s)
		}
	case <-time.After(patience):
		t.Fatal("no status")
	}
	stop()
	stop()
}

func TestWrongOptions(t *testing.T) {
	for name, o := range map[string]bus.Options{
		"no URL":          {Server: "nats://user:hunter2@"},
		"scheme":          {Server: "http://user:hunter2@localhost"},
		"both":            {Server: "nats://localhost", Context: "x"},
		"second of two":   {Server: "nats://localhost,ftp://localhost"},
		"unknown context": {Context: "no-such-context"},
	} {
		conn, err := bus.Connect(context20(t), o)
		if err == nil {
			_ = conn.Close()
			t.Errorf("%s: no error", name)
			continue
		}
		if bytes.Contains([]byte(err.Error()), []byte("hunter2")) {
			t.Errorf("%s: the error shows a password: %v", name, err)
		}
	}
}
