package bus_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/lensbus/lensbus/broker"
	"github.com/lensbus/lensbus/bus"
)

// A power cut took the end of the stream, which was not synced, and before the recorder is back the
// publisher has filled more than that again: the numbers go on, and stand for other frames.
func TestDurableStreamLostItsEnd(t *testing.T) {
	folder, backup := t.TempDir(), t.TempDir()
	server := startBroker(t, broker.Config{Store: folder})
	address := strings.TrimPrefix(server.URL(), "nats://")
	s := newStore(t, server.URL())
	s.provision(nil)
	s.fill(10)
	have := new(files)
	d := durable(t, connect(t, bus.Options{Server: server.URL()}), bus.DurableOptions{Has: have.Has})
	record := func(from, to uint64) {
		t.Helper()
		for seq := from; seq <= to; seq++ {
			got := take(t, d, seq, seq)
			have.add(got)
			ack(t, d, got)
		}
		eventually(t, func() bool { return s.consumer().AckFloor.Stream == to })
	}
	record(1, 10)
	stop := func() {
		t.Helper()
		if err := server.Close(); err != nil {
			t.Fatal(err)
		}
	}
	stop()
	eventually(t, func() bool { return !s.nc.IsConnected() }) // or it would publish to nobody
	messages := filepath.Join(folder, "jetstream", "$G", "streams", "FRAMES_front", "msgs")
	if err := os.CopyFS(backup, os.DirFS(messages)); err != nil {
		t.Fatal(err)
	}
	server = startBroker(t, broker.Config{Store: folder, Listen: address})
	eventually(t, s.nc.IsConnected)
	s.fill(2)
	record(11, 12)
	stop()
	if err := os.RemoveAll(messages); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(messages, os.DirFS(backup)); err != nil {
		t.Fatal(err)
	}
	server = startBroker(t, broker.Config{Store: folder}) // where the recorder does not find it
	publisher := newStore(t, server.URL())
	publisher.frame = s.frame
	publisher.fill(6) // the numbers 11 to 16
	stop()
	startBroker(t, broker.Config{Store: folder, Listen: address})
	take(t, d, 13, 18)
}

// Somebody has removed the consumer, and not the recorder, which may not, has made it anew: it begins
// with what is recorded, and gives no more than so much of it before that is acknowledged.
func TestDurableConsumerMadeAnewByOthers(t *testing.T) {
	url := natsServer(t, &server.Options{
		JetStream: true, StoreDir: t.TempDir(),
		Users: []*server.User{
			{Username: "admin", Password: "a"},
			{Username: "rec", Password: "r", Permissions: &server.Permissions{Publish: &server.SubjectPermission{Allow: []string{
				"$JS.API.STREAM.INFO.FRAMES_front", "$JS.API.CONSUMER.INFO.FRAMES_front.rec",
				"$JS.API.CONSUMER.MSG.NEXT.FRAMES_front.rec", "$JS.ACK.FRAMES_front.rec.>",
			}}}},
		},
	})
	s := newStore(t, url, nats.UserInfo("admin", "a"))
	s.provision(nil)
	s.fill(30)
	consume := func() {
		t.Helper()
		if _, err := s.js.CreateConsumer(context20(t), "FRAMES_front", jetstream.ConsumerConfig{
			Durable: "rec", FilterSubject: "cam.front.frame",
			AckPolicy: jetstream.AckAllPolicy, AckWait: time.Second, MaxAckPending: 8,
		}); err != nil {
			t.Fatal(err)
		}
	}
	for name, has := range map[string]bool{"by the stream's numbers": false, "by the camera's": true} {
		t.Run(name, func(t *testing.T) {
			_ = s.js.DeleteConsumer(context20(t), "FRAMES_front", "rec")
			consume()
			have := new(files)
			o := bus.DurableOptions{}
			if has {
				o.Has = have.Has
			}
			d := durable(t, connect(t, bus.Options{Server: url, NATS: []nats.Option{nats.UserInfo("rec", "r")}}), o)
			first, last := uint64(1), s.frame.Seq
			for seq := first; seq < last; seq++ {
				got := take(t, d, seq, seq)
				have.add(got)
				ack(t, d, got)
			}
			late := take(t, d, last, last)
			have.add(late)
			if err := s.js.DeleteConsumer(context20(t), "FRAMES_front", "rec"); err != nil {
				t.Fatal(err)
			}
			eventually(t, func() bool { return strings.Contains(d.State().Reason, "CONSUMER.CREATE") })
			consume()
			eventually(t, func() bool { return s.consumer().NumAckPending == 8 })
			ack(t, d, late)
			s.fill(5)
			ack(t, d, take(t, d, last+1, last+5))
			eventually(t, func() bool { return s.consumer().AckFloor.Stream == last+5 })
			_ = d.Close()
		})
	}
}
