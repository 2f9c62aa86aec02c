package bus_test

import (
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/lensbus/lensbus/broker"
	"github.com/lensbus/lensbus/bus"
)

func TestProvision(t *testing.T) {
	server := startBroker(t, broker.Config{})
	conn, js := connected(t, bus.Options{Server: server.URL()})
	changed := func(p bus.StreamPlan) string {
		var all []string
		for _, c := range p.Changes {
			all = append(all, c.Setting+" "+c.From+" "+c.To)
		}
		return strings.Join(all, ", ")
	}
	limits := bus.StreamLimits{Age: 2 * time.Hour, Bytes: 1 << 30, Replicas: 1}
	less := bus.StreamLimits{Age: time.Minute, Bytes: 32 << 20, Replicas: 1}
	for _, c := range []struct {
		name    string
		before  *jetstream.StreamConfig // nil: none
		limits  bus.StreamLimits
		action  bus.StreamAction
		changes string
		err     error
	}{
		{name: "none", limits: limits, action: bus.StreamCreated},
		{name: "the same", limits: limits, action: bus.StreamKept, before: &jetstream.StreamConfig{
			Storage: jetstream.FileStorage, MaxAge: 2 * time.Hour, MaxBytes: 1 << 30, MaxMsgSize: 8<<20 + 1<<10,
			AllowDirect: true, DenyDelete: true, DenyPurge: true, Description: "somebody's own words",
		}},
		{name: "other limits", limits: less, action: bus.StreamUpdated, before: &jetstream.StreamConfig{
			Storage: jetstream.FileStorage, MaxAge: 2 * time.Hour, MaxBytes: 1 << 30, MaxMsgSize: 8<<20 + 1<<10,
			AllowDirect: true, DenyDelete: true, DenyPurge: true,
		}, changes: "buffer_age 2h0m0s 1m0s, buffer_bytes 1GiB 32MiB, duplicate_window 2m0s 1m0s"},
		{name: "dangerous", limits: limits, action: bus.StreamUpdated, before: &jetstream.StreamConfig{
			Storage: jetstream.FileStorage, MaxAge: 2 * time.Hour, MaxBytes: 1 << 30, MaxMsgs: 5, MaxMsgSize: 8<<20 + 1<<10,
			AllowRollup: true, Compression: jetstream.S2Compression, NoAck: true, Discard: jetstream.DiscardNew,
		}, changes: "discard DiscardNew DiscardOld, max_msgs 5 -1, compression S2 None, no_ack true false, allow_rollup_hdrs true false, allow_direct false true, deny_delete false true, deny_purge false true"},
		{name: "the newest in memory", limits: limits, action: bus.StreamReplaced, before: &jetstream.StreamConfig{
			Storage: jetstream.MemoryStorage, MaxMsgs: 1, NoAck: true, DenyDelete: true,
		}},
		{name: "many in memory", limits: limits, err: bus.ErrForeignStream, before: &jetstream.StreamConfig{Storage: jetstream.MemoryStorage, MaxMsgs: 100}},
		{name: "a queue", limits: limits, err: bus.ErrForeignStream, before: &jetstream.StreamConfig{Storage: jetstream.FileStorage, Retention: jetstream.WorkQueuePolicy}},
		{name: "messages that say how long they live", limits: limits, err: bus.ErrForeignStream, before: &jetstream.StreamConfig{Storage: jetstream.FileStorage, AllowMsgTTL: true}},
		{name: "more than there is room for", limits: bus.StreamLimits{Age: time.Hour, Bytes: 20 << 30, Replicas: 1}, err: bus.ErrNoRoom},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.before != nil {
				c.before.Name, c.before.Subjects = "FRAMES_front", []string{"cam.front.frame"}
				// Again: the server may still be removing the files of the one before.
				eventually(t, func() bool {
					_, err := js.CreateStream(context20(t), *c.before)
					if err != nil {
						t.Log(err)
					}
					return err == nil
				})
			}
			defer func() { _ = js.DeleteStream(context20(t), "FRAMES_front") }() // where there is one
			plan, err := conn.PlanStream(context20(t), "front", c.limits)
			if c.err != nil && errors.Is(err, c.err) != (c.err == bus.ErrForeignStream) {
				t.Errorf("planned: %v", err)
			}
			done, err := conn.Provision(context20(t), "front", c.limits)
			if c.err != nil {
				if !errors.Is(err, c.err) || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), "front") {
					t.Errorf("error %q, want one line and %v", err, c.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			want := bus.StreamPlan{Camera: "front", Stream: "FRAMES_front", Action: c.action, Changes: done.Changes}
			if diff := cmp.Diff(want, done); diff != "" || changed(done) != c.changes {
				t.Errorf("changes %q, (-want +got):\n%s", changed(done), diff)
			}
			if diff := cmp.Diff(plan, done); diff != "" {
				t.Errorf("it was planned otherwise (-planned +done):\n%s", diff)
			}
			is := streamOf(t, conn, "front").CachedInfo().Config
			if is.Storage != jetstream.FileStorage || is.MaxAge != c.limits.Age || is.MaxBytes != c.limits.Bytes || is.Discard != jetstream.DiscardOld ||
				is.NoAck || is.AllowRollup || !is.AllowDirect || !is.DenyDelete || !is.DenyPurge || is.Compression != jetstream.NoCompression {
				t.Errorf("%+v", is)
			}
			if c.before != nil && c.action == bus.StreamKept && is.Description != c.before.Description {
				t.Errorf("its description was %q", is.Description)
			}
			if again, err := conn.Provision(context20(t), "front", c.limits); err != nil || again.Action != bus.StreamKept {
				t.Errorf("again: %+v, %v", again, err)
			}
		})
	}
}

