package publisher

import (
	"testing"
	"time"

	"github.com/lensbus/lensbus/broker"
	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/publisher/source"
	"github.com/lensbus/lensbus/test/numbers"
)

func TestNumbersAreTheCamerasOwn(t *testing.T) {
	b := newBench(t, broker.Config{}, CameraConfig{})
	m := NewMetrics()
	b.camera.metrics = m
	if got := numbers.Of(t, m); len(got) != 0 {
		t.Errorf("numbers before there is a camera: %v", got)
	}
	if _, ok := b.camera.leases.take(frame.WatchRequest{Watcher: "somebody", Seconds: 20}, time.Now()); !ok {
		t.Fatal("no lease")
	}
	end := b.run()
	b.next(jpegOf(t, 64, 48, 80), size(64, 48))
	b.step([]byte("no picture"), nil)
	eventually(t, func() bool { return numbers.Of(t, m)["lensbus_publisher_frames_dropped_total{front,invalid}"] == 1 })
	b.next(jpegOf(t, 96, 64, 80), size(96, 64))
	s := b.status("both sizes and the drop", func(s frame.Status) bool { return s.Width == 96 && s.Dropped[source.DropInvalid] == 1 })
	var got map[string]float64
	eventually(t, func() bool { // a frame is counted and then timed
		got = numbers.Of(t, m)
		return got["lensbus_publisher_capture_to_publish_seconds_count{front}"] == got["lensbus_publisher_frames_sent_total{front}"]
	})
	for name, want := range map[string]float64{
		"lensbus_publisher_frames_dropped_total{front,invalid}": 1,
		"lensbus_publisher_frames_dropped_total{front,encode}":  0,
		"lensbus_publisher_openings_total{front}":               1,
		"lensbus_publisher_state{front,live}":                   1,
		"lensbus_publisher_state{front,lost}":                   0,
		"lensbus_publisher_width_pixels{front}":                 96,
		"lensbus_publisher_height_pixels{front}":                64,
	} {
		if value, there := got[name]; !there || value != want {
			t.Errorf("%s is %v (there: %v), want %v", name, value, there, want)
		}
	}
	sent := got["lensbus_publisher_frames_sent_total{front}"]
	if sent < float64(s.Sent) || sent < 2 {
		t.Errorf("%v frames sent, the status had %d", sent, s.Sent)
	}
	if got["lensbus_publisher_watchers{front}"] < 1 {
		t.Error("nobody watches")
	}
	if least := float64(len(jpegOf(t, 64, 48, 80))) * sent; got["lensbus_publisher_sent_bytes_total{front}"] < least {
		t.Errorf("%v bytes, the smaller picture alone makes %v", got["lensbus_publisher_sent_bytes_total{front}"], least)
	}
	if mean := got["lensbus_publisher_capture_to_publish_seconds_sum{front}"] / sent; mean <= 0 || mean > patience.Seconds() {
		t.Errorf("%v s from capture to publishing", mean)
	}
	if at := got["lensbus_publisher_last_frame_timestamp_seconds{front}"]; at < float64(s.LastFrame.Unix()) || at > float64(s.LastFrame.Unix())+patience.Seconds() {
		t.Errorf("newest frame at %v, the status says %v", at, s.LastFrame.Unix())
	}
	end()
	if got := numbers.Of(t, m); len(got) != 0 {
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
	if got := numbers.Of(t, m)["lensbus_publisher_frames_dropped_total{front,network}"]; got != 5 {
		t.Errorf("%v dropped, want the second camera's 5", got)
	}
}
