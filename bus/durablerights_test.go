package bus_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/lensbus/lensbus/broker"
	"github.com/lensbus/lensbus/bus"
)

// The rights that an administrator gives a recorder whose consumer exists: no others are needed.
func TestDurableRights(t *testing.T) {
	const recorder = `publish: {allow: [%s]}, subscribe: {allow: ["_INBOX_rec.>"]}`
	const all = `"$JS.API.CONSUMER.INFO.FRAMES_front.rec", "$JS.API.CONSUMER.MSG.NEXT.FRAMES_front.rec", "$JS.ACK.FRAMES_front.rec.>"`
	config := fmt.Sprintf(`
		jetstream: {store_dir: %q}
		accounts: {CAM: {jetstream: enabled, users: [
			{user: admin, password: a}
			{user: rec, password: r, permissions: {%s}}
			{user: none, password: r, permissions: {%s}}
		]}}`, t.TempDir(), fmt.Sprintf(recorder, all), fmt.Sprintf(recorder, `"x"`))
	url := natsConfigured(t, config)
	s := newStore(t, url, nats.UserInfo("admin", "a"))
	s.provision(nil)
	s.fill(10)

	as := func(user string) *bus.Conn {
		return connect(t, bus.Options{Server: url, NATS: []nats.Option{nats.UserInfo(user, "r"), nats.CustomInboxPrefix("_INBOX_rec")}})
	}
	without := durable(t, as("none"), bus.DurableOptions{})
	eventually(t, func() bool {
		state := without.State()
		return !state.Ready && strings.Contains(state.Reason, "may not publish to $JS.API.CONSUMER.INFO.FRAMES_front.rec")
	})

	d := durable(t, as("rec"), bus.DurableOptions{})
	eventually(t, func() bool { return strings.Contains(d.State().Reason, "consumer rec of camera front is missing") })
	if _, err := s.js.CreateConsumer(context20(t), "FRAMES_front", jetstream.ConsumerConfig{Durable: "rec", AckPolicy: jetstream.AckAllPolicy, FilterSubject: "cam.front.frame"}); err != nil {
		t.Fatal(err)
	}
	take(t, d, 1, 6) // not acknowledged
	_ = d.Close()
	d = durable(t, as("rec"), bus.DurableOptions{})
	last := take(t, d, 1, 10)
	ack(t, d, last)
	eventually(t, func() bool { return s.consumer().AckFloor.Stream == 10 })
	// A hole that this user cannot look at, and one that only looks like it.
	stream, err := s.js.Stream(context20(t), "FRAMES_front")
	if err != nil {
		t.Fatal(err)
	}
	_ = d.Close()
	s.fill(5)
	if err := stream.DeleteMsg(context20(t), 12); err != nil {
		t.Fatal(err)
	}
	d = durable(t, as("rec"), bus.DurableOptions{})
	take(t, d, 11, 11)
	if got := next(t, d); got.Frame.Seq != 13 || got.Skipped != 1 {
		t.Fatalf("%+v", got)
	}
	take(t, d, 14, 15)
	// The stream made anew, and its consumer with it.
	if err := s.js.DeleteStream(context20(t), "FRAMES_front"); err != nil {
		t.Fatal(err)
	}
	s.provision(nil)
	s.fill(3)
	if _, err := s.js.CreateConsumer(context20(t), "FRAMES_front", jetstream.ConsumerConfig{Durable: "rec", AckPolicy: jetstream.AckAllPolicy, FilterSubject: "cam.front.frame"}); err != nil {
		t.Fatal(err)
	}
	if got := next(t, d); got.Frame.Seq != 16 || !got.Restarted {
		t.Fatalf("%+v", got)
	}
	take(t, d, 17, 18)
}

func TestDurableWrongConsumer(t *testing.T) {
	server := startBroker(t, broker.Config{})
	s := newStore(t, server.URL())
	s.provision(nil)
	if _, err := s.js.CreateConsumer(t.Context(), "FRAMES_front", jetstream.ConsumerConfig{Durable: "rec", AckPolicy: jetstream.AckExplicitPolicy}); err != nil {
		t.Fatal(err)
	}
	conn := connect(t, bus.Options{Server: server.URL()})
	d := durable(t, conn, bus.DurableOptions{})
	eventually(t, func() bool { return strings.Contains(d.State().Reason, "acknowledgement policy") })
	for _, o := range []bus.DurableOptions{{Name: "../x"}, {Name: "a.b"}, {Name: "*"}} {
		if _, err := conn.Durable("front", o); err == nil {
			t.Errorf("%+v: no error", o)
		}
	}
	if _, err := conn.Durable("../front", bus.DurableOptions{}); err == nil {
		t.Error("a bad id: no error")
	}
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Durable("front", bus.DurableOptions{}); err == nil {
		t.Error("a closed connection: no error")
	}
	if _, open := <-d.Frames(); open {
		t.Error("the connection is closed, and with it what was made from it")
	}
}
