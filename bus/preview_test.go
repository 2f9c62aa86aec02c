package bus_test

import (
	"context"
	"encoding/json"
	"sync"
	"testing"
	"time"

	"github.com/lensbus/lensbus/broker"
	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
)

// A preview has a lease of its own kind, takes the small pictures and no others, and counts none as
// missed that was left out on purpose. The server keeps none, so nothing asks it for one.
func TestPreview(t *testing.T) {
	server := startBroker(t, broker.Config{})
	theirs := connect(t, bus.Options{Server: server.URL()})
	var mu sync.Mutex
	leases := make(map[string]frame.WatchRequest)
	watch := func(_ context.Context, request []byte) (bus.Reply, error) {
		var r frame.WatchRequest
		if err := json.Unmarshal(request, &r); err != nil {
			return bus.Reply{}, err
		}
		mu.Lock()
		defer mu.Unlock()
		if leases[r.Watcher] = r; r.Seconds == 0 {
			delete(leases, r.Watcher)
		}
		return bus.JSONReply(frame.WatchReply{Seconds: r.Seconds})
	}
	stop, err := theirs.ServeCamera(t.Context(), "front", "0.0.0", func() frame.Status { return frame.Status{ID: "front"} }, nil, map[string]bus.Verb{frame.VerbWatch: watch})
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	held := func() (all, previews int) {
		mu.Lock()
		defer mu.Unlock()
		for _, lease := range leases {
			if lease.Preview {
				previews++
			}
		}
		return len(leases), previews
	}
	out, err := theirs.Publisher("front")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := theirs.EnsureStream(context20(t), "front"); err != nil {
		t.Fatal(err)
	}
	data, err := encodePicture(1)
	if err != nil {
		t.Fatal(err)
	}
	epoch, seq := frame.NewEpoch(), uint64(0)
	send := func() {
		seq++
		f := frame.Frame{Camera: "front", Epoch: epoch, Seq: seq, Captured: time.Now(), Codec: frame.JPEG, Width: 64, Height: 48, Key: true, Data: data}
		_ = out.Publish(t.Context(), &f) // fails until the connection is there
		if seq%3 == 0 {
			_ = out.PublishPreview(t.Context(), &f)
		}
	}

	preview, err := connect(t, bus.Options{Server: server.URL()}).Preview("front")
	if err != nil {
		t.Fatal(err)
	}
	defer preview.Close()
	eventually(t, func() bool { send(); return preview.Stats().Received >= 5 })
	if f, ok := preview.Newest(); !ok || f.Seq%3 != 0 {
		t.Errorf("frame %d is no preview", f.Seq)
	}
	if s := preview.Stats(); s.Missed != 0 || len(s.Rejected) != 0 || s.Received > seq/3 {
		t.Errorf("of %d previews: %+v", seq/3, s)
	}
	eventually(t, func() bool { all, previews := held(); return all == 1 && previews == 1 })
	if err := preview.Close(); err != nil {
		t.Error(err)
	}
	eventually(t, func() bool { all, _ := held(); return all == 0 })
}
