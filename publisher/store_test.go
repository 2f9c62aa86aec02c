package publisher

import (
	"context"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/test/numbers"
)

// statusUntil asks for the camera's status until it is as wanted.
func (r *rig) statusUntil(what string, wanted func(frame.Status) bool) frame.Status {
	r.t.Helper()
	var s frame.Status
	for deadline := time.Now().Add(2 * patience); ; {
		if s = r.get().Status; wanted(s) {
			return s
		}
		if time.Now().After(deadline) {
			r.t.Fatalf("waited in vain until %s: %+v", what, s)
		}
	}
}

// holds says whether the status accounts for every frame that was sent.
func holds(s frame.Status) bool {
	sum := s.Stored
	for _, n := range s.Unstored {
		sum += n
	}
	return sum <= s.Sent && s.Sent-sum <= 17 // 16 wait, and one is between being sent and counted
}

func TestRecordedCamera(t *testing.T) {
	metrics := NewMetrics()
	r := newRig(t, CameraConfig{Record: &RecordConfig{}}, Deps{Metrics: metrics})
	s := r.statusUntil("frames are confirmed", func(s frame.Status) bool { return s.Stored >= 20 })
	if !s.Recorded || s.Stream != string(bus.StorageFile) || !holds(s) {
		t.Errorf("%+v", s)
	}
	js, err := jetstream.New(r.conn.NATS())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	stream, err := js.Stream(ctx, "FRAMES_front")
	if err != nil {
		t.Fatal(err)
	}
	if is := stream.CachedInfo().Config; is.MaxAge != DefaultBufferAge || is.MaxBytes != int64(DefaultBufferBytes) {
		t.Errorf("%+v", is)
	}

	// Deleted under it: it says so, and makes it anew.
	if err := js.DeleteStream(ctx, "FRAMES_front"); err != nil {
		t.Fatal(err)
	}
	r.frames("the stream deleted", func(frame.Frame) bool { return true })
	s = r.statusUntil("the hole is counted", func(s frame.Status) bool {
		return s.Unstored[string(bus.UnstoredNoStream)]+s.Unstored[string(bus.UnstoredTimeout)] > 0
	})
	stored := s.Stored
	s = r.statusUntil("frames are confirmed again", func(s frame.Status) bool { return s.Stored > stored+5 })
	if !holds(s) {
		t.Errorf("%+v", s)
	}
	shown := numbers.Of(t, metrics)
	if shown["lensbus_publisher_frames_stored_total{front}"] < float64(stored) ||
		shown["lensbus_publisher_frames_unstored_total{front,no_stream}"]+shown["lensbus_publisher_frames_unstored_total{front,timeout}"] == 0 {
		t.Errorf("%v", shown)
	}
	if _, there := shown["lensbus_publisher_frames_unstored_total{front,window}"]; !there {
		t.Error("a reason for which nothing is unstored is not shown as 0")
	}
}

// Whether a camera is recorded is for the one to say who provisions its stream.
func TestCameraOfAProvisionedStream(t *testing.T) {
	r := newRig(t, CameraConfig{}, Deps{})
	if s := r.statusUntil("it is live", func(s frame.Status) bool { return s.Stream == string(bus.StorageMemory) }); s.Recorded || s.Stored > 0 {
		t.Errorf("not recorded: %+v", s)
	}
	if err := r.end(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if plan, err := r.conn.Provision(ctx, "front", bus.StreamLimits{Age: time.Hour, Bytes: 64 << 20, Replicas: 1}); err != nil || plan.Action != bus.StreamReplaced {
		t.Fatalf("%+v, %v", plan, err)
	}
	r.end = r.publish(CameraConfig{Source: "test:?width=320&height=240&fps=20"}, Deps{Bus: r.conn})
	s := r.statusUntil("frames are confirmed", func(s frame.Status) bool { return s.Stored > 5 })
	if !s.Recorded || s.Stream != string(bus.StorageFile) {
		t.Errorf("%+v", s)
	}
}

// Other limits are for who provisions the stream; the camera goes on in its epoch.
func TestReloadOfLimitsInterruptsNothing(t *testing.T) {
	reload := make(chan Config)
	r := newRig(t, CameraConfig{Record: &RecordConfig{}}, Deps{Reload: reload})
	before := r.statusUntil("frames are confirmed", func(s frame.Status) bool { return s.Stored > 0 })
	send := func(record *RecordConfig) {
		t.Helper()
		select {
		case reload <- Config{Cameras: map[frame.CameraID]CameraConfig{"front": {Source: "test:?width=320&height=240&fps=20", Record: record}}}:
		case <-time.After(patience):
			t.Fatal("the configuration is not taken")
		}
	}
	send(&RecordConfig{KeepAge: time.Hour, BufferAge: time.Minute})
	after := r.statusUntil("it goes on", func(s frame.Status) bool { return s.Sent > before.Sent+5 })
	if after.Epoch != before.Epoch {
		t.Error("it has begun anew")
	}
	send(nil)
	r.statusUntil("it begins anew when it is not recorded any more", func(s frame.Status) bool { return s.Epoch != before.Epoch })
}
