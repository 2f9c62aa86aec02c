package bus_test

import (
	"context"
	"runtime"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/lensbus/lensbus/broker"
	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/test/hitch"
)

// startWithUsers runs a NATS server on which "all" may do everything and "viewer" may only
// subscribe to pictures and statuses: no requests, so no direct gets and no leases; "mute" may publish
// front and gets no answers.
func startWithUsers(t *testing.T) (url string) {
	t.Helper()
	viewer := &server.Permissions{
		Publish:   &server.SubjectPermission{Deny: []string{">"}},
		Subscribe: &server.SubjectPermission{Allow: []string{"cam.*.frame", "cam.*.status", "_INBOX.>"}},
	}
	return natsServer(t, &server.Options{
		JetStream: true, StoreDir: t.TempDir(), MaxPayload: 8 << 20,
		Users: []*server.User{
			{Username: "all", Password: "a"}, {Username: "viewer", Password: "v", Permissions: viewer},
			{Username: "mute", Password: "m", Permissions: &server.Permissions{Publish: &server.SubjectPermission{Allow: []string{"cam.front.>"}}, Subscribe: &server.SubjectPermission{Deny: []string{"_INBOX.>"}}}},
		},
	})
}

func as(user, password string) []nats.Option { return []nats.Option{nats.UserInfo(user, password)} }

// A viewer that may subscribe and nothing else sees its cameras all the same.
func TestViewerThatMayOnlySubscribe(t *testing.T) { hitch.Judge(t, watchesByItsSubscriptions) }

func watchesByItsSubscriptions(t *testing.T) (found hitch.Problems) {
	url := startWithUsers(t)
	conn := connect(t, bus.Options{Server: url, NATS: as("all", "a")})
	viewer := connect(t, bus.Options{Server: url, NATS: as("viewer", "v")})
	for _, id := range []frame.CameraID{"front", "yard"} {
		camera := newCamera(t, conn, id, 20_000)
		if _, err := conn.EnsureStream(context20(t), id); err != nil {
			t.Fatal(err)
		}
		camera.start(15)
	}
	for _, id := range []frame.CameraID{"front", "yard"} {
		live, err := viewer.Live(id)
		if err != nil {
			t.Fatal(err)
		}
		eventually(t, func() bool { return live.Stats().Received >= 5 })
		before := live.Stats()
		eventually(t, func() bool { return live.Stats().Received >= before.Received+15 })
		if after := live.Stats(); after.Missed != before.Missed || after.Fetching {
			found.Add("%s: %d frames missed, fetching %v", id, after.Missed-before.Missed, after.Fetching)
		}
	}
	return found
}

// Garbage where a picture should be kept disturbs no other camera.
func TestBadKeptPicture(t *testing.T) { hitch.Judge(t, watchesBesideABadPicture) }

func watchesBesideABadPicture(t *testing.T) (found hitch.Problems) {
	server := startBroker(t, broker.Config{})
	conn := connect(t, bus.Options{Server: server.URL()})
	camera := newCamera(t, conn, "front", 20_000)
	for _, id := range []frame.CameraID{"front", "evil"} {
		if _, err := conn.EnsureStream(context20(t), id); err != nil {
			t.Fatal(err)
		}
	}
	if err := conn.NATS().Publish("cam.evil.frame", []byte("no picture")); err != nil {
		t.Fatal(err)
	}
	camera.start(30)
	viewer := connect(t, bus.Options{Server: server.URL()})
	evil, err := viewer.Live("evil")
	if err != nil {
		t.Fatal(err)
	}
	live, err := viewer.Live("front")
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { return len(evil.Stats().Rejected) > 0 && live.Stats().Received > 5 })
	before := live.Stats()
	eventually(t, func() bool { return live.Stats().Received >= before.Received+60 })
	if missed := live.Stats().Missed - before.Missed; missed != 0 {
		found.Add("%d frames missed", missed)
	}
	return found
}

