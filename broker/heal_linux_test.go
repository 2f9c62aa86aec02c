package broker

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/lensbus/lensbus/test/await"
	"github.com/lensbus/lensbus/test/logbook"
)

// smallVolume is a file system of its own of that many MiB.
func smallVolume(t *testing.T, mebibytes int) string {
	t.Helper()
	folder := t.TempDir()
	if err := syscall.Mount("tmpfs", folder, "tmpfs", 0, fmt.Sprintf("size=%dm", mebibytes)); err != nil {
		t.Skipf("NOT TESTED: a full disk. Mounting a tmpfs takes root: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(folder, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return folder
}

// A disk that fills up stops storing and nothing else; when there is room again, storing goes on
// without a restart of the broker, and what was confirmed is there.
func TestFullDisk(t *testing.T) {
	volume := smallVolume(t, 24)
	var log logbook.Book
	s, err := Start(t.Context(), Config{Listen: "127.0.0.1:0", Store: filepath.Join(volume, "nats"), MaxPayload: MiB}, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	nc := connect(t, s.URL())
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{
		Name: "FRAMES_front", Subjects: []string{"cam.front.frame"}, Storage: jetstream.FileStorage, MaxBytes: 512 << 20, AllowDirect: true,
	}); err != nil {
		t.Fatal(err)
	}
	watching := connect(t, s.URL())
	viewer, err := watching.SubscribeSync("cam.front.frame")
	if err != nil {
		t.Fatal(err)
	}
	if err := watching.Flush(); err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(volume, "somebody else's")
	if err := os.WriteFile(other, make([]byte, 16<<20), 0o600); err != nil {
		t.Fatal(err)
	}

	sent, confirmed := byte(0), make(map[uint64]byte) // what each message of the stream is of
	publish := func() error {
		sent++
		msg, err := nc.Request("cam.front.frame", bytes.Repeat([]byte{sent}, 200<<10), time.Second)
		if _, err := viewer.NextMsg(20 * time.Second); err != nil {
			t.Fatalf("a viewer: %v", err)
		}
		if err != nil {
			return err
		}
		var answer jetstream.PubAck
		if err := json.Unmarshal(msg.Data, &answer); err != nil || answer.Sequence == 0 {
			return fmt.Errorf("answer %s: %v", msg.Data, err)
		}
		confirmed[answer.Sequence] = sent
		return nil
	}
	within(t, "the disk to be full", func() bool {
		_ = publish() // that it fails is not enough: it also does where the broker is slow
		err := s.Ready()
		return err != nil && strings.Contains(err.Error(), "write error")
	})
	within(t, "the log to say so", func() bool { return strings.Contains(log.String(), "cannot store") })
	if publish() == nil {
		t.Error("it is confirmed with a full disk")
	}

	if err := os.Remove(other); err != nil {
		t.Fatal(err)
	}
	within(t, "storing to go on", func() bool { return publish() == nil }) // the healer's own ticks
	within(t, "the broker to be ready", func() bool { return s.Ready() == nil })
	within(t, "the log to say so", func() bool { return strings.Contains(log.String(), "stores again") })
	stream, err := js.Stream(t.Context(), "FRAMES_front")
	if err != nil {
		t.Fatal(err)
	}
	for seq, n := range confirmed {
		msg, err := stream.GetMsg(t.Context(), seq)
		if err != nil || len(msg.Data) != 200<<10 || msg.Data[0] != n {
			t.Fatalf("message %d of %d that were confirmed: %v", seq, len(confirmed), err)
		}
	}
}

func within(t *testing.T, what string, condition func() bool) {
	t.Helper()
	if !await.True(60*time.Second, 10*time.Millisecond, condition) {
		t.Fatal("waited in vain for " + what)
	}
}

func TestJetStreamThatHasEndedBeginsAnew(t *testing.T) {
	s := start(t, Config{Store: t.TempDir()})
	if err := s.nats.ShutdownJetStream(); err != nil {
		t.Fatal(err)
	}
	if err := s.Ready(); err == nil {
		t.Error("ready without JetStream")
	}
	within(t, "JetStream", func() bool { return s.Ready() == nil })
	if _, err := newStream(t, connect(t, s.URL()), jetstream.FileStorage); err != nil {
		t.Fatal(err)
	}
}
