package bus_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/lensbus/lensbus/broker"
	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
)

// On a way to the server that is slower than a camera, whoever asks for room first has a few frames on
// it. The kernel alone would take a hundred and more, each later than the one before.
func TestASlowUplinkHoldsFewFrames(t *testing.T) {
	const size, fps, enough, most = 30_000, 30, 50, 30
	server := startBroker(t, broker.Config{})
	link := newSlowUplink(t, server.URL()[len("nats://"):], size*fps/3)
	var received atomic.Int64
	subscription, err := connect(t, bus.Options{Server: server.URL()}).NATS().Subscribe(frame.CameraID("front").FrameSubject(), func(*nats.Msg) { received.Add(1) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = subscription.Unsubscribe() })

	conn := connect(t, bus.Options{Server: link.url()})
	out, err := conn.Publisher("front")
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { return out.MaxBytes() > 0 })
	f := frame.Frame{
		Camera: "front", Epoch: frame.NewEpoch(), Codec: frame.JPEG, Width: 64, Height: 48, Key: true,
		Data: make([]byte, size), // the bus does not look into it
	}
	tick := time.NewTicker(time.Second / fps)
	defer tick.Stop()
	deadline := time.Now().Add(3 * patience)
	left, worst := 0, int64(0)
	for received.Load() < enough {
		if time.Now().After(deadline) {
			t.Fatalf("%d frames of %d have arrived", received.Load(), f.Seq)
		}
		<-tick.C
		worst = max(worst, int64(f.Seq)-received.Load())
		if !out.Room() {
			left++
			continue
		}
		f.Captured = time.Now()
		f.Seq++
		if err := out.Publish(t.Context(), &f); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d frames published, %d left out, at most %d on their way", f.Seq, left, worst)
	if worst > most {
		t.Errorf("%d frames were on their way at once", worst)
	}
	if left == 0 {
		t.Error("there was always room")
	}
}

// Where the way is fast there is room for every frame.
func TestThereIsRoomForEveryFrame(t *testing.T) {
	const frames = 300
	server := startBroker(t, broker.Config{})
	conn := connect(t, bus.Options{Server: server.URL()})
	out, err := conn.Publisher("front")
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { return out.MaxBytes() > 0 })
	f := frame.Frame{
		Camera: "front", Epoch: frame.NewEpoch(), Codec: frame.JPEG, Width: 64, Height: 48, Key: true, Data: make([]byte, 100_000),
	}
	without := 0
	for f.Seq < frames {
		// It may be missing for a moment, where the machine stops; not for longer.
		eventually(t, func() bool {
			room := out.Room()
			if !room {
				without++
			}
			return room
		})
		f.Captured = time.Now()
		f.Seq++
		if err := out.Publish(t.Context(), &f); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d times there was no room for one of %d frames", without, frames)
}
