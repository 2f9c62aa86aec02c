package broker

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"github.com/lensbus/lensbus/test/hitch"
	"github.com/lensbus/lensbus/test/logbook"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// nats-server starts these once for the process and never ends them.
		goleak.IgnoreAnyFunction("github.com/nats-io/nats-server/v2/server/ats.init.0.func1"),
		goleak.IgnoreAnyFunction("github.com/nats-io/nats-server/v2/server/ats.Register.func1"),
		// And it does not wait for this one when it ends.
		goleak.IgnoreAnyFunction("github.com/nats-io/nats-server/v2/server.(*fileStore).flushStreamStateLoop"),
		// Nor for this one, which tells a site for ten seconds that a copy of its stream has ended.
		goleak.IgnoreAnyFunction("github.com/nats-io/nats-server/v2/server.(*stream).tryDeleteSourcingConsumer.func1"))
}

func start(t *testing.T, config Config) *Server {
	t.Helper()
	if config.Listen == "" {
		config.Listen = "127.0.0.1:0"
	}
	s, err := Start(t.Context(), config, slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func connect(t *testing.T, url string, opts ...nats.Option) *nats.Conn {
	t.Helper()
	nc, err := nats.Connect(url, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return nc
}

func TestLimitsReachClients(t *testing.T) {
	s := start(t, Config{MaxPayload: 2 * MiB})
	nc := connect(t, s.URL())
	if got := nc.MaxPayload(); got != int64(2*MiB) {
		t.Errorf("max payload %d, want 2 MiB", got)
	}
	sub, err := nc.SubscribeSync("cam.front.frame")
	if err != nil {
		t.Fatal(err)
	}
	if err := nc.Flush(); err != nil { // the server knows the subscription
		t.Fatal(err)
	}
	inside := connect(t, "", nats.InProcessServer(s.InProcess()))
	picture := bytes.Repeat([]byte{0xFF}, int(2*MiB)-1000)
	if err := inside.Publish("cam.front.frame", picture); err != nil {
		t.Fatal(err)
	}
	msg, err := sub.NextMsg(10 * time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(msg.Data, picture) {
		t.Errorf("%d bytes arrived, not those %d", len(msg.Data), len(picture))
	}
	if err := nc.Publish("cam.front.frame", make([]byte, 2*MiB+1)); !errors.Is(err, nats.ErrMaxPayload) {
		t.Errorf("over max_payload: %v", err)
	}
}

func newStream(t *testing.T, nc *nats.Conn, storage jetstream.StorageType) (jetstream.JetStream, error) {
	t.Helper()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	_, err = js.CreateOrUpdateStream(t.Context(), jetstream.StreamConfig{
		Name: "FRAMES_front", Subjects: []string{"cam.front.frame"}, Storage: storage, AllowDirect: true, MaxBytes: 1 << 20,
	})
	return js, err
}

func TestStoreIsKeptAcrossRuns(t *testing.T) {
	store := filepath.Join(t.TempDir(), "deep", "store")
	first := start(t, Config{Store: store})
	nc := connect(t, first.URL())
	js, err := newStream(t, nc, jetstream.FileStorage)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.Publish(t.Context(), "cam.front.frame", []byte("picture")); err != nil {
		t.Fatal(err)
	}
	nc.Close()
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}

	second := start(t, Config{Store: store})
	js, err = jetstream.New(connect(t, second.URL()))
	if err != nil {
		t.Fatal(err)
	}
	stream, err := js.Stream(t.Context(), "FRAMES_front")
	if err != nil {
		t.Fatal(err)
	}
	msg, err := stream.GetLastMsgForSubject(t.Context(), "cam.front.frame")
	if err != nil || string(msg.Data) != "picture" {
		t.Fatalf("after the restart: %v, %v", msg, err)
	}
}

func TestSecondBrokerOnTheSameStoreIsRefused(t *testing.T) {
	store := t.TempDir()
	first := start(t, Config{Store: store})
	_, err := Start(t.Context(), Config{Listen: "127.0.0.1:0", Store: store}, nil)
	if !errors.Is(err, ErrStoreInUse) || !strings.Contains(err.Error(), store) {
		t.Fatalf("second broker on %s: %v", store, err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	start(t, Config{Store: store})
}

func TestTemporaryStoreIsRemoved(t *testing.T) {
	parent := t.TempDir()
	t.Setenv("TMPDIR", parent)
	s := start(t, Config{})
	if _, err := newStream(t, connect(t, s.URL()), jetstream.FileStorage); err != nil {
		t.Fatal(err)
	}
	if found, _ := os.ReadDir(parent); len(found) != 1 {
		t.Fatalf("temporary folders while it runs: %v", found)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if left, _ := os.ReadDir(parent); len(left) != 0 {
		t.Fatalf("left behind: %v", left)
	}
}

func TestWithoutJetStream(t *testing.T) {
	s := start(t, Config{NoJetStream: true})
	if _, err := newStream(t, connect(t, s.URL()), jetstream.MemoryStorage); !errors.Is(err, nats.ErrNoResponders) {
		t.Fatalf("a stream on a broker without JetStream: %v", err)
	}
}

func TestStartErrorsArePlain(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = busy.Close() })
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for _, c := range []struct {
		name   string
		ctx    context.Context
		config Config
		is     error
		says   string
	}{
		{"port taken", t.Context(), Config{Listen: busy.Addr().String()}, syscall.EADDRINUSE, "address " + busy.Addr().String() + " is already in use"},
		{"not our address", t.Context(), Config{Listen: "192.0.2.1:0", Insecure: true}, syscall.EADDRNOTAVAIL, "192.0.2.1"},
		{"store is a file", t.Context(), Config{Listen: "127.0.0.1:0", Store: file}, syscall.ENOTDIR, file},
		{"not loopback", t.Context(), Config{Listen: "0.0.0.0:0"}, ErrInsecure, "--insecure"},
		{"already cancelled", cancelled, Config{Listen: "127.0.0.1:0"}, context.Canceled, "start the NATS server"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := Start(c.ctx, c.config, nil)
			if err == nil {
				_ = s.Close()
				if c.is == context.Canceled {
					return // the server was faster: also right
				}
				t.Fatal("it started")
			}
			if !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %q, want one line that says %q and is %v", err, c.says, c.is)
			}
		})
	}
}

func TestOpenBrokerIsLoud(t *testing.T) {
	var log logbook.Book
	s, err := Start(t.Context(), Config{Listen: "0.0.0.0:0", Insecure: true}, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	if !strings.Contains(log.String(), "level=WARN") || !strings.Contains(log.String(), "no authentication") {
		t.Errorf("log: %s", log.String())
	}
	if !strings.HasPrefix(s.URL(), "nats://127.0.0.1:") {
		t.Errorf("URL %s: nobody can connect to 0.0.0.0", s.URL())
	}
	connect(t, s.URL())
}

// neverReads is a client that wants all pictures, and reads none.
func neverReads(t *testing.T, s *Server) {
	t.Helper()
	stuck, err := net.Dial("tcp", strings.TrimPrefix(s.URL(), "nats://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = stuck.Close() })
	if _, err := io.WriteString(stuck, "CONNECT {\"verbose\":false}\r\nSUB cam.*.frame 1\r\nPING\r\n"); err != nil {
		t.Fatal(err)
	}
}

// A client that does not read must not hold up the end: its connection is full when Close comes.
func TestCloseWithStuckAndLiveClients(t *testing.T) { hitch.Judge(t, closesWithStuckAndLiveClients) }

func closesWithStuckAndLiveClients(t *testing.T) (found hitch.Problems) {
	s := start(t, Config{})
	neverReads(t, s)
	nc := connect(t, s.URL(), nats.MaxReconnects(-1))
	inside := connect(t, "", nats.InProcessServer(s.InProcess()), nats.MaxReconnects(-1))
	if _, err := inside.Subscribe("cam.*.frame", func(*nats.Msg) {}); err != nil {
		t.Fatal(err)
	}
	for range 80 { // 8 MB: more than the kernel holds, less than what gets it cut off
		if err := nc.Publish("cam.front.frame", make([]byte, 100<<10)); err != nil {
			t.Fatal(err)
		}
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > 2*time.Second {
		found.Add("Close took %s, the bound is 2s", took)
	}
	if err := s.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
	return found
}

// A client that stops reading is skipped, then cut off, and nobody else notices.
func TestStuckClientIsCutOff(t *testing.T) { hitch.Judge(t, cutsOffAStuckClient) }

func cutsOffAStuckClient(t *testing.T) (found hitch.Problems) {
	s := start(t, Config{MaxPayload: MiB, MaxPending: 2 * MiB, WriteDeadline: 300 * time.Millisecond})
	neverReads(t, s)
	nc := connect(t, s.URL())
	watching := connect(t, s.URL())
	good, err := watching.SubscribeSync("cam.*.frame")
	if err != nil {
		t.Fatal(err)
	}
	if err := watching.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := good.SetPendingLimits(-1, -1); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(20 * time.Second)
	for n := 1; s.nats.NumSlowConsumers() == 0; n++ {
		if time.Now().After(deadline) {
			t.Fatal("the client that never reads is still connected")
		}
		if err := nc.Publish("cam.front.frame", make([]byte, 500<<10)); err != nil {
			t.Fatal(err)
		}
		if _, err := good.NextMsg(5 * time.Second); err != nil {
			found.Add("the other client, frame %d: %v", n, err) // it too has 300 ms to take what is written
			break
		}
	}
	return found
}

func TestRunEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var log logbook.Book
	done := make(chan error, 1)
	go func() {
		done <- Run(ctx, Config{Listen: "127.0.0.1:0"}, slog.New(slog.NewTextHandler(&log, nil)))
	}()
	eventually(t, func() bool {
		select {
		case err := <-done:
			t.Fatalf("ended before it was ready: %v", err)
		default:
		}
		return log.Has("broker is ready")
	})
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}
