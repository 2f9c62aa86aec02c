package broker

import (
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/lensbus/lensbus/test/numbers"
)

func TestNumbersAreTheServers(t *testing.T) {
	s := start(t, Config{MaxMemoryStore: 64 * MiB, MaxFileStore: 128 * MiB})
	nc := connect(t, s.URL())
	if _, err := newStream(t, nc, jetstream.MemoryStorage); err != nil {
		t.Fatal(err)
	}
	var subs []*nats.Subscription
	for range 3 {
		sub, err := nc.SubscribeSync("numbers")
		if err != nil {
			t.Fatal(err)
		}
		subs = append(subs, sub)
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	before := numbers.Of(t, s.Metrics())
	const sent, size = 5, 1000
	for range sent {
		if err := nc.Publish("numbers", make([]byte, size)); err != nil {
			t.Fatal(err)
		}
	}
	for _, sub := range subs {
		for range sent {
			if _, err := sub.NextMsgWithContext(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	after := numbers.Of(t, s.Metrics())
	for name, want := range map[string]float64{
		"received_messages_total": sent, "sent_messages_total": 3 * sent,
		"received_bytes_total": sent * size, "sent_bytes_total": 3 * sent * size,
		"connections_total": 0, "slow_consumers_total": 0,
	} {
		if got := after["lensbus_broker_"+name] - before["lensbus_broker_"+name]; got != want {
			t.Errorf("%s grew by %v, want %v", name, got, want)
		}
	}
	for name, want := range map[string]float64{
		"connections": 1, "jetstream_memory_limit_bytes": float64(64 * MiB), "jetstream_store_limit_bytes": float64(128 * MiB), "jetstream_streams": 1,
	} {
		if got := after["lensbus_broker_"+name]; got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	if after["lensbus_broker_subscriptions"] < 3 {
		t.Errorf("%v subscriptions, there are three at least", after["lensbus_broker_subscriptions"])
	}
}

func TestNumbersWithoutJetStream(t *testing.T) {
	values := numbers.Of(t, start(t, Config{NoJetStream: true}).Metrics())
	if _, there := values["lensbus_broker_connections"]; !there {
		t.Errorf("no connections in %v", values)
	}
	for name := range values {
		if name == "lensbus_broker_jetstream_memory_bytes" {
			t.Error("storage of a broker that has none")
		}
	}
}

func TestReady(t *testing.T) {
	for name, config := range map[string]Config{"with JetStream": {}, "without": {NoJetStream: true}, "on file": {Store: t.TempDir()}} {
		s := start(t, config)
		if err := s.Ready(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if !config.NoJetStream {
			if err := s.nats.ShutdownJetStream(); err != nil {
				t.Fatal(err)
			}
			if err := s.Ready(); err == nil {
				t.Errorf("%s: ready although JetStream has ended", name)
			}
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		err := s.Ready()
		if err == nil {
			t.Errorf("%s: ready after Close", name)
		}
		t.Log(err)
	}
}
