package bus_test

import (
	"encoding/json"
	"testing"

	"github.com/lensbus/lensbus/broker"
	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
)

// A viewer that leaves before the camera has answered gives its lease back all the same.
func TestWatchGivesBackWhatWasNotAnswered(t *testing.T) {
	server := startBroker(t, broker.Config{})
	camera := connect(t, bus.Options{Server: server.URL()})
	requests, err := camera.NATS().SubscribeSync(frame.CameraID("front").ControlSubject(frame.VerbWatch))
	if err != nil {
		t.Fatal(err)
	}
	if err := camera.NATS().Flush(); err != nil {
		t.Fatal(err)
	}
	next := func() (r frame.WatchRequest) {
		m, err := requests.NextMsgWithContext(context20(t))
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(m.Data, &r); err != nil {
			t.Fatal(err)
		}
		return r
	}
	stop := connect(t, bus.Options{Server: server.URL()}).Watch("front", false)
	first := next()
	stop()
	last := next()
	for last.Seconds != 0 { // it waited in vain for an answer, and asked again
		last = next()
	}
	if last.Watcher != first.Watcher || first.Seconds == 0 {
		t.Errorf("first %+v, and at the end %+v", first, last)
	}
}
