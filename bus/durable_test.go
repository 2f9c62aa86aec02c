package bus_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/lensbus/lensbus/broker"
	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
)

// What is not acknowledged comes again at the next start, at once and in order; what is, does not.
func TestDurableGoesOnAfterTheLastAck(t *testing.T) {
	server := startBroker(t, broker.Config{})
	s := newStore(t, server.URL())
	s.provision(nil)
	s.fill(30)
	conn := connect(t, bus.Options{Server: server.URL()})
	first := durable(t, conn, bus.DurableOptions{})
	ack(t, first, take(t, first, 1, 10))
	take(t, first, 11, 20) // not acknowledged
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	_ = first.Close()
	if _, open := <-first.Frames(); open {
		t.Fatal("a frame after Close")
	}
	began := time.Now()
	second := durable(t, conn, bus.DurableOptions{})
	ack(t, second, take(t, second, 11, 30))
	if took := time.Since(began); took > bus.DefaultAckWait/2 {
		t.Errorf("frames that were delivered before came after %v", took)
	}
	s.fill(5)
	last := take(t, second, 31, 35)
	if last.Number != 35 || last.Skipped != 0 || last.Restarted || last.Pending != 0 || time.Since(last.At) > time.Hour {
		t.Errorf("%+v", last)
	}
	ack(t, second, last)
	eventually(t, func() bool { return s.consumer().AckFloor.Stream == 35 })
	if state := second.State(); !state.Ready || state.Reason != "" || state.Lost != 0 {
		t.Errorf("%+v", state)
	}
}

// A crash between fsync and ack: the files are ahead of the consumer.
func TestDurableKnowsWhatTheFilesHave(t *testing.T) {
	server := startBroker(t, broker.Config{})
	s := newStore(t, server.URL())
	s.provision(nil)
	s.fill(20)
	conn := connect(t, bus.Options{Server: server.URL()})
	have := new(files)
	first := durable(t, conn, bus.DurableOptions{})
	for seq := uint64(1); seq <= 15; seq++ {
		have.add(take(t, first, seq, seq))
	}
	_ = first.Close()
	second := durable(t, conn, bus.DurableOptions{After: 15, Has: have.Has})
	last := take(t, second, 16, 20)
	if second.State().Duplicates == 0 {
		t.Error("nothing came a second time")
	}
	ack(t, second, last)
	eventually(t, func() bool { return s.consumer().NumAckPending == 0 })
	_ = second.Close()

	// Nothing new: what comes again is acknowledged without anybody's doing.
	s.fill(3)
	third := durable(t, conn, bus.DurableOptions{After: 20, Has: have.Has})
	take(t, third, 21, 23)
	_ = third.Close()
	have.add(bus.Stored{Frame: frame.Frame{Epoch: s.frame.Epoch, Seq: 23}})
	fourth := durable(t, conn, bus.DurableOptions{After: 23, Has: have.Has})
	eventually(t, func() bool { return s.consumer().AckFloor.Stream == 23 })
	s.fill(1)
	take(t, fourth, 24, 24)
}

// Files that were lost: what was acknowledged comes again as far as the stream has it.
func TestDurableIsSetBackToTheFiles(t *testing.T) {
	server := startBroker(t, broker.Config{})
	s := newStore(t, server.URL())
	s.provision(nil)
	s.fill(20)
	conn := connect(t, bus.Options{Server: server.URL()})
	first := durable(t, conn, bus.DurableOptions{})
	ack(t, first, take(t, first, 1, 20))
	eventually(t, func() bool { return s.consumer().AckFloor.Stream == 20 })
	_ = first.Close()
	have := new(files)
	have.add(bus.Stored{Frame: frame.Frame{Epoch: s.frame.Epoch, Seq: 12}})
	second := durable(t, conn, bus.DurableOptions{After: 12, Has: have.Has})
	if got := take(t, second, 13, 20); got.Restarted || got.Skipped != 0 {
		t.Errorf("%+v", got)
	}
}

func TestDurableOutlivesTheBroker(t *testing.T) {
	folder := t.TempDir()
	server := startBroker(t, broker.Config{Store: folder})
	address := strings.TrimPrefix(server.URL(), "nats://")
	s := newStore(t, server.URL())
	s.provision(nil)
	s.fill(12)
	d := durable(t, connect(t, bus.Options{Server: server.URL()}), bus.DurableOptions{})
	ack(t, d, take(t, d, 1, 5))
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { return !s.nc.IsConnected() })
	startBroker(t, broker.Config{Store: folder, Listen: address})
	eventually(t, s.nc.IsConnected)
	s.fill(8)
	// The one that waited to be taken may be the sixth already; none is there twice.
	if last := take(t, d, 6, 20); last.Restarted || last.Number != 20 {
		t.Errorf("%+v", last)
	}
}

