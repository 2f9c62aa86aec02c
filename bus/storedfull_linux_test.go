package bus_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lensbus/lensbus/broker"
	"github.com/lensbus/lensbus/bus"
)

// A disk that is full takes nothing from the live picture. What is not stored is counted, and when
// there is room again it goes on by itself, with all that was confirmed in the stream.
func TestFullDisk(t *testing.T) {
	t.Parallel() // it mostly waits
	volume := t.TempDir()
	if err := syscall.Mount("tmpfs", volume, "tmpfs", 0, "size=24m"); err != nil {
		t.Skipf("NOT TESTED: a full disk. Mounting a tmpfs takes root: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(volume, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	server := startBroker(t, broker.Config{Store: filepath.Join(volume, "nats"), MaxPayload: broker.MiB})
	conn, _ := connected(t, bus.Options{Server: server.URL()})
	provision(t, conn, "front", bus.StreamLimits{Age: time.Hour, Bytes: 1 << 30, Replicas: 1})
	other := filepath.Join(volume, "somebody else's")
	if err := os.WriteFile(other, make([]byte, 16<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	live, err := conn.Live("front")
	if err != nil {
		t.Fatal(err)
	}
	r := newStored(t, conn, "front", 200_000)
	// That it has stopped is not enough: a broker that is only slow does not confirm either, for a while.
	r.publishUntil("the disk is full", func(s bus.StoredStats) bool {
		err := server.Ready()
		return s.Stopped != "" && err != nil && strings.Contains(err.Error(), "write error")
	})
	full := r.check()
	received := live.Stats().Received
	r.publishUntil("a viewer has more frames", func(bus.StoredStats) bool { return live.Stats().Received > received+20 })
	if s := r.check(); s.Stopped == "" {
		t.Errorf("with a full disk: %+v", s)
	}
	if err := os.Remove(other); err != nil {
		t.Fatal(err)
	}
	// The broker keeps what it is not asked to confirm too. Faster, and there would be no room once more
	// before it is asked again.
	r.publishEvery(100*time.Millisecond, "storing goes on", func(s bus.StoredStats) bool { return s.Stored > full.Stored+5 })
	s := r.settle()
	in := kept(t, conn, "front")
	for seq, n := range r.confirmed() {
		if in[n] != seq {
			t.Errorf("frame %d was confirmed as message %d, which is frame %d", seq, n, in[n])
		}
	}
	t.Logf("%+v", s)
}