// newestInMemory is a broker where the newest frame of the camera front is kept in memory.
func newestInMemory(t *testing.T) (*bus.Conn, jetstream.JetStream) {
	t.Helper()
	server := startBroker(t, broker.Config{})
	conn, js := connected(t, bus.Options{Server: server.URL()})
	memory := jetstream.StreamConfig{Name: "FRAMES_front", Subjects: []string{"cam.front.frame"}, Storage: jetstream.MemoryStorage, MaxMsgs: 1, DenyDelete: true}
	if _, err := js.CreateStream(context20(t), memory); err != nil {
		t.Fatal(err)
	}
	return conn, js
}

// Two see the newest frame in memory, and both replace it: the second finds the first one's stream, and
// frames in it.
func TestProvisionTwiceDeletesNoFrames(t *testing.T) {
	conn, js := newestInMemory(t)
	plan, carry, err := conn.PlannedProvision(context20(t), "front", roomy)
	if err != nil || plan.Action != bus.StreamReplaced {
		t.Fatalf("%+v, %v", plan, err)
	}
	if kept, err := conn.EnsureRecorded(context20(t), "front", roomy); kept != bus.StorageFile || err != nil {
		t.Fatal(kept, err)
	}
	if _, err := js.Publish(context20(t), "cam.front.frame", []byte("confirmed")); err != nil {
		t.Fatal(err)
	}
	if err := carry(); err == nil {
		t.Error("it is not told that there is another stream by now")
	}
	if is := streamOf(t, conn, "front").CachedInfo(); is.Config.Storage != jetstream.FileStorage || is.State.Msgs != 1 {
		t.Errorf("%s with %d frames", is.Config.Storage, is.State.Msgs)
	}
}

// Many at the same time, as a publisher and who looks after streams are: one of them replaces it.
func TestProvisionAtTheSameTime(t *testing.T) {
	conn, js := newestInMemory(t)
	var all sync.WaitGroup
	var replaced atomic.Int32
	for range 8 {
		all.Go(func() {
			plan, err := conn.Provision(context20(t), "front", roomy)
			if err != nil {
				t.Error(err)
			}
			if plan.Action == bus.StreamReplaced {
				replaced.Add(1)
			}
			if _, err := js.Publish(context20(t), "cam.front.frame", []byte("confirmed")); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if is := streamOf(t, conn, "front").CachedInfo(); replaced.Load() != 1 || is.State.Msgs != 8 {
		t.Errorf("replaced %d times, and %d of 8 frames are left", replaced.Load(), is.State.Msgs)
	}
}

func TestNoRoomNamesBothSides(t *testing.T) {
	server := startBroker(t, broker.Config{MaxFileStore: 64 * broker.MiB})
	conn, _ := connected(t, bus.Options{Server: server.URL()})
	provision(t, conn, "front", bus.StreamLimits{Age: time.Hour, Bytes: 40 << 20, Replicas: 1})
	_, err := conn.Provision(context20(t), "yard", bus.StreamLimits{Age: time.Hour, Bytes: 30 << 20, Replicas: 1})
	if !errors.Is(err, bus.ErrNoRoom) {
		t.Fatal(err)
	}
	for _, want := range []string{"camera yard", "buffer_bytes is 30MiB", "1 other streams on file may take 40MiB", "max_file_store"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not say %q", err, want)
		}
	}
	// It keeps the newest frame then, as that of any camera.
	if storage, err := conn.EnsureStream(context20(t), "yard"); err != nil || storage != bus.StorageMemory {
		t.Fatalf("%q, %v", storage, err)
	}
	if _, err := conn.Provision(context20(t), "yard", bus.StreamLimits{Age: time.Hour, Bytes: 30 << 20, Replicas: 1}); !errors.Is(err, bus.ErrNoRoom) {
		t.Error(err)
	}
	if is := streamOf(t, conn, "yard").CachedInfo().Config; is.Storage != jetstream.MemoryStorage {
		t.Errorf("%+v", is)
	}
	_, err = conn.Provision(context20(t), "yard", bus.StreamLimits{Age: time.Hour, Bytes: 1 << 20, Replicas: 3})
	if err == nil || !strings.Contains(err.Error(), "replicas is 3 and the server is not in a cluster") {
		t.Errorf("replicas: %v", err)
	}
}
