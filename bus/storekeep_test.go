package bus_test

import (
	"context"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/lensbus/lensbus/broker"
	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
)

func TestKeepStreams(t *testing.T) {
	t.Parallel() // it mostly waits
	server := startBroker(t, broker.Config{})
	conn, log := logged(t, bus.Options{Server: server.URL()})
	js, err := jetstream.New(conn.NATS())
	if err != nil {
		t.Fatal(err)
	}
	var wanted bus.Latest[bus.Recorded]
	during(t, func(ctx context.Context) { conn.KeepStreams(ctx, &wanted, nil) })
	is := func(id frame.CameraID, age time.Duration) func() bool {
		return func() bool {
			stream, err := js.Stream(context20(t), id.StreamName())
			return err == nil && stream.CachedInfo().Config.Storage == jetstream.FileStorage && stream.CachedInfo().Config.MaxAge == age
		}
	}
	wanted.Put(bus.Recorded{"front": roomy, "yard": roomy})
	eventually(t, is("front", time.Hour))
	eventually(t, is("yard", time.Hour))

	longer := roomy
	longer.Age = 2 * time.Hour
	wanted.Put(bus.Recorded{"front": longer})
	eventually(t, is("front", 2*time.Hour))
	eventually(t, func() bool { return log.Has("not recorded any more", "FRAMES_yard") })
	if !is("yard", time.Hour)() {
		t.Error("the stream of a camera that is no longer recorded is gone")
	}

	if err := js.DeleteStream(context20(t), "FRAMES_front"); err != nil {
		t.Fatal(err)
	}
	eventually(t, is("front", 2*time.Hour))
	eventually(t, func() bool { return log.Has("was deleted", "made anew") })

	tooMuch := longer
	tooMuch.Bytes = 100 << 30
	wanted.Put(bus.Recorded{"front": tooMuch})
	eventually(t, func() bool { return log.Has("level=ERROR", "no room") })
}

// A stream that this keeper has never wanted, because a publisher has made it, is nothing to warn of. One that it
// has wanted is.
func TestKeepStreamsOfOthers(t *testing.T) {
	t.Parallel() // it mostly waits
	server := startBroker(t, broker.Config{})
	conn, log := logged(t, bus.Options{Server: server.URL()})
	for _, id := range []frame.CameraID{"front", "yard"} {
		provision(t, conn, id, roomy)
	}
	var wanted bus.Latest[bus.Recorded]
	during(t, func(ctx context.Context) { conn.KeepStreams(ctx, &wanted, nil) })
	ofOthers := []string{"level=INFO", "not in this broker's file", "FRAMES_front"}
	// What is not wanted is told at the end of each look, in this order; the last look is the one that warns.
	wanted.Put(bus.Recorded{"yard": roomy})
	eventually(t, func() bool { return log.Has(ofOthers...) })
	wanted.Put(bus.Recorded{})
	eventually(t, func() bool { return log.Has("level=WARN", "not recorded any more", "FRAMES_yard") })
	longer := roomy
	longer.Age = 2 * time.Hour
	wanted.Put(bus.Recorded{"yard": longer})
	eventually(t, func() bool { return log.Has("stream updated", "FRAMES_yard") })
	wanted.Put(bus.Recorded{})
	eventually(t, func() bool { return log.Count("level=WARN", "not recorded any more", "FRAMES_yard") == 2 })
	if n := log.Count(ofOthers...); n != 1 || log.Has("level=WARN", "FRAMES_front") {
		t.Errorf("another's stream was told %d times, or warned of", n)
	}
}

// What is recorded is not called unwanted before it is known what is wanted.
func TestKeepStreamsKnowsWhatIsWanted(t *testing.T) {
	server := startBroker(t, broker.Config{})
	conn, log := logged(t, bus.Options{Server: server.URL()})
	provision(t, conn, "front", roomy)
	camera := newCamera(t, conn, "front", 1000)
	eventually(t, func() bool {
		if err := camera.publish(t.Context()); err != nil {
			t.Error(err)
		}
		_, err := conn.Newest(context20(t), "front")
		return err == nil
	})
	var wanted bus.Latest[bus.Recorded]
	longer := roomy
	longer.Age = 2 * time.Hour
	wanted.Put(bus.Recorded{"front": longer})
	stop := during(t, func(ctx context.Context) { conn.KeepStreams(ctx, &wanted, nil) })
	eventually(t, func() bool { return log.Has("FRAMES_front", "updated") })
	stop()
	if log.Has("not recorded any more") {
		t.Error("a camera that is recorded was called one that is not")
	}
}
