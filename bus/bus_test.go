package bus_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"github.com/lensbus/lensbus/broker"
	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/test/free"
	"github.com/lensbus/lensbus/test/hitch"
)

func TestFramesArrive(t *testing.T) {
	server := startBroker(t, broker.Config{})
	conn := connect(t, bus.Options{Server: server.URL()})
	camera := newCamera(t, conn, "front", 30_000)
	if storage, err := conn.EnsureStream(context20(t), "front"); err != nil || storage != bus.StorageMemory {
		t.Fatalf("stream: %q, %v", storage, err)
	}
	viewer := connect(t, bus.Options{Server: server.URL()})
	live, err := viewer.Live("front")
	if err != nil {
		t.Fatal(err)
	}
	camera.start(30)
	var prev frame.Frame
	for range 20 {
		f, err := live.Next(context20(t))
		if err != nil {
			t.Fatal(err)
		}
		if f.Camera != "front" || f.Width != 64 || f.Height != 48 || !f.Key || !bytes.Equal(f.Data, camera.f.Data) {
			t.Fatalf("frame differs from what was published: %s %dx%d, %d bytes", f.Camera, f.Width, f.Height, len(f.Data))
		}
		if f.Seq <= prev.Seq {
			t.Fatalf("frame %d came after %d", f.Seq, prev.Seq)
		}
		prev = f
	}
	if err := live.Close(); err != nil {
		t.Fatal(err)
	}
	if err := live.Close(); err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := live.Next(context20(t)); err != nil {
			if !errors.Is(err, bus.ErrClosed) {
				t.Fatalf("Next after Close: %v", err)
			}
			break
		}
	}
}

// The first picture does not wait for the next frame: cameras that send one a minute exist.
func TestNewViewerSeesTheNewestAtOnce(t *testing.T) {
	server := startBroker(t, broker.Config{})
	conn := connect(t, bus.Options{Server: server.URL()})
	if _, err := conn.Newest(context20(t), "front"); !errors.Is(err, bus.ErrNoPicture) {
		t.Fatalf("without a stream: %v", err)
	}
	camera := newCamera(t, conn, "front", 10_000)
	if _, err := conn.EnsureStream(context20(t), "front"); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Newest(context20(t), "front"); !errors.Is(err, bus.ErrNoPicture) {
		t.Fatalf("with an empty stream: %v", err)
	}
	for range 3 {
		if err := camera.publish(context20(t)); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, func() bool { f, err := conn.Newest(context20(t), "front"); return err == nil && f.Seq == 3 })

	viewer := connect(t, bus.Options{Server: server.URL()})
	for _, id := range []frame.CameraID{"front", "front"} { // on a new link and on one that runs
		live, err := viewer.Live(id)
		if err != nil {
			t.Fatal(err)
		}
		f, err := live.Next(context20(t))
		if err != nil || f.Seq != 3 {
			t.Fatalf("first picture: frame %d, %v", f.Seq, err)
		}
	}
}

func TestWithoutJetStreamLivePicturesFlow(t *testing.T) {
	server := startBroker(t, broker.Config{NoJetStream: true})
	conn := connect(t, bus.Options{Server: server.URL()})
	camera := newCamera(t, conn, "front", 10_000)
	if storage, err := conn.EnsureStream(context20(t), "front"); err == nil || storage != bus.StorageNone {
		t.Fatalf("stream: %q, %v", storage, err)
	}
	camera.start(30)
	live, err := conn.Live("front")
	if err != nil {
		t.Fatal(err)
	}
	for range 10 {
		if _, err := live.Next(context20(t)); err != nil {
			t.Fatal(err)
		}
	}
}

// A viewer that is not let run for a while finds late frames and leaves what waits for it: see
// [bus.LiveStats].Fetching. All else is a fault.
func TestEveryViewerGetsEveryFrame(t *testing.T) {
	server := startBroker(t, broker.Config{})
	conn := connect(t, bus.Options{Server: server.URL()})
	camera := newCamera(t, conn, "front", 50_000)
	if _, err := conn.EnsureStream(context20(t), "front"); err != nil {
		t.Fatal(err)
	}
	camera.start(30)
	hitch.Judge(t, func(t *testing.T) (found hitch.Problems) {
		var lives []*bus.Live
		for range 4 {
			live, err := connect(t, bus.Options{Server: server.URL()}).Live("front")
			if err != nil {
				t.Fatal(err)
			}
			lives = append(lives, live)
		}
		for _, live := range lives {
			eventually(t, func() bool { return live.Stats().Received >= 5 }) // all have come
		}
		before := make([]bus.LiveStats, len(lives))
		for i, live := range lives {
			before[i] = live.Stats()
		}
		for i, live := range lives {
			eventually(t, func() bool { return live.Stats().Received >= before[i].Received+60 })
			if missed := live.Stats().Missed - before[i].Missed; missed != 0 {
				found.Add("viewer %d missed %d frames", i, missed)
			}
		}
		return found
	})
}

func TestHostileMessagesAreCounted(t *testing.T) {
	server := startBroker(t, broker.Config{})
	conn := connect(t, bus.Options{Server: server.URL()})
	camera := newCamera(t, conn, "front", 5_000)
	if _, err := conn.EnsureStream(context20(t), "front"); err != nil {
		t.Fatal(err)
	}
	live, err := conn.Live("front")
	if err != nil {
		t.Fatal(err)
	}
	camera.start(20)
	if _, err := live.Next(context20(t)); err != nil {
		t.Fatal(err)
	}
	nc := conn.NATS()
	if err := nc.Publish("cam.front.frame", []byte("<html>no picture</html>")); err != nil {
		t.Fatal(err)
	}
	raw, err := net.Dial("tcp", server.URL()[len("nats://"):])
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	go func() { _, _ = io.Copy(io.Discard, raw) }()
	if _, err := raw.Write([]byte("CONNECT {\"verbose\":false,\"headers\":true}\r\nHPUB cam.front.frame 12 14\r\nNATS/9.9\r\n\r\nxx\r\nHPUB cam.front.frame 0 0\r\n\r\nPING\r\n")); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool {
		var n uint64
		for _, count := range live.Stats().Rejected {
			n += count
		}
		return n >= 1
	})
	received := live.Stats().Received
	eventually(t, func() bool { return live.Stats().Received > received+3 })
}

