package bus_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/lensbus/lensbus/broker"
	"github.com/lensbus/lensbus/bus"
)

// keptSome is a camera that is recorded, of which so many frames are kept.
func keptSome(t *testing.T, frames uint64) (*bus.Conn, jetstream.JetStream, *storedCamera) {
	t.Helper()
	server := startBroker(t, broker.Config{})
	conn, js := connected(t, bus.Options{Server: server.URL()})
	provision(t, conn, "front", roomy)
	r := newStored(t, conn, "front", 5_000)
	r.publishUntil("some are kept", func(s bus.StoredStats) bool { return s.Stored >= frames })
	return conn, js, r
}

func TestFramesStayWhenLimitsChange(t *testing.T) {
	conn, _, _ := keptSome(t, 10)
	before := kept(t, conn, "front")
	more := roomy
	more.Age *= 2
	provision(t, conn, "front", more)
	if diff := cmp.Diff(before, kept(t, conn, "front")); diff != "" {
		t.Error(diff)
	}
	if storage, err := conn.EnsureRecorded(context20(t), "front", roomy); err != nil || storage != bus.StorageFile {
		t.Errorf("a publisher: %q, %v", storage, err)
	}
	if age := streamOf(t, conn, "front").CachedInfo().Config.MaxAge; age != more.Age {
		t.Errorf("a publisher has changed the age to %v", age)
	}
}

// Nobody who may publish can empty a recorded camera's stream.
func TestRollupIsRefused(t *testing.T) {
	conn, js, r := keptSome(t, 5)
	if err := streamOf(t, conn, "front").Purge(context20(t)); err == nil {
		t.Error("purged")
	}
	if err := streamOf(t, conn, "front").DeleteMsg(context20(t), 1); err == nil {
		t.Error("a message is deleted")
	}
	msg := &nats.Msg{Subject: "cam.front.frame", Header: nats.Header{}, Data: r.f.Data}
	msg.Header.Set("Nats-Rollup", "all")
	if _, err := js.PublishMsg(context20(t), msg); err == nil {
		t.Error("rolled up")
	}
	if in := kept(t, conn, "front"); len(in) < 5 {
		t.Errorf("%d are left", len(in))
	}
}
