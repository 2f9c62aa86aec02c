package bus

import (
	"fmt"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/lensbus/lensbus/frame"
)

// Strangers on the bus cannot make a monitoring system keep any number of cameras, and those that
// are not counted work all the same.
func TestNumbersAreBounded(t *testing.T) {
	conn := &Conn{metrics: newMetrics()}
	for i := range mostMeasured + 10 {
		count := conn.metrics.camera(frame.CameraID(fmt.Sprintf("c%d", i)), frame.KindFrame, new(clock))
		count.reject(frame.ReasonHeader)
		count.frame(&frame.Frame{Published: time.Now()}, 3, false, time.Now())
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(conn.Metrics())
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() == "lensbus_bus_frames_missed_total" {
			if n := len(family.GetMetric()); n != mostMeasured {
				t.Errorf("%d cameras are counted, want %d", n, mostMeasured)
			}
			return
		}
	}
	t.Error("nothing is counted")
}

// BenchmarkNumbers is what a frame costs to be counted and timed.
func BenchmarkNumbers(b *testing.B) {
	now := time.Now()
	its := new(clock)
	for range exchangesKept {
		its.observe(now, now, now, now.Add(time.Millisecond))
	}
	count := newMetrics().camera("front", frame.KindFrame, its)
	f := frame.Frame{Published: now.Add(-20 * time.Millisecond), Data: make([]byte, 100_000)}
	b.ReportAllocs()
	for b.Loop() {
		count.frame(&f, 0, false, now)
	}
}
