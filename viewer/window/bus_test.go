package window

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/test/await"
)

// startServer runs a NATS server with JetStream and returns its URL.
func startServer(t *testing.T) string {
	t.Helper()
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true,
		JetStream: true, StoreDir: t.TempDir(), MaxPayload: 8 << 20,
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(patience) {
		t.Fatal("the NATS server does not get ready")
	}
	return s.ClientURL()
}

func connect(t *testing.T, url string) *bus.Conn {
	t.Helper()
	conn, err := bus.Connect(t.Context(), bus.Options{Server: url, Name: t.Name()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := conn.WaitConnected(t.Context()); err != nil {
		t.Fatal(err)
	}
	return conn
}

// testCamera publishes pictures again and again at its rate, and its status, until stop.
type testCamera struct {
	id       frame.CameraID
	pictures [][]byte
	fps      int
	cancel   context.CancelFunc
	done     sync.WaitGroup

	mu     sync.Mutex
	status frame.Status
}

func startCamera(t *testing.T, conn *bus.Conn, id frame.CameraID, fps int, pictures [][]byte) *testCamera {
	t.Helper()
	info, err := frame.ScanJPEG(pictures[0], frame.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.EnsureStream(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	publisher, err := conn.Publisher(id)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	c := &testCamera{id: id, pictures: pictures, fps: fps, cancel: cancel}
	c.status = frame.Status{ID: id, Epoch: frame.NewEpoch(), State: frame.StateLive, Kind: "test"}
	c.done.Go(func() {
		tick := time.NewTicker(time.Second / time.Duration(fps))
		defer tick.Stop()
		for i := 0; ; i++ {
			select {
			case <-ctx.Done():
				return
			case now := <-tick.C:
				f := frame.Frame{
					Camera: id, Epoch: c.status.Epoch, Seq: uint64(i + 1), Captured: now, Codec: frame.JPEG,
					Width: info.Width, Height: info.Height, Key: true, Data: pictures[i%len(pictures)],
				}
				if err := publisher.Publish(ctx, &f); err != nil && !errors.Is(err, bus.ErrDisconnected) && ctx.Err() == nil {
					t.Errorf("publish %s: %v", id, err)
				}
			}
		}
	})
	c.done.Go(func() {
		tick := time.NewTicker(200 * time.Millisecond)
		defer tick.Stop()
		for {
			c.mu.Lock()
			s := c.status
			c.mu.Unlock()
			if err := conn.PublishStatus(s); err != nil && !errors.Is(err, bus.ErrDisconnected) {
				t.Errorf("status of %s: %v", id, err)
			}
			select {
			case <-t.Context().Done():
				return
			case <-tick.C:
			}
		}
	})
	t.Cleanup(func() { c.cancel(); c.done.Wait() })
	return c
}

// lose stops the pictures and says why; the status goes on.
func (c *testCamera) lose(reason string) {
	c.cancel()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.status.State, c.status.Reason = frame.StateLost, reason
}

// end takes the camera off the bus.
func (c *testCamera) end() {
	c.cancel()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.status.State = frame.StateEnded
}

// eventually waits for a condition, and fails the test with what it last said.
// patience is how long to wait for what comes at once on a machine that has nothing else to do.
const patience = 40 * time.Second

func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	if !await.True(patience, 20*time.Millisecond, condition) {
		t.Fatalf("not within %v: %s", patience, what)
	}
}
