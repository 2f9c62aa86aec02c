package nemesis

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/test/free"
)

// system is a whole lensbus: a broker, a recorder, and a publisher that writes down what it did. They
// are made and not started.
type system struct {
	t       testing.TB
	cameras cameras
	config  string // the configuration file of broker and recorder
	store   string // the broker's folder
	dir     string // the recorder's folder

	// numbers is where the recorder serves its own.
	numbers string
	// renumbered: the stream's numbers have begun anew, once or more.
	renumbered bool

	broker, recorder, publisher *daemon
	pauses                      int
	duplicates                  float64 // that recorders told of before they were killed

	nc *nats.Conn
	js jetstream.JetStream
}

// setup is what tests have different.
type setup struct {
	cameras  int
	fps      float64
	bytes    int
	fullHD   int    // see cameras
	buffer   string // buffer_bytes of each camera; "": the default
	recorder string // more lines of the recorder's section
	broker   string // more lines of the broker's section
	// store and dir are folders other than temporary ones.
	store, dir string
}

func newSystem(t testing.TB, with setup) *system {
	t.Helper()
	base := folder(t)
	s := &system{t: t, config: filepath.Join(base, "lensbus.yaml"), store: filepath.Join(base, "store"), dir: filepath.Join(base, "recordings")}
	if with.store != "" {
		s.store = with.store
	}
	if with.dir != "" {
		s.dir = with.dir
	}
	address := free.Address(t)
	s.cameras = cameras{Server: "nats://" + address, FPS: with.fps, Bytes: with.bytes, FullHD: with.fullHD, Journal: filepath.Join(base, "journal")}
	var text strings.Builder
	fmt.Fprintf(&text, "server: %s\nbroker:\n  listen: %s\n  store: %s\n  sync: always\n%s", s.cameras.Server, address, s.store, with.broker)
	fmt.Fprintf(&text, "recorder:\n  dir: %s\n%s", s.dir, with.recorder)
	text.WriteString("cameras:\n")
	for i := range with.cameras {
		id := frame.CameraID(fmt.Sprintf("cam%d", i+1))
		s.cameras.IDs = append(s.cameras.IDs, id)
		record := "true"
		if with.buffer != "" {
			record = "{buffer_bytes: " + with.buffer + "}"
		}
		fmt.Fprintf(&text, "  %s:\n    record: %s\n", id, record)
	}
	if err := os.WriteFile(s.config, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	config, err := json.Marshal(s.cameras)
	if err != nil {
		t.Fatal(err)
	}
	s.numbers = free.Address(t)
	s.broker = newDaemon(t, "broker", func() *exec.Cmd { return lensbus("broker", "-c", s.config) })
	s.recorder = newDaemon(t, "recorder", func() *exec.Cmd { return lensbus("record", "-c", s.config, "--metrics-listen", s.numbers) })
	s.publisher = newDaemon(t, "publisher", func() *exec.Cmd {
		cmd := exec.Command(os.Args[0])
		cmd.Env = []string{publisherConfig + "=" + string(config), "GORACE=halt_on_error=1"}
		return cmd
	})
	if s.nc, err = nats.Connect(s.cameras.Server, nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1),
		nats.ReconnectWait(50*time.Millisecond), nats.Timeout(time.Second)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.nc.Close)
	if s.js, err = jetstream.New(s.nc, jetstream.WithDefaultTimeout(time.Second)); err != nil {
		t.Fatal(err)
	}
	return s
}

// start starts broker, recorder and publisher, in this order, without waiting for any of them.
func (s *system) start() {
	s.t.Helper()
	s.broker.start()
	s.recorder.start()
	s.publisher.start()
}

// journal is what the publishers have done so far.
func (s *system) journal() account {
	s.t.Helper()
	return readJournal(s.t, s.cameras.Journal)
}

// safe returns up to which number of its stream a camera is recorded; ok is false where that cannot
// be asked now.
func (s *system) safe(id frame.CameraID) (number uint64, ok bool) {
	consumer, err := s.js.Consumer(context.Background(), id.StreamName(), "rec")
	if err != nil {
		return 0, false
	}
	return consumer.CachedInfo().AckFloor.Stream, true
}

// caughtUp says whether everything that a camera's stream holds is recorded.
func (s *system) caughtUp(id frame.CameraID) bool {
	stream, err := s.js.Stream(context.Background(), id.StreamName())
	if err != nil {
		return false
	}
	safe, ok := s.safe(id)
	return ok && safe >= stream.CachedInfo().State.LastSeq
}

// stopPublisher ends the publishing, in order.
func (s *system) stopPublisher() {
	s.t.Helper()
	s.publisher.look()
	if err := s.publisher.process.stdin.Close(); err != nil {
		s.t.Error(err)
	}
	if code := s.publisher.wait(); code != 0 {
		s.t.Fatalf("the publisher ended with code %d", code)
	}
}

// pausePublisher makes the publisher stop between two frames: how all before came out is known, and
// what is confirmed of them is recorded. goOn lets it go on where it was.
func (s *system) pausePublisher() (goOn func()) {
	s.t.Helper()
	s.order("pause")
	s.pauses++
	s.publisher.says(fmt.Sprintf(`(?m)^paused %d$`, s.pauses))
	s.allRecorded()
	return func() {
		s.t.Helper()
		s.order("go")
	}
}

func (s *system) order(what string) {
	s.t.Helper()
	if _, err := fmt.Fprintln(s.publisher.process.stdin, what); err != nil {
		s.t.Fatal(err)
	}
}

// allRecorded waits until the recorder has caught up.
func (s *system) allRecorded() {
	s.t.Helper()
	for _, id := range s.cameras.IDs {
		eventually(s.t, "all that is stored of "+string(id)+" is recorded", func() bool { return s.caughtUp(id) })
	}
}

// finish ends the publishing, waits until all that is stored is recorded, and ends the recorder.
func (s *system) finish() {
	s.t.Helper()
	s.stopPublisher()
	s.allRecorded()
	s.duplicates += s.number(duplicates)
	if code := s.recorder.end(); code != 0 {
		s.t.Errorf("the recorder ended with code %d", code)
	}
}

// storedAtLeast waits until the broker has confirmed so many frames of each camera more than now.
func (s *system) storedAtLeast(more int) {
	s.t.Helper()
	count := func() map[frame.CameraID]int {
		n := make(map[frame.CameraID]int)
		for _, m := range s.journal().acks {
			n[m.camera]++
		}
		return n
	}
	before := count()
	eventually(s.t, fmt.Sprintf("%d more frames of each camera are stored", more), func() bool {
		for _, d := range []*daemon{s.broker, s.publisher} {
			if d.process != nil && !d.running() {
				s.t.Fatalf("%v ended by itself: %v", d.process.cmd.Args, d.process.cmd.ProcessState)
			}
		}
		now := count()
		for _, id := range s.cameras.IDs {
			if now[id] < before[id]+more {
				return false
			}
		}
		return true
	})
}