// One message with a huge number must not blind a viewer.
func TestHugeSequenceNumber(t *testing.T) {
	server := startBroker(t, broker.Config{})
	conn := connect(t, bus.Options{Server: server.URL()})
	camera := newCamera(t, conn, "front", 5_000)
	live, err := connect(t, bus.Options{Server: server.URL()}).Live("front")
	if err != nil {
		t.Fatal(err)
	}
	camera.start(30)
	eventually(t, func() bool { return live.Stats().Received > 5 })
	other, err := conn.Publisher("front")
	if err != nil {
		t.Fatal(err)
	}
	lie := frame.Frame{
		Camera: "front", Epoch: camera.f.Epoch, Seq: 1 << 62, Captured: time.Now(),
		Codec: frame.JPEG, Width: 64, Height: 48, Key: true, Data: picture(t, 5_000),
	}
	if err := other.Publish(context20(t), &lie); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { f, _ := live.Newest(); return f.Seq == 1<<62 })
	received := live.Stats().Received
	eventually(t, func() bool { return live.Stats().Received > received+30 })
	if missed := live.Stats().Missed; missed > 1000 {
		t.Errorf("%d frames missed", missed)
	}
}

// A camera whose clock runs away looks late; the others on the link are not, so they stay as they are, and it is
// seen on.
func TestOneLateCameraDisturbsNoOther(t *testing.T) { hitch.Judge(t, watchesBesideALateCamera) }

func watchesBesideALateCamera(t *testing.T) (found hitch.Problems) {
	server := startBroker(t, broker.Config{})
	conn := connect(t, bus.Options{Server: server.URL()})
	good, late := newCamera(t, conn, "good", 5_000), newCamera(t, conn, "late", 5_000)
	for _, id := range []frame.CameraID{"good", "late"} {
		if _, err := conn.EnsureStream(context20(t), id); err != nil {
			t.Fatal(err)
		}
	}
	viewer := connect(t, bus.Options{Server: server.URL()})
	goodLive, err := viewer.Live("good")
	if err != nil {
		t.Fatal(err)
	}
	lateLive, err := viewer.Live("late")
	if err != nil {
		t.Fatal(err)
	}
	good.start(30)
	eventually(t, func() bool { return goodLive.Stats().Received > 5 })
	before := goodLive.Stats()
	captured := time.Now()
	for i := range 60 {
		f := late.f
		f.Seq, f.Captured = uint64(i+1), captured.Add(-time.Duration(i*i)*20*time.Millisecond)
		if err := late.out.Publish(context20(t), &f); err != nil {
			t.Fatal(err)
		}
		received := goodLive.Stats().Received
		eventually(t, func() bool { return goodLive.Stats().Received > received })
	}
	eventually(t, func() bool { f, _ := lateLive.Newest(); return f.Seq == 60 })
	if after := goodLive.Stats(); after.Fetching || after.Missed != before.Missed {
		found.Add("fetching %v, %d frames missed", after.Fetching, after.Missed-before.Missed)
	}
	return found
}

// Whoever comes and goes leaves nothing behind.
func TestClosedLivesAreForgotten(t *testing.T) {
	server := startBroker(t, broker.Config{})
	conn := connect(t, bus.Options{Server: server.URL()})
	camera := newCamera(t, conn, "front", 200_000)
	if _, err := conn.EnsureStream(context20(t), "front"); err != nil {
		t.Fatal(err)
	}
	if err := camera.publish(context20(t)); err != nil {
		t.Fatal(err)
	}
	comeAndGo := func(times int) {
		for range times {
			live, err := conn.Live("front")
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			if _, err := live.Next(ctx); err != nil {
				t.Fatal(err)
			}
			cancel()
			_ = live.Close()
		}
	}
	heap := func() int64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	comeAndGo(5)
	before := heap()
	comeAndGo(100)
	if grown := heap() - before; grown > 5<<20 { // 100 frames of 200 KB would be 20 MB
		t.Errorf("the heap grew by %d KB", grown>>10)
	}
}
