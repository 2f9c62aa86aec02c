package bus_test

import (
	"testing"
	"time"

	"github.com/lensbus/lensbus/broker"
	"github.com/lensbus/lensbus/bus"
)

func TestTellStoredTellsOfEveryFrameOnce(t *testing.T) {
	server := startBroker(t, broker.Config{})
	conn := connect(t, bus.Options{Server: server.URL()})
	ctx := context20(t)
	if err := conn.WaitConnected(ctx); err != nil {
		t.Fatal(err)
	}
	camera := newCamera(t, conn, "front", 1000)
	told := make(chan bus.StoredOutcome, 100)
	camera.out.TellStored(func(o bus.StoredOutcome) { told <- o })
	publish := func() bus.StoredOutcome {
		t.Helper()
		camera.f.Seq++
		f := camera.f
		f.Captured = time.Now()
		for camera.out.PublishStored(ctx, &f) != nil { // until the connection is there
			if ctx.Err() != nil {
				t.Fatal("nothing could be published")
			}
		}
		select {
		case o := <-told:
			if o.Epoch != f.Epoch || o.Seq != f.Seq {
				t.Fatalf("told of frame %s %d after %s %d was published", o.Epoch, o.Seq, f.Epoch, f.Seq)
			}
			return o
		case <-ctx.Done():
			t.Fatal("told nothing")
			return bus.StoredOutcome{}
		}
	}
	if o := publish(); o.Reason != bus.UnstoredNoStream || o.Stored != 0 {
		t.Errorf("without a stream: %+v", o)
	}
	if _, err := conn.EnsureRecorded(ctx, "front", bus.StreamLimits{Age: time.Hour, Bytes: 64 << 20, Replicas: 1}); err != nil {
		t.Fatal(err)
	}
	o := publish()
	for tick := time.NewTicker(20 * time.Millisecond); o.Reason != ""; o = publish() { // one a second is tried
		if o.Stored != 0 {
			t.Fatalf("not confirmed, and yet: %+v", o)
		}
		<-tick.C
	}
	if next := publish(); next.Reason != "" || next.Stored != o.Stored+1 {
		t.Errorf("after frame %+v: %+v", o, next)
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
	stats := camera.out.StoredStats()
	if stats.Stored != 2 || stats.Sent != stats.Stored+sum(stats.Unstored) || stats.Sent != camera.f.Seq || len(told) != 0 {
		t.Errorf("%d frames, %+v, and %d more were told of", camera.f.Seq, stats, len(told))
	}
}

func sum(by map[bus.UnstoredReason]uint64) (n uint64) {
	for _, v := range by {
		n += v
	}
	return n
}
