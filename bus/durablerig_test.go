package bus_test

import (
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
)

// store is a recorded camera's stream, and who fills it.
type store struct {
	t     testing.TB
	nc    *nats.Conn
	js    jetstream.JetStream
	frame frame.Frame
}

func newStore(t testing.TB, url string, options ...nats.Option) *store {
	t.Helper()
	nc, err := nats.Connect(url, append([]nats.Option{nats.MaxReconnects(-1), nats.ReconnectWait(50 * time.Millisecond)}, options...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	return &store{t: t, nc: nc, js: js, frame: frame.Frame{
		Camera: "front", Epoch: frame.NewEpoch(), Codec: frame.JPEG, Width: 64, Height: 48, Key: true, Data: picture(t, 3000),
	}}
}

// provision makes the stream as an administrator does.
func (s *store) provision(change func(*jetstream.StreamConfig)) {
	s.t.Helper()
	cfg := jetstream.StreamConfig{
		Name: "FRAMES_front", Subjects: []string{"cam.front.frame"}, Storage: jetstream.FileStorage, Discard: jetstream.DiscardOld,
		MaxAge: time.Hour, MaxBytes: 256 << 20, MaxMsgSize: 8 << 20, AllowDirect: true, Duplicates: 2 * time.Minute,
	}
	if change != nil {
		change(&cfg)
	}
	if _, err := s.js.CreateOrUpdateStream(context20(s.t), cfg); err != nil {
		s.t.Fatal(err)
	}
}

// fill stores n more frames.
func (s *store) fill(n int) {
	s.t.Helper()
	for range n {
		s.frame.Seq++
		s.frame.Captured = time.Now()
		msg := &nats.Msg{Subject: "cam.front.frame", Header: s.frame.Header(true), Data: s.frame.Data}
		if _, err := s.js.PublishMsg(context20(s.t), msg); err != nil {
			s.t.Fatal(err)
		}
	}
}

func (s *store) consumer() *jetstream.ConsumerInfo {
	s.t.Helper()
	c, err := s.js.Consumer(context20(s.t), "FRAMES_front", "rec")
	if err != nil {
		s.t.Fatal(err)
	}
	return c.CachedInfo()
}

func durable(t testing.TB, conn *bus.Conn, o bus.DurableOptions) *bus.Durable {
	t.Helper()
	d, err := conn.Durable("front", o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

func next(t testing.TB, d *bus.Durable) bus.Stored {
	t.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case s, ok := <-d.Frames():
		if !ok {
			t.Fatal("closed")
		}
		return s
	case <-timer.C:
		t.Fatalf("nothing within %v: %+v", patience, d.State())
	}
	return bus.Stored{}
}

// take receives frames of these numbers, the camera's own, and returns the last message.
func take(t testing.TB, d *bus.Durable, from, to uint64) bus.Stored {
	t.Helper()
	var s bus.Stored
	for seq := from; seq <= to; seq++ {
		if s = next(t, d); s.Rejected != nil || s.Frame.Seq != seq {
			t.Fatalf("frame %d (message %d, rejected %v), want %d", s.Frame.Seq, s.Number, s.Rejected, seq)
		}
	}
	return s
}

func ack(t testing.TB, d *bus.Durable, s bus.Stored) {
	t.Helper()
	if err := d.Ack(t.Context(), s.Receipt()); err != nil {
		t.Fatal(err)
	}
}

// files is what a recorder has.
type files struct {
	mu   sync.Mutex
	have map[string]uint64
}

func (f *files) add(s bus.Stored) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.have == nil {
		f.have = make(map[string]uint64)
	}
	f.have[s.Frame.Epoch] = s.Frame.Seq
}

func (f *files) Has(epoch string, seq, _ uint64) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return seq <= f.have[epoch]
}

// natsServer runs a NATS server that is not lensbus's broker, until the end of the test, and returns where
// it is.
func natsServer(t *testing.T, opts *server.Options) string {
	t.Helper()
	opts.Host, opts.Port, opts.NoSigs, opts.NoLog = "127.0.0.1", server.RANDOM_PORT, true, true
	s, err := server.NewServer(opts)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(patience) {
		t.Fatal("the server does not get ready")
	}
	return s.ClientURL()
}

// natsConfigured is natsServer with what a configuration file says.
func natsConfigured(t *testing.T, config string) string {
	t.Helper()
	opts := new(server.Options)
	if err := opts.ProcessConfigString(config); err != nil {
		t.Fatal(err)
	}
	return natsServer(t, opts)
}