// A broker that goes and comes back: the viewer is back by itself and what was published in
// between is not played.
func TestBrokerRestart(t *testing.T) {
	address := free.Address(t)
	server := startBroker(t, broker.Config{Listen: address})
	conn := connect(t, bus.Options{Server: server.URL()})
	camera := newCamera(t, conn, "front", 20_000)
	live, err := connect(t, bus.Options{Server: server.URL()}).Live("front")
	if err != nil {
		t.Fatal(err)
	}
	camera.start(30)
	if _, err := live.Next(context20(t)); err != nil {
		t.Fatal(err)
	}
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { return !conn.NATS().IsConnected() })
	back := time.Now()
	startBroker(t, broker.Config{Listen: address})
	for {
		f, err := live.Next(context20(t))
		if err != nil {
			t.Fatal(err)
		}
		if f.Captured.After(back) {
			break
		}
	}
	t.Logf("first picture %v after the broker's start began", time.Since(back).Round(time.Millisecond))
}

func TestConnectDoesNotWaitForTheServer(t *testing.T) {
	address := free.Address(t)
	conn := connect(t, bus.Options{Server: "nats://" + address})
	camera, err := conn.Publisher("front")
	if err != nil {
		t.Fatal(err)
	}
	f := frame.Frame{Camera: "front"}
	if err := camera.Publish(context20(t), &f); !errors.Is(err, bus.ErrDisconnected) {
		t.Fatalf("publish without a server: %v", err)
	}
	live, err := conn.Live("front")
	if err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if err := conn.WaitConnected(short); err == nil {
		t.Fatal("connected to nobody")
	}
	startBroker(t, broker.Config{Listen: address})
	if err := conn.WaitConnected(context20(t)); err != nil {
		t.Fatal(err)
	}
	newCamera(t, conn, "front", 5_000).start(20)
	if _, err := live.Next(context20(t)); err != nil {
		t.Fatal(err)
	}
}

func TestStatuses(t *testing.T) {
	server := startBroker(t, broker.Config{})
	conn := connect(t, bus.Options{Server: server.URL()})
	if err := conn.WaitConnected(context20(t)); err != nil {
		t.Fatal(err)
	}
	got := make(chan frame.Status, 10)
	stop, err := conn.Statuses(func(s frame.Status) { got <- s })
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	for _, hostile := range []string{`{"id":"yard"}`, `null`, `]`, ``} {
		if err := conn.NATS().Publish("cam.front.status", []byte(hostile)); err != nil {
			t.Fatal(err)
		}
	}
	if err := conn.PublishStatus(frame.Status{ID: "front", State: frame.StateLive}); err != nil {
		t.Fatal(err)
	}
	select {
	case s := <-got:
		if s.ID != "front" || s.State != frame.StateLive {
			t.Fatalf("%+v", s)
		}
	case <-time.After(patience):
		t.Fatal("no status")
	}
	stop()
	stop()
}

func TestWrongOptions(t *testing.T) {
	for name, o := range map[string]bus.Options{
		"no URL":          {Server: "nats://user:hunter2@"},
		"scheme":          {Server: "http://user:hunter2@localhost"},
		"port":            {Server: "nats://user:hunter2@localhost:99999"},
		"address":         {Server: "nats://user:hunter2@2001:db8::1"},
		"both":            {Server: "nats://localhost", Context: "x"},
		"second of two":   {Server: "nats://localhost,ftp://localhost"},
		"unknown context": {Context: "no-such-context"},
	} {
		conn, err := bus.Connect(context20(t), o)
		if err == nil {
			_ = conn.Close()
			t.Errorf("%s: no error", name)
			continue
		}
		if bytes.Contains([]byte(err.Error()), []byte("hunter2")) {
			t.Errorf("%s: the error shows a password: %v", name, err)
		}
	}
}

// A camera that sends seldom: the frame that comes while the viewer changes from fetching to a
// subscription does not wait for the next one.
func TestFrameBetweenFetchAndSubscription(t *testing.T) {
	server := startBroker(t, broker.Config{})
	conn := connect(t, bus.Options{Server: server.URL()})
	for i := range 10 {
		camera := newCamera(t, conn, frame.CameraID(fmt.Sprint("front", i)), 5_000)
		if _, err := conn.EnsureStream(context20(t), camera.f.Camera); err != nil {
			t.Fatal(err)
		}
		live, err := connect(t, bus.Options{Server: server.URL()}).Live(camera.f.Camera)
		if err != nil {
			t.Fatal(err)
		}
		eventually(t, func() bool { return camera.publish(context20(t)) == nil })
		if _, err := live.Next(context20(t)); err != nil {
			t.Fatal(err)
		}
		if err := camera.publish(context20(t)); err != nil { // and then nothing more
			t.Fatal(err)
		}
		for f, err := live.Next(context20(t)); f.Seq != camera.f.Seq; f, err = live.Next(context20(t)) {
			if err != nil {
				t.Fatalf("frame %d of camera %d: %v", camera.f.Seq, i, err)
			}
		}
	}
}
