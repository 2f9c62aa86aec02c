package web

import (
	"bytes"
	"context"
	"image"
	"image/color"
	"image/jpeg"
	"log/slog"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"go.uber.org/goleak"

	"github.com/lensbus/lensbus/broker"
	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/test/await"
)

func TestMain(m *testing.M) {
	if os.Getenv(benchReaders) != "" { // this process is the browsers of a benchmark
		os.Exit(runBenchReaders())
	}
	goleak.VerifyTestMain(m,
		// nats-server starts these once for the process and never ends them.
		goleak.IgnoreAnyFunction("github.com/nats-io/nats-server/v2/server/ats.init.0.func1"),
		goleak.IgnoreAnyFunction("github.com/nats-io/nats-server/v2/server/ats.Register.func1"))
}

// bed is a broker with a connection to it, and a web server on a free port.
type bed struct {
	broker *broker.Server
	bus    *bus.Conn
	server *Server
	addr   string
	end    func() // ends Serve and waits
}

func testBed(t testing.TB, cfg Config) *bed {
	t.Helper()
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelInfo}))
	b := new(bed)
	var err error
	if b.broker, err = broker.Start(t.Context(), broker.Config{Listen: "127.0.0.1:0"}, log); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.broker.Close(); err != nil {
			t.Error(err)
		}
	})
	b.bus = connect(t, b.broker.URL())
	if b.server, err = New(cfg, Deps{Bus: b.bus, Log: log}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.server.Close() })
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b.addr = listener.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- b.server.Serve(ctx, listener) }()
	b.end = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(b.end)
	return b
}

func connect(t testing.TB, url string) *bus.Conn {
	t.Helper()
	c, err := bus.Connect(t.Context(), bus.Options{Server: url, NATS: []nats.Option{nats.Timeout(5 * time.Second)}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.WaitConnected(t.Context()); err != nil {
		t.Fatal(err)
	}
	return c
}

// jpegOf makes a picture of about size bytes: a small one, filled up with comment segments.
func jpegOf(t testing.TB, width, height, size int) []byte {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, width, height))
	for i := range width * height {
		img.Set(i%width, i/width, color.RGBA{uint8(i), uint8(i / 7), uint8(i / 31), 255})
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, nil); err != nil {
		t.Fatal(err)
	}
	data := b.Bytes()
	out := append([]byte(nil), data[:2]...)
	for left := size - len(data); left > 8; {
		n := min(left, 65000)
		left -= n
		out = append(out, 0xFF, 0xFE, byte((n-2)>>8), byte(n-2))
		out = append(out, make([]byte, n-4)...)
	}
	return append(out, data[2:]...)
}

// camera publishes frames of one camera, and its status.
type camera struct {
	id    frame.CameraID
	bus   *bus.Conn
	epoch string
	data  []byte
	seq   atomic.Uint64
	out   *bus.Publisher
	t     testing.TB
}

func newCamera(t testing.TB, url string, id frame.CameraID, bytes int) *camera {
	t.Helper()
	c := &camera{id: id, bus: connect(t, url), epoch: frame.NewEpoch(), data: jpegOf(t, 64, 48, bytes), t: t}
	var err error
	if c.out, err = c.bus.Publisher(id); err != nil {
		t.Fatal(err)
	}
	if _, err := c.bus.EnsureStream(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the camera to be connected", 20*time.Second, func() bool { return c.out.MaxBytes() > 0 })
	return c
}

func (c *camera) frame(captured time.Time) frame.Frame {
	return frame.Frame{
		Camera: c.id, Epoch: c.epoch, Seq: c.seq.Add(1), Captured: captured,
		Codec: frame.JPEG, Width: 64, Height: 48, Key: true, Data: c.data,
	}
}

func (c *camera) publish(captured time.Time) frame.Frame {
	c.t.Helper()
	f := c.frame(captured)
	if err := c.out.Publish(context.Background(), &f); err != nil {
		c.t.Error(err)
	}
	return f
}

func (c *camera) status(state frame.State, reason string) {
	c.t.Helper()
	now := time.Now()
	s := frame.Status{ID: c.id, Epoch: c.epoch, State: state, Reason: reason, Time: now, Since: now, Started: now, LastFrame: now, Width: 64, Height: 48}
	if err := c.bus.PublishStatus(s); err != nil {
		c.t.Error(err)
	}
	if err := c.bus.NATS().Flush(); err != nil {
		c.t.Error(err)
	}
}

// run publishes at fps until stop is called, which waits.
func (c *camera) run(fps int) (stop func()) {
	done := make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() {
		tick := time.NewTicker(time.Second / time.Duration(fps))
		defer tick.Stop()
		c.status(frame.StateLive, "")
		for n := 0; ; n++ {
			select {
			case <-done:
				return
			case now := <-tick.C:
				c.publish(now)
				if n%fps == 0 {
					c.status(frame.StateLive, "")
				}
			}
		}
	})
	stop = sync.OnceFunc(func() { close(done); running.Wait() })
	c.t.Cleanup(stop)
	return stop
}

// slowConn reads at most rate bytes a second, as a slow link does, with the kernel's own buffers.
type slowConn struct {
	net.Conn
	rate int
	tick *time.Ticker
	last time.Time
	may  float64 // bytes
}

const slowTick = 10 * time.Millisecond

func slowDial(rate int) func(ctx context.Context, network, addr string) (net.Conn, error) {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		var d net.Dialer
		conn, err := d.DialContext(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return &slowConn{Conn: conn, rate: rate, tick: time.NewTicker(slowTick), last: time.Now()}, nil
	}
}

func (c *slowConn) Read(p []byte) (int, error) {
	for c.may < 1 {
		<-c.tick.C
		now := time.Now()
		// What could not be read while the process did not run is read later, at most 100 ms of it.
		c.may = min(c.may+now.Sub(c.last).Seconds()*float64(c.rate), float64(c.rate)/10)
		c.last = now
	}
	n, err := c.Conn.Read(p[:min(len(p), int(c.may))])
	c.may -= float64(n)
	return n, err
}

// waitFor polls until ok, which must come within the time.
func waitFor(t testing.TB, what string, within time.Duration, ok func() bool) {
	t.Helper()
	if !await.True(within, 5*time.Millisecond, ok) {
		t.Fatalf("not within %s: %s", within, what)
	}
}
