package bus_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/lensbus/lensbus/broker"
	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/test/hitch"
)

// serveWithClock answers for the camera front, until the test ends, by a clock that is ahead, which it returns.
func serveWithClock(t *testing.T, conn *bus.Conn, ahead time.Duration) (clock func() time.Time) {
	t.Helper()
	clock = func() time.Time { return time.Now().Round(0).Add(ahead) }
	watch := func(context.Context, []byte) (bus.Reply, error) { return bus.Reply{Data: []byte("{}")}, nil }
	stop, err := conn.ServeCamera(t.Context(), "front", "0.0.0", func() frame.Status { return frame.Status{ID: "front"} }, clock, map[string]bus.Verb{frame.VerbWatch: watch})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return clock
}

// Two machines whose clocks differ by minutes: the age that is shown is the true one.
func TestAgeIsTrueAcrossClocks(t *testing.T) {
	for _, skew := range []time.Duration{5 * time.Minute, -3 * time.Hour, 0} {
		t.Run(skew.String(), func(t *testing.T) {
			server := startBroker(t, broker.Config{})
			theirClock := serveWithClock(t, connect(t, bus.Options{Server: server.URL()}), skew)
			ours := connect(t, bus.Options{Server: server.URL()})
			if _, known := ours.Offset("front"); known {
				t.Error("an offset before the first exchange")
			}
			defer ours.Watch("front", false)()
			var offset bus.Offset
			eventually(t, func() (known bool) { offset, known = ours.Offset("front"); return known })
			asked := time.Now()
			captured := theirClock().Add(-34 * time.Millisecond)
			now := time.Now()
			age := offset.Age(captured, now)
			t.Logf("age %v ± %v", age, offset.Uncertainty)
			if wrong := (age - 34*time.Millisecond).Abs(); wrong > offset.Uncertainty+time.Since(asked)+5*time.Millisecond {
				t.Errorf("age %v ± %v, truly 34ms", age, offset.Uncertainty)
			}
			if offset.Uncertainty <= 0 {
				t.Error("nothing is certain")
			}
		})
	}
}

func TestTwoHundredCamerasAreFoundInASecond(t *testing.T) {
	server := startBroker(t, broker.Config{})
	conn := connect(t, bus.Options{Server: server.URL()})
	if err := conn.WaitConnected(context20(t)); err != nil {
		t.Fatal(err)
	}
	get := func(context.Context, []byte) (bus.Reply, error) { return bus.Reply{}, nil }
	for i := range 200 {
		id := frame.CameraID(fmt.Sprintf("camera-%d", i))
		status := func() frame.Status { return frame.Status{ID: id, State: frame.StateLive, Epoch: "e"} }
		stop, err := conn.ServeCamera(t.Context(), id, "0.0.0", status, nil, map[string]bus.Verb{frame.VerbGet: get, frame.VerbSet: get})
		if err != nil {
			t.Fatal(err)
		}
		defer stop()
	}
	if err := conn.NATS().Flush(); err != nil { // all 200 are known to the server
		t.Fatal(err)
	}
	asker := connect(t, bus.Options{Server: server.URL()})
	if err := asker.WaitConnected(context20(t)); err != nil {
		t.Fatal(err)
	}
	hitch.Judge(t, func(t *testing.T) (problems hitch.Problems) {
		began, found := time.Now(), make(map[frame.CameraID]bool)
		var last time.Duration
		if err := asker.List(context20(t), time.Second, func(s frame.Status) { found[s.ID] = true; last = time.Since(began) }); err != nil {
			t.Fatal(err)
		}
		t.Logf("%d cameras in %v", len(found), last)
		if len(found) != 200 || last > time.Second {
			problems.Add("%d cameras in %v, want 200 in a second", len(found), last)
		}
		return problems
	})
}

func TestControlErrors(t *testing.T) {
	server := startBroker(t, broker.Config{})
	conn := connect(t, bus.Options{Server: server.URL()})
	if err := conn.WaitConnected(context20(t)); err != nil {
		t.Fatal(err)
	}
	if err := conn.Control(context20(t), "front", frame.VerbGet, nil, nil); !errors.Is(err, bus.ErrNoCamera) {
		t.Errorf("nobody there: %v", err)
	}
	refuse := func(context.Context, []byte) (bus.Reply, error) {
		return bus.Reply{}, &bus.ControlError{Code: 409, Text: "it\ncannot"}
	}
	stop, err := conn.ServeCamera(t.Context(), "front", "0.0.0", func() frame.Status { return frame.Status{} }, nil, map[string]bus.Verb{frame.VerbSet: refuse})
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	var refusal *bus.ControlError
	if err := conn.Control(context20(t), "front", frame.VerbSet, nil, nil); !errors.As(err, &refusal) || refusal.Code != 409 || refusal.Text != "it cannot" {
		t.Errorf("refused: %v", err)
	}
	stop()
	stop()
}
