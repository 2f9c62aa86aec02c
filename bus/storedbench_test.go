package bus_test

import (
	"slices"
	"testing"
	"time"

	"github.com/lensbus/lensbus/broker"
	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
)

// BenchmarkRecordedIsSeenAsSoon is how long a frame takes from being published to a viewer, of cameras
// that are recorded with every frame forced to disk, and of cameras that are not, in turns: eight of
// 15 frames a second, 100 KB each. The figures that count are p50 and p99; an operation is a frame and
// the pause after it.
func BenchmarkRecordedIsSeenAsSoon(b *testing.B) {
	server := startBroker(b, broker.Config{Store: b.TempDir()})
	conn := connect(b, bus.Options{Server: server.URL()})
	viewer := connect(b, bus.Options{Server: server.URL()}).NATS()
	var cameras []*camera
	for i := range 16 {
		id := frame.CameraID("cam" + string(rune('a'+i)))
		c := newCamera(b, conn, id, 100_000)
		if i < 8 {
			provision(b, conn, id, roomy)
		} else if _, err := conn.EnsureStream(b.Context(), id); err != nil {
			b.Fatal(err)
		}
		cameras = append(cameras, c)
	}
	sub, err := viewer.SubscribeSync(frame.AllFrames)
	if err != nil {
		b.Fatal(err)
	}
	if err := viewer.Flush(); err != nil {
		b.Fatal(err)
	}
	run := func(b *testing.B, cameras []*camera, publish func(*camera) error) {
		b.ReportAllocs()
		var took []time.Duration
		tick := time.NewTicker(time.Second / 120)
		defer tick.Stop()
		for n := 0; b.Loop(); n++ {
			c := cameras[n%len(cameras)]
			<-tick.C
			began := time.Now()
			c.f.Seq++
			c.f.Captured = began
			if err := publish(c); err != nil {
				b.Fatal(err)
			}
			if _, err := sub.NextMsg(patience); err != nil {
				b.Fatal(err)
			}
			took = append(took, time.Since(began))
		}
		slices.Sort(took)
		b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
		b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
	}
	b.Run("recorded", func(b *testing.B) {
		run(b, cameras[:8], func(c *camera) error { return c.out.PublishStored(b.Context(), &c.f) })
		for _, c := range cameras[:8] {
			if s := c.out.StoredStats(); len(s.Unstored) > 0 {
				b.Errorf("%+v", s)
			}
		}
	})
	b.Run("live", func(b *testing.B) {
		run(b, cameras[8:], func(c *camera) error { return c.out.Publish(b.Context(), &c.f) })
	})
}
