package bus_test

import (
	"context"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/lensbus/lensbus/broker"
	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
)

// A camera whose stream cannot be made keeps none of the others from having theirs.
func TestKeepNewest(t *testing.T) {
	t.Parallel() // it mostly waits
	server := startBroker(t, broker.Config{})
	conn, log := logged(t, bus.Options{Server: server.URL()})
	js, err := jetstream.New(conn.NATS())
	if err != nil {
		t.Fatal(err)
	}
	foreign := jetstream.StreamConfig{Name: "SOMEBODYS", Subjects: []string{"cam.attic.frame"}}
	if _, err := js.CreateStream(context20(t), foreign); err != nil {
		t.Fatal(err)
	}
	var wanted bus.Latest[[]frame.CameraID]
	during(t, func(ctx context.Context) { conn.KeepNewest(ctx, &wanted) })
	wanted.Put([]frame.CameraID{"attic", "front", "yard"})
	for _, id := range []frame.CameraID{"front", "yard"} {
		eventually(t, func() bool {
			_, err := js.Stream(context20(t), id.StreamName())
			return err == nil
		})
	}
	if !log.Has("newest pictures are not kept", "camera=attic") {
		t.Error("nothing is said of the camera that has none")
	}
}
