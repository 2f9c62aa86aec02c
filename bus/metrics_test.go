package bus_test

import (
	"testing"
	"time"

	"github.com/lensbus/lensbus/broker"
	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/test/free"
	"github.com/lensbus/lensbus/test/hitch"
	"github.com/lensbus/lensbus/test/numbers"
)

// A publisher whose clock is minutes off: the time on the way is the true one.
func TestWayIsTimedAcrossClocks(t *testing.T) {
	for _, skew := range []time.Duration{5 * time.Minute, -3 * time.Hour, 0} {
		t.Run(skew.String(), func(t *testing.T) {
			hitch.Judge(t, func(t *testing.T) hitch.Problems { return wayIsTimed(t, skew) })
		})
	}
}

func wayIsTimed(t *testing.T, skew time.Duration) (found hitch.Problems) {
	server := startBroker(t, broker.Config{})
	theirs := connect(t, bus.Options{Server: server.URL()})
	theirClock := serveWithClock(t, theirs, skew)
	camera := newCamera(t, theirs, "front", 5_000)
	ours := connect(t, bus.Options{Server: server.URL()})
	live, err := ours.Live("front")
	if err != nil {
		t.Fatal(err)
	}
	defer live.Close()
	const count, sum = "lensbus_bus_publish_to_receive_seconds_count{front,frame}", "lensbus_bus_publish_to_receive_seconds_sum{front,frame}"
	var got map[string]float64
	began := time.Now()
	eventually(t, func() bool {
		camera.f.Published = theirClock()
		if err := camera.publish(context20(t)); err != nil {
			t.Fatal(err)
		}
		got = numbers.Of(t, ours.Metrics())
		return got[count] >= 5
	})
	if mean := got[sum] / got[count]; mean < 0 || mean > time.Since(began).Seconds() {
		found.Add("%v s on the way, in the mean; the test has run for %v", mean, time.Since(began))
	}
	if off := got["lensbus_bus_clock_offset_seconds{front}"]; off < skew.Seconds()-1 || off > skew.Seconds()+1 {
		found.Add("clock offset %v s, truly %v", off, skew)
	}
	if within := got["lensbus_bus_clock_uncertainty_seconds{front}"]; within <= 0 || within > 1 {
		found.Add("uncertainty %v s", within)
	}
	return found
}

func TestNumbersOfWhatArrives(t *testing.T) {
	server := startBroker(t, broker.Config{})
	conn := connect(t, bus.Options{Server: server.URL()})
	camera := newCamera(t, conn, "front", 5_000)
	for _, id := range []frame.CameraID{"front", "nobody"} {
		if _, err := conn.EnsureStream(context20(t), id); err != nil {
			t.Fatal(err)
		}
	}
	live, err := conn.Live("front")
	if err != nil {
		t.Fatal(err)
	}
	defer live.Close()
	absent, err := conn.Live("nobody")
	if err != nil {
		t.Fatal(err)
	}
	defer absent.Close()
	eventually(t, func() bool {
		if err := camera.publish(context20(t)); err != nil {
			t.Fatal(err)
		}
		return live.Stats().Received > 0
	})
	// Again and again: the first picture may have come before the subscription was in place.
	eventually(t, func() bool {
		camera.f.Seq += 7 // that nobody sends
		if err := camera.publish(context20(t)); err != nil {
			t.Fatal(err)
		}
		return live.Stats().Missed >= 7
	})
	eventually(t, func() bool {
		if err := conn.NATS().Publish("cam.front.frame", []byte("no picture")); err != nil {
			t.Fatal(err)
		}
		return live.Stats().Rejected[frame.ReasonHeader] > 0
	})
	// What is on its way still arrives: in the end the two say the same.
	var got map[string]float64
	eventually(t, func() bool {
		stats := live.Stats()
		got = numbers.Of(t, conn.Metrics())
		for name, want := range map[string]float64{
			"lensbus_bus_frames_received_total{front,frame}":             float64(stats.Received),
			"lensbus_bus_received_bytes_total{front,frame}":              float64(stats.Bytes),
			"lensbus_bus_frames_missed_total{front}":                     float64(stats.Missed),
			"lensbus_bus_messages_rejected_total{front,frame,header}":    float64(stats.Rejected[frame.ReasonHeader]),
			"lensbus_bus_messages_rejected_total{front,frame,too_large}": 0,
			"lensbus_bus_fetching":                                       0,
			"lensbus_bus_connected{control}":                             1,
			"lensbus_bus_connected{frames}":                              1,
			"lensbus_bus_connected{live}":                                1,
			"lensbus_bus_reconnects_total{control}":                      0,
		} {
			if value, there := got[name]; !there || value != want {
				t.Logf("%s is %v (there: %v), want %v", name, value, there, want)
				return false
			}
		}
		return true
	})
	for name := range got {
		if name == "lensbus_bus_frames_received_total{nobody,frame}" {
			t.Error("a camera that nobody has heard of has numbers")
		}
	}
	// A second look at the same camera goes on counting.
	again, err := conn.Live("front")
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	eventually(t, func() bool {
		if err := camera.publish(context20(t)); err != nil {
			t.Fatal(err)
		}
		sum := live.Stats().Received + again.Stats().Received
		return again.Stats().Received > 0 && numbers.Of(t, conn.Metrics())["lensbus_bus_frames_received_total{front,frame}"] == float64(sum)
	})
}

func TestNumbersOfConnections(t *testing.T) {
	address := free.Address(t)
	server := startBroker(t, broker.Config{Listen: address})
	conn := connect(t, bus.Options{Server: server.URL()})
	is := func(name string, want float64) func() bool {
		return func() bool { return numbers.Of(t, conn.Metrics())[name] == want }
	}
	eventually(t, conn.Connected)
	eventually(t, is("lensbus_bus_connected{control}", 1))
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { return !conn.Connected() })
	eventually(t, is("lensbus_bus_connected{control}", 0))
	startBroker(t, broker.Config{Listen: address})
	eventually(t, is("lensbus_bus_connected{control}", 1))
	eventually(t, is("lensbus_bus_reconnects_total{control}", 1))
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	if !is("lensbus_bus_connected{control}", 0)() {
		t.Error("connected after Close")
	}
}
