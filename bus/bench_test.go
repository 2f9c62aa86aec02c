package bus_test

import (
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/lensbus/lensbus/broker"
	"github.com/lensbus/lensbus/bus"
)

// BenchmarkPublishReceive is the way of a 100 KB frame: published, through the broker, received
// and checked. Bare is NATS alone with the same bytes in the same run: what is above it is ours.
func BenchmarkPublishReceive(b *testing.B) {
	server := startBroker(b, broker.Config{})
	ctx := b.Context()
	b.Run("Frame", func(b *testing.B) {
		conn, err := bus.Connect(ctx, bus.Options{Server: server.URL()})
		if err != nil {
			b.Fatal(err)
		}
		defer conn.Close()
		camera := newCamera(b, conn, "front", 100_000)
		live, err := conn.Live("front")
		if err != nil {
			b.Fatal(err)
		}
		defer live.Close()
		eventually(b, func() bool { // the viewer has looked at its link and subscribes
			if err := camera.publish(ctx); err != nil {
				b.Fatal(err)
			}
			return live.Stats().Received > 20
		})
		// Where the machine stood still, the viewer takes the link for slow and leaves for another
		// connection: the next frame finds it there.
		var mu sync.Mutex
		publish := func() {
			mu.Lock()
			defer mu.Unlock()
			if err := camera.publish(ctx); err != nil {
				b.Error(err)
			}
		}
		again := time.AfterFunc(time.Second, publish)
		defer again.Stop()
		b.SetBytes(int64(len(camera.f.Data)))
		b.ReportAllocs()
		for n := camera.f.Seq + 1; b.Loop(); n++ {
			publish()
			again.Reset(time.Second)
			for {
				f, err := live.Next(ctx)
				if err != nil {
					b.Fatal(err)
				}
				if f.Seq >= n {
					n = f.Seq
					break
				}
			}
		}
	})
	b.Run("Bare", func(b *testing.B) {
		nc, err := nats.Connect(server.URL())
		if err != nil {
			b.Fatal(err)
		}
		defer nc.Close()
		sub, err := nc.SubscribeSync("bare")
		if err != nil {
			b.Fatal(err)
		}
		data := picture(b, 100_000)
		b.SetBytes(int64(len(data)))
		b.ReportAllocs()
		for b.Loop() {
			if err := nc.Publish("bare", data); err != nil {
				b.Fatal(err)
			}
			if _, err := sub.NextMsgWithContext(ctx); err != nil {
				b.Fatal(err)
			}
		}
	})
}
