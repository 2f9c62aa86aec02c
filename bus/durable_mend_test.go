package bus_test

import (
	"context"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/lensbus/lensbus/auth"
	"github.com/lensbus/lensbus/broker"
	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
)

// guardedStore is a broker with users: its admin's store, and a connection that is a recorder's.
func guardedStore(t *testing.T) (admin, recorder *bus.Conn, s *store) {
	t.Helper()
	config := broker.Config{Auth: filepath.Join(t.TempDir(), "auth"), Store: t.TempDir()}
	folder := auth.Open(config.Auth)
	read := func(path string, err error) auth.Credentials {
		t.Helper()
		var c auth.Credentials
		if err == nil {
			c, err = auth.ReadCredentials(path)
		}
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	boss := read(folder.Init(auth.InitOptions{}))
	nvr := read(folder.Add(auth.User{Name: "nvr", Role: auth.Recorder, Cameras: []frame.CameraID{"front"}}, auth.AddOptions{}))
	server := startBroker(t, config)
	key, err := boss.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	secure, err := boss.TLS()
	if err != nil {
		t.Fatal(err)
	}
	s = newStore(t, server.URL(), nats.Nkey(key, boss.Sign), nats.Secure(secure), nats.CustomInboxPrefix(boss.Inbox()))
	s.provision(nil)
	as := func(c auth.Credentials) *bus.Conn {
		return connect(t, bus.Options{Server: server.URL(), Credentials: &c})
	}
	return as(boss), as(nvr), s
}

// aheadConsumer makes one that is ahead of its stream, as it is once an older copy of that was put back.
func (s *store) aheadConsumer() {
	s.t.Helper()
	_, err := s.js.CreateConsumer(context20(s.t), "FRAMES_front", jetstream.ConsumerConfig{
		Durable: "rec", AckPolicy: jetstream.AckAllPolicy, FilterSubject: "cam.front.frame",
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: 1000,
	})
	if err != nil {
		s.t.Fatal(err)
	}
	if at := s.consumer().Delivered.Stream; at != 999 {
		s.t.Fatalf("the consumer is at %d", at)
	}
}

// A recorder that may not make consumers has one that is ahead: it loses nothing meanwhile, and goes on
// with the consumer that somebody else has made anew.
func TestDurableAheadWithFewRights(t *testing.T) {
	admin, recorder, s := guardedStore(t)
	s.fill(10)
	s.aheadConsumer()
	have := new(files)
	have.add(bus.Stored{Frame: frame.Frame{Epoch: s.frame.Epoch, Seq: 4}})
	d := durable(t, recorder, bus.DurableOptions{After: 700, Has: have.Has})
	first := next(t, d)
	if first.Frame.Seq != 5 || first.Number != 5 || !first.Restarted {
		t.Fatalf("%+v", first)
	}
	have.add(take(t, d, 6, 10))
	s.fill(3)
	last := take(t, d, 11, 13)
	have.add(last)
	ack(t, d, last)
	if state := d.State(); !state.Ready {
		t.Errorf("%+v", state)
	}
	if action, err := admin.MakeDurable(context20(t), "front", "rec"); err != nil || action != bus.ConsumerAnew {
		t.Fatalf("%s, %v", action, err)
	}
	s.fill(2)
	for seq := uint64(14); seq <= 15; seq++ {
		got := take(t, d, seq, seq)
		have.add(got)
		ack(t, d, got)
	}
	// From the consumer, which is acknowledged: those frames too that came without it.
	eventually(t, func() bool {
		s.fill(1)
		got := next(t, d)
		have.add(got)
		ack(t, d, got)
		return s.consumer().AckFloor.Stream >= 15
	})
	if action, err := admin.MakeDurable(context20(t), "front", "rec"); err != nil || action != bus.ConsumerKept {
		t.Errorf("once more: %s, %v", action, err)
	}
}

// Whoever looks after streams makes such a consumer anew by itself, and those of further recorders.
func TestKeepStreamsMendsConsumers(t *testing.T) {
	server := startBroker(t, broker.Config{Store: t.TempDir()})
	s := newStore(t, server.URL())
	s.provision(nil)
	s.fill(3)
	s.aheadConsumer()
	conn := connect(t, bus.Options{Server: server.URL()})
	var wanted bus.Latest[bus.Recorded]
	wanted.Put(bus.Recorded{"front": {Age: time.Hour, Bytes: 256 << 20, Replicas: 1}})
	ctx, cancel := context.WithCancel(t.Context())
	var keeping sync.WaitGroup
	keeping.Go(func() {
		conn.KeepStreams(ctx, &wanted, func(frame.CameraID) []string { return []string{"nvr2", "rec"} })
	})
	t.Cleanup(func() { cancel(); keeping.Wait() })
	eventually(t, func() bool {
		rec, err := s.js.Consumer(t.Context(), "FRAMES_front", "rec")
		if err != nil || rec.CachedInfo().Delivered.Stream != 0 {
			return false
		}
		_, err = s.js.Consumer(t.Context(), "FRAMES_front", "nvr2")
		return err == nil
	})
}

// What was acknowledged and is not in the files is read from the stream, whatever rights the recorder has;
// what is no frame was put aside when it was acknowledged, and does not come again.
func TestDurableFillsIn(t *testing.T) {
	admin, recorder, s := guardedStore(t)
	s.fill(20)
	if _, err := admin.MakeDurable(context20(t), "front", "rec"); err != nil {
		t.Fatal(err)
	}
	rubbish := func() {
		t.Helper()
		if _, err := s.js.PublishMsg(context20(t), &nats.Msg{Subject: "cam.front.frame", Data: []byte("rubbish")}); err != nil {
			t.Fatal(err)
		}
	}
	rubbish()
	made := s.consumer().Created
	first := durable(t, recorder, bus.DurableOptions{})
	take(t, first, 1, 20)
	if got := next(t, first); got.Rejected == nil {
		t.Fatalf("%+v", got)
	} else {
		ack(t, first, got)
	}
	eventually(t, func() bool { return s.consumer().AckFloor.Stream == 21 })
	_ = first.Close()
	for name, conn := range map[string]*bus.Conn{"a recorder": recorder, "an admin": admin} {
		have := new(files)
		have.add(bus.Stored{Frame: frame.Frame{Epoch: s.frame.Epoch, Seq: 12}})
		d := durable(t, conn, bus.DurableOptions{After: 12, Has: have.Has})
		if got := take(t, d, 13, 20); got.Restarted || got.Skipped != 0 || got.Pending != 1 {
			t.Errorf("%s: %+v", name, got)
		}
		_ = d.Close()
	}
	// All frames are in the files: the rubbish at the end is not looked at again, and the next frame is.
	have := new(files)
	have.add(bus.Stored{Frame: s.frame})
	d := durable(t, recorder, bus.DurableOptions{After: 20, Has: have.Has})
	rubbish()
	s.fill(1)
	if got := next(t, d); got.Rejected == nil || got.Number != 22 {
		t.Errorf("%+v", got)
	}
	ack(t, d, take(t, d, 21, 21))
	eventually(t, func() bool { return s.consumer().AckFloor.Stream == 23 })
	if !s.consumer().Created.Equal(made) {
		t.Error("the consumer was made anew for nothing")
	}
}