func TestDurableOverrun(t *testing.T) {
	server := startBroker(t, broker.Config{})
	s := newStore(t, server.URL())
	s.provision(func(c *jetstream.StreamConfig) { c.MaxMsgs = 10 })
	s.fill(25)
	conn := connect(t, bus.Options{Server: server.URL()})
	d := durable(t, conn, bus.DurableOptions{})
	if got := next(t, d); got.Frame.Seq != 16 || got.Skipped != 0 { // it begins here
		t.Fatalf("%+v", got)
	}
	last := take(t, d, 17, 25)
	ack(t, d, last)
	eventually(t, func() bool { return s.consumer().AckFloor.Stream == 25 })
	_ = d.Close()
	s.fill(30)
	d = durable(t, conn, bus.DurableOptions{After: last.Number})
	if got := next(t, d); got.Frame.Seq != 46 || got.Skipped != 20 || d.State().Lost != 20 {
		t.Fatalf("%+v, %+v", got, d.State())
	}
	take(t, d, 47, 55)
	// One in the middle, gone behind everybody's back.
	s.fill(1)
	stream, err := s.js.Stream(t.Context(), "FRAMES_front")
	if err != nil {
		t.Fatal(err)
	}
	take(t, d, 56, 56)
	_ = d.Close()
	s.fill(3)
	if err := stream.DeleteMsg(t.Context(), 58); err != nil {
		t.Fatal(err)
	}
	d = durable(t, conn, bus.DurableOptions{After: 56})
	have := next(t, d)
	for have.Frame.Seq < 57 {
		have = next(t, d)
	}
	if got := next(t, d); have.Frame.Seq != 57 || got.Frame.Seq != 59 || got.Skipped != 1 {
		t.Fatalf("%d, then %+v", have.Frame.Seq, got)
	}
}

// Somebody takes frames of the consumer away: that is told, and none is lost.
func TestDurableGetsBackWhatWentElsewhere(t *testing.T) {
	server := startBroker(t, broker.Config{})
	s := newStore(t, server.URL())
	s.provision(nil)
	s.fill(10)
	conn, said := logged(t, bus.Options{Server: server.URL()})
	d := durable(t, conn, bus.DurableOptions{})
	take(t, d, 1, 10)
	consumer, err := s.js.Consumer(t.Context(), "FRAMES_front", "rec")
	if err != nil {
		t.Fatal(err)
	}
	thief, err := consumer.Messages(jetstream.PullMaxMessages(50))
	if err != nil {
		t.Fatal(err)
	}
	var stealing sync.WaitGroup
	stealing.Go(func() {
		for {
			if _, err := thief.Next(); err != nil {
				return
			}
		}
	})
	defer stealing.Wait()
	defer thief.Stop()
	eventually(t, func() bool { return s.consumer().NumWaiting >= 2 })
	last, filled := uint64(10), uint64(10)
	eventually(t, func() bool {
		if filled < last+100 { // it goes on for as long as it takes to be noticed
			s.fill(1)
			filled++
		}
		select {
		case got := <-d.Frames():
			if last++; got.Frame.Seq != last {
				t.Fatalf("frame %d after %d", got.Frame.Seq, last-1)
			}
		default:
		}
		return strings.Contains(said.String(), "another recorder")
	})
	thief.Stop()
	take(t, d, last+1, filled)
	if state := d.State(); state.Lost != 0 {
		t.Errorf("%+v", state)
	}
}

// A frame that is larger than what is asked for at a time does not block those behind it.
func TestDurableLargeFrame(t *testing.T) {
	server := startBroker(t, broker.Config{})
	s := newStore(t, server.URL())
	s.provision(nil)
	s.fill(2)
	s.frame.Data = picture(t, 300_000)
	s.fill(1)
	s.frame.Data = picture(t, 3000)
	s.fill(2)
	d := durable(t, connect(t, bus.Options{Server: server.URL()}), bus.DurableOptions{PullBytes: 20_000})
	take(t, d, 1, 5)
}

// What is no frame is delivered as what it is, and goes away with the others.
func TestDurableRejected(t *testing.T) {
	server := startBroker(t, broker.Config{})
	s := newStore(t, server.URL())
	s.provision(nil)
	s.fill(1)
	lie := s.frame
	lie.Width, lie.Seq = 640, 99
	for _, m := range []*nats.Msg{
		{Data: []byte("<html>no picture</html>")},
		{Data: nil, Header: nats.Header{"Status": {"503"}}},
		{Data: lie.Data, Header: lie.Header(true)},
	} {
		m.Subject = "cam.front.frame"
		if _, err := s.js.PublishMsg(context20(t), m); err != nil {
			t.Fatal(err)
		}
	}
	s.fill(1)
	d := durable(t, connect(t, bus.Options{Server: server.URL()}), bus.DurableOptions{})
	take(t, d, 1, 1)
	for _, reason := range []frame.Reason{frame.ReasonHeader, frame.ReasonHeader, frame.ReasonDimensions} {
		if got := next(t, d); got.Rejected == nil || got.Rejected.Reason != reason {
			t.Errorf("%+v, want %s", got, reason)
		}
	}
	ack(t, d, take(t, d, 2, 2))
	eventually(t, func() bool { return s.consumer().AckFloor.Stream == 5 })
}

// A caller that takes longer than AckWait gets no frame twice.
func TestDurableSlowerThanAckWait(t *testing.T) {
	server := startBroker(t, broker.Config{})
	s := newStore(t, server.URL())
	s.provision(nil)
	s.fill(8)
	d := durable(t, connect(t, bus.Options{Server: server.URL()}), bus.DurableOptions{AckWait: 50 * time.Millisecond})
	take(t, d, 1, 8)
	eventually(t, func() bool { return d.State().Duplicates >= 16 })
	s.fill(2)
	ack(t, d, take(t, d, 9, 10))
	eventually(t, func() bool { return s.consumer().NumAckPending == 0 })
}
