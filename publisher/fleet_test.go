package publisher

import (
	"context"
	"testing"
	"time"

	"github.com/lensbus/lensbus/frame"
)

// A changed configuration: cameras come, go and change, and the one that is the same keeps every
// frame.
func TestReload(t *testing.T) {
	r := newRig(t, CameraConfig{}, Deps{}) // gives a bus; its own camera is not of this test
	reload := make(chan Config)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	same := CameraConfig{Source: "test:?width=64&height=48&fps=20"}
	go func() {
		done <- Run(ctx, Config{Cameras: map[frame.CameraID]CameraConfig{
			"same": same, "altered": same, "removed": same,
		}}, Deps{Bus: r.conn, Reload: reload})
	}()
	statuses := make(chan frame.Status, 1000)
	stop, err := r.conn.Statuses(func(s frame.Status) { statuses <- s })
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	await := func(what string, wanted func(frame.Status) bool) frame.Status {
		t.Helper()
		deadline := time.After(patience)
		for {
			select {
			case s := <-statuses:
				if wanted(s) {
					return s
				}
			case <-deadline:
				t.Fatalf("no status with %s", what)
			}
		}
	}
	isLive := func(id frame.CameraID) func(frame.Status) bool {
		return func(s frame.Status) bool { return s.ID == id && s.State == frame.StateLive }
	}
	live, err := r.conn.Live("same")
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { // the first frames are fetched one by one
		was := live.Stats()
		eventually(t, func() bool { return live.Stats().Received >= was.Received+20 })
		return live.Stats().Missed == was.Missed
	})
	missed := live.Stats().Missed
	before := await("altered live", isLive("altered"))

	reload <- Config{Cameras: map[frame.CameraID]CameraConfig{"same": {Source: "nonsense"}}} // refused
	reload <- Config{Cameras: map[frame.CameraID]CameraConfig{
		"same": same, "altered": {Source: "test:?width=128&height=96&fps=20"}, "added": same,
	}}
	await("added live", isLive("added"))
	after := await("altered, 128 wide", func(s frame.Status) bool { return s.ID == "altered" && s.Width == 128 })
	if after.Epoch == before.Epoch {
		t.Error("an altered camera is a new run and has a new epoch")
	}
	epoch := ""
	for range 20 {
		f, err := live.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if epoch != "" && f.Epoch != epoch {
			t.Error("the camera that is the same began anew")
		}
		epoch = f.Epoch
	}
	if now := live.Stats().Missed; now != missed {
		t.Errorf("the camera that is the same lost %d frames", now-missed)
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}
