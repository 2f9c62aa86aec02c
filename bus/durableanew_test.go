package bus_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/lensbus/lensbus/broker"
	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
)

func TestDurableStreamMadeAnew(t *testing.T) {
	server := startBroker(t, broker.Config{})
	s := newStore(t, server.URL())
	d := durable(t, connect(t, bus.Options{Server: server.URL()}), bus.DurableOptions{})
	eventually(t, func() bool { return d.State().Absent })
	// A stream that keeps one frame in memory is nothing to record.
	s.provision(func(c *jetstream.StreamConfig) {
		c.Storage, c.MaxMsgs, c.MaxBytes, c.MaxAge = jetstream.MemoryStorage, 1, -1, 0
	})
	eventually(t, func() bool { return d.State().Absent && strings.Contains(d.State().Reason, "newest frame") })
	if err := s.js.DeleteStream(t.Context(), "FRAMES_front"); err != nil {
		t.Fatal(err)
	}
	s.provision(nil)
	s.fill(10)
	ack(t, d, take(t, d, 1, 10))
	if err := s.js.DeleteStream(t.Context(), "FRAMES_front"); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { return d.State().Absent })
	s.provision(nil)
	s.fill(4)
	got := next(t, d)
	if got.Number != 1 || !got.Restarted || got.Frame.Seq != 11 {
		t.Errorf("%+v", got)
	}
	ack(t, d, take(t, d, 12, 14))
	// And the consumer alone.
	if err := s.js.DeleteConsumer(t.Context(), "FRAMES_front", "rec"); err != nil {
		t.Fatal(err)
	}
	s.fill(3)
	if last := take(t, d, 15, 17); last.Restarted || last.Number != 7 {
		t.Errorf("%+v", last)
	}
}

// What is acknowledged late is of the stream that was before: it means nothing for the new one.
func TestDurableLateAck(t *testing.T) {
	server := startBroker(t, broker.Config{})
	s := newStore(t, server.URL())
	s.provision(nil)
	s.fill(10)
	conn := connect(t, bus.Options{Server: server.URL()})
	d := durable(t, conn, bus.DurableOptions{})
	late := take(t, d, 1, 10)
	if err := s.js.DeleteStream(t.Context(), "FRAMES_front"); err != nil {
		t.Fatal(err)
	}
	s.provision(nil)
	s.fill(20)
	if got := next(t, d); got.Frame.Seq != 11 || !got.Restarted {
		t.Fatalf("%+v", got)
	}
	ack(t, d, late)
	_ = d.Close()
	if floor := s.consumer().AckFloor.Stream; floor != 0 {
		t.Errorf("%d frames of the new stream are acknowledged", floor)
	}
	take(t, durable(t, conn, bus.DurableOptions{}), 11, 30)
}

// While the recorder was away the stream was made anew and has more messages than it ever saw.
func TestDurableIsNotTakenInByAnotherStream(t *testing.T) {
	server := startBroker(t, broker.Config{})
	s := newStore(t, server.URL())
	s.provision(nil)
	s.fill(20)
	have := new(files)
	have.add(bus.Stored{Frame: frame.Frame{Epoch: "an-epoch-of-before", Seq: 5}})
	d := durable(t, connect(t, bus.Options{Server: server.URL()}), bus.DurableOptions{After: 5, Has: have.Has})
	if got := next(t, d); got.Frame.Seq != 1 || !got.Restarted {
		t.Fatalf("%+v", got)
	}
	take(t, d, 2, 20)
	_ = d.Close()
	// Numbers that the stream has not got.
	if err := s.js.DeleteConsumer(t.Context(), "FRAMES_front", "rec"); err != nil {
		t.Fatal(err)
	}
	d = durable(t, connect(t, bus.Options{Server: server.URL()}), bus.DurableOptions{After: 500, Has: have.Has})
	if got := next(t, d); got.Frame.Seq != 1 || !got.Restarted {
		t.Fatalf("%+v", got)
	}
}

// A folder of an older day put back: the consumer's floor is beyond the stream's end.
func TestDurableOldDataRestored(t *testing.T) {
	folder, backup := t.TempDir(), t.TempDir()
	server := startBroker(t, broker.Config{Store: folder})
	address := strings.TrimPrefix(server.URL(), "nats://")
	s := newStore(t, server.URL())
	s.provision(nil)
	s.fill(10)
	conn := connect(t, bus.Options{Server: server.URL()})
	have := new(files)
	d := durable(t, conn, bus.DurableOptions{Has: have.Has})
	stop := func() {
		if err := server.Close(); err != nil {
			t.Fatal(err)
		}
		eventually(t, func() bool { return !s.nc.IsConnected() }) // or it would publish to nobody
	}
	for seq := uint64(1); seq <= 10; seq++ {
		got := take(t, d, seq, seq)
		have.add(got)
		ack(t, d, got)
	}
	eventually(t, func() bool { return s.consumer().AckFloor.Stream == 10 })
	stop()
	stream := filepath.Join("jetstream", "$G", "streams", "FRAMES_front")
	if err := os.CopyFS(filepath.Join(backup, "msgs"), os.DirFS(filepath.Join(folder, stream, "msgs"))); err != nil {
		t.Fatal(err)
	}
	server = startBroker(t, broker.Config{Store: folder, Listen: address})
	eventually(t, s.nc.IsConnected)
	s.fill(10)
	for seq := uint64(11); seq <= 20; seq++ {
		got := take(t, d, seq, seq)
		have.add(got)
		ack(t, d, got)
	}
	eventually(t, func() bool { return s.consumer().AckFloor.Stream == 20 })
	stop()
	if err := os.RemoveAll(filepath.Join(folder, stream, "msgs")); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(filepath.Join(folder, stream, "msgs"), os.DirFS(filepath.Join(backup, "msgs"))); err != nil {
		t.Fatal(err)
	}
	server = startBroker(t, broker.Config{Store: folder, Listen: address})
	eventually(t, s.nc.IsConnected)
	s.fill(5)
	got := next(t, d)
	if got.Frame.Seq != 21 || got.Number != 11 || !got.Restarted {
		t.Fatalf("%+v", got)
	}
	take(t, d, 22, 25)
}
