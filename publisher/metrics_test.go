package publisher

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/lensbus/lensbus/broker"
	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/publisher/source"
)

// numbers are what m shows: value by name without the prefix, and labels.
func numbers(t *testing.T, m *Metrics) map[string]float64 {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(m)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	if problems, err := promlint.NewWithMetricFamilies(families).Lint(); err != nil || len(problems) > 0 {
		t.Errorf("%v, %v", problems, err)
	}
	values := make(map[string]float64)
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			name := strings.TrimPrefix(family.GetName(), "lensbus_publisher_")
			for _, label := range metric.GetLabel() {
				name += " " + label.GetValue()
			}
			values[name] = metric.GetGauge().GetValue() + metric.GetCounter().GetValue()
			if h := metric.GetHistogram(); h != nil {
				values[name] = float64(h.GetSampleCount())
				values[name+" sum"] = h.GetSampleSum()
			}
		}
	}
	return values
}

func TestNumbersAreTheCamerasOwn(t *testing.T) {
	b := newBench(t, broker.Config{}, CameraConfig{})
	m := NewMetrics()
	b.camera.metrics = m
	if got := numbers(t, m); len(got) != 0 {
		t.Errorf("numbers before there is a camera: %v", got)
	}
	if _, ok := b.camera.leases.take(frame.WatchRequest{Watcher: "somebody", Seconds: 20}, time.Now()); !ok {
		t.Fatal("no lease")
	}
	end := b.run()
	b.next(jpegOf(t, 64, 48, 80), size(64, 48))
	b.step([]byte("no picture"), nil)
	eventually(t, func() bool { return numbers(t, m)["frames_dropped_total front invalid"] == 1 })
	b.next(jpegOf(t, 96, 64, 80), size(96, 64))
	s := b.status("both sizes and the drop", func(s frame.Status) bool { return s.Width == 96 && s.Dropped[source.DropInvalid] == 1 })
	var got map[string]float64
	eventually(t, func() bool { // a frame is counted and then timed
		got = numbers(t, m)
		return got["capture_to_publish_seconds front"] == got["frames_sent_total front"]
	})
	for name, want := range map[string]float64{
		"frames_dropped_total front invalid": 1,
		"frames_dropped_total front encode":  0,
		"openings_total front":               1,
		"state front live":                   1,
		"state front lost":                   0,
		"width_pixels front":                 96,
		"height_pixels front":                64,
	} {
		if value, there := got[name]; !there || value != want {
			t.Errorf("%s is %v (there: %v), want %v", name, value, there, want)
		}
	}
	sent := got["frames_sent_total front"]
	if sent < float64(s.Sent) || sent < 2 {
		t.Errorf("%v frames sent, the status had %d", sent, s.Sent)
	}
	if got["watchers front"] < 1 {
		t.Error("nobody watches")
	}
	if least := float64(len(jpegOf(t, 64, 48, 80))) * sent; got["sent_bytes_total front"] < least {
		t.Errorf("%v bytes, the smaller picture alone makes %v", got["sent_bytes_total front"], least)
	}
	if mean := got["capture_to_publish_seconds front sum"] / sent; mean <= 0 || mean > patience.Seconds() {
		t.Errorf("%v s from capture to publishing", mean)
	}
	if at := got["last_frame_timestamp_seconds front"]; at < float64(s.LastFrame.Unix()) || at > float64(s.LastFrame.Unix())+patience.Seconds() {
		t.Errorf("newest frame at %v, the status says %v", at, s.LastFrame.Unix())
	}
	end()
	if got := numbers(t, m); len(got) != 0 {
		t.Errorf("numbers of a camera that has ended: %v", got)
	}
}

// Another camera of the same name may begin before the first has ended.
func TestNumbersFollowTheNewCamera(t *testing.T) {
	first := newBench(t, broker.Config{}, CameraConfig{})
	second := newBench(t, broker.Config{}, CameraConfig{})
	m := NewMetrics()
	remove := m.add(first.camera)
	m.add(second.camera)
	second.camera.state.dropped(source.DropNetwork, 5)
	remove()
	if got := numbers(t, m)["frames_dropped_total front network"]; got != 5 {
		t.Errorf("%v dropped, want the second camera's 5", got)
	}
}
