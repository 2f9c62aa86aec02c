package nemesis

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/lensbus/lensbus/bus"
)

// small is a system whose faults do not depend on how much it does.
func small() setup { return setup{cameras: 2, fps: 12, bytes: 30_000, recorder: "  segment: 4s\n"} }

// TestAFullDiskLosesNothing: the recorder's disk fills up in the middle of a part. It says so, and goes on
// by itself when there is room.
func TestAFullDiskLosesNothing(t *testing.T) {
	t.Parallel()
	volume := smallVolume(t, 8)
	with := small()
	with.dir, with.bytes, with.recorder = filepath.Join(volume, "recordings"), 100_000, "  segment: 10m\n  min_free: 1B\n"
	s := newSystem(t, with)
	s.start()
	s.storedAtLeast(1)
	s.recorder.says("recording has stopped")
	eventually(t, "the recorder says that it is not ready", func() bool { return s.ready() == http.StatusServiceUnavailable })
	s.storedAtLeast(15) // in the stream
	resize(t, volume, 512)
	s.recorder.says("recording goes on")
	eventually(t, "the recorder is ready", func() bool { return s.ready() == http.StatusOK })
	s.finish()
	r := s.check()
	t.Log(r.summary())
}

// TestAFullBrokerGoesOnLive: the broker's disk fills up. Live pictures flow, what is not stored is counted
// and told as gaps, and nothing that was confirmed is lost.
func TestAFullBrokerGoesOnLive(t *testing.T) {
	t.Parallel()
	volume := smallVolume(t, 24)
	with := small()
	with.store = filepath.Join(volume, "store")
	ballast := filepath.Join(volume, "somebody else's")
	if err := os.WriteFile(ballast, make([]byte, 20<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	s := newSystem(t, with)
	s.start()
	s.storedAtLeast(1)
	var live atomic.Int64
	if _, err := s.nc.Subscribe(s.cameras.IDs[0].FrameSubject(), func(*nats.Msg) { live.Add(1) }); err != nil {
		t.Fatal(err)
	}
	unstored := func() (n int) {
		for _, p := range s.journal().frames {
			if p.reason != "" {
				n++
			}
		}
		return n
	}
	eventually(t, "frames are not stored", func() bool { return unstored() > 0 })
	before := live.Load()
	eventually(t, "live pictures flow", func() bool { return live.Load() >= before+30 })
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	resize(t, volume, 512)
	s.storedAtLeast(15)
	s.finish()
	r := s.check()
	t.Log(r.summary())
	if r.missing["unstored"] == 0 {
		t.Errorf("frames were not stored, and no gap says so: %v", r.gaps)
	}
}

// TestARecorderThatWasAway: it is stopped for longer than the broker waits for an acknowledgement, a
// second one comes to its folder, and its index is deleted, and damaged, while it is down.
func TestARecorderThatWasAway(t *testing.T) {
	t.Parallel()
	s := newSystem(t, small())
	s.broker.start()
	const ackWait = time.Second
	for _, id := range s.cameras.IDs { // as an administrator does
		eventually(t, "there is a stream for "+string(id), func() bool {
			_, err := s.js.CreateOrUpdateConsumer(context.Background(), id.StreamName(), jetstream.ConsumerConfig{
				Durable: "rec", FilterSubject: id.FrameSubject(), AckPolicy: jetstream.AckAllPolicy, AckWait: ackWait, MaxAckPending: 1024,
			})
			return err == nil
		})
	}
	s.recorder.start()
	s.publisher.start()
	s.storedAtLeast(5)
	s.recorder.pause(3 * ackWait)
	s.storedAtLeast(15)
	eventually(t, "frames have come twice", func() bool { return s.number(duplicates) > 0 })

	code, out, stderr := answer(t, lensbus("record", "--dir", s.dir, "--server", s.cameras.Server))
	if lines := strings.Count(stderr, "lensbus: "); code != 1 || lines != 1 || out != "" || !strings.Contains(stderr, "another recorder") {
		t.Errorf("a second recorder: code %d, %q, %q", code, out, stderr)
	}

	s.recorder.kill()
	for _, path := range matches(t, filepath.Join(s.dir, "index.sqlite*")) {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	s.recorder.start()
	s.storedAtLeast(5)
	s.recorder.kill()
	if err := os.WriteFile(filepath.Join(s.dir, "index.sqlite"), []byte("no index at all, but longer than nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.recorder.start()
	s.storedAtLeast(5)
	s.finish()
	r := s.check()
	t.Log(r.summary())
}

// TestAStreamThatIsAnother: the broker's store is put back to an older copy, as a whole and of the frames
// alone, and streams are deleted. The recorder notices, and goes on with what there is.
func TestAStreamThatIsAnother(t *testing.T) {
	t.Parallel()
	s := newSystem(t, small())
	s.renumbered = true
	s.start()
	s.storedAtLeast(10)
	for _, part := range []string{"", "msgs"} {
		goOn := s.pausePublisher()
		if code := s.broker.end(); code != 0 {
			t.Errorf("the broker ended with code %d", code)
		}
		old := filepath.Join(folder(t), "old")
		command(t, "cp", "-a", s.store, old)
		s.broker.start()
		goOn()
		s.storedAtLeast(20)
		goOn = s.pausePublisher()
		s.broker.kill()
		if part == "" {
			command(t, "rm", "-r", s.store)
			command(t, "cp", "-a", old, s.store)
		} else {
			copies := matches(t, filepath.Join(old, "jetstream", "*", "streams", "*", part))
			if len(copies) != len(s.cameras.IDs) {
				t.Fatalf("the store has no longer the folders that this test knows: %v", copies)
			}
			for _, from := range copies {
				to := filepath.Join(s.store, strings.TrimPrefix(from, old))
				command(t, "rm", "-r", to)
				command(t, "cp", "-a", from, to)
			}
		}
		s.broker.start()
		goOn()
		s.storedAtLeast(10)
		s.allRecordedWhilePublishing()
	}
	goOn := s.pausePublisher()
	for _, id := range s.cameras.IDs {
		if err := s.js.DeleteStream(context.Background(), id.StreamName()); err != nil {
			t.Fatal(err)
		}
	}
	goOn()
	s.storedAtLeast(10)
	s.finish()
	r := s.check()
	t.Log(r.summary())
	if n := strings.Count(s.recorder.said(), "numbers begin anew"); n < 2*len(s.cameras.IDs) {
		t.Errorf("the recorder has noticed %d times that a stream was another", n)
	}
	for _, reason := range []bus.UnstoredReason{bus.UnstoredNoStream} {
		told := false
		for _, p := range r.account.frames {
			told = told || p.reason == reason
		}
		if !told {
			t.Errorf("no frame was %s", reason)
		}
	}
}

// allRecordedWhilePublishing waits until what is stored now is recorded.
func (s *system) allRecordedWhilePublishing() {
	s.t.Helper()
	s.pausePublisher()()
}

// smallVolume is a file system of its own of that many MiB.
func smallVolume(t *testing.T, mebibytes int) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%dm", mebibytes)); err != nil {
		t.Skipf("SKIPPED, NOT TESTED: a full disk. Mounting a tmpfs takes root: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func resize(t *testing.T, volume string, mebibytes int) {
	t.Helper()
	if err := syscall.Mount("", volume, "", syscall.MS_REMOUNT, fmt.Sprintf("size=%dm", mebibytes)); err != nil {
		t.Fatal(err)
	}
}

func matches(t *testing.T, pattern string) []string {
	t.Helper()
	all, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func command(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
}
