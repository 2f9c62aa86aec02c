package cli

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/lensbus/lensbus/auth"
	"github.com/lensbus/lensbus/broker"
	"github.com/lensbus/lensbus/frame"
)

// written is what a command has said so far.
type written struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (w *written) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.Write(p)
}

func (w *written) has(text string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.Contains(w.text.String(), text)
}

func (w *written) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

// What stays beside a NATS server goes on with what its file and its users say now, and with what they said
// before where they are wrong.
func TestProvisionStayFollows(t *testing.T) {
	dir := t.TempDir()
	conn, url := newBus(t, broker.Config{Store: t.TempDir()})
	js, err := jetstream.New(conn.NATS())
	if err != nil {
		t.Fatal(err)
	}
	users := auth.Open(filepath.Join(dir, "auth"))
	if _, err := users.Init(auth.InitOptions{}); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "lensbus.yaml")
	save := func(text string) {
		t.Helper()
		if err := errors.Join(os.WriteFile(path+".new", []byte(text), 0o600), os.Rename(path+".new", path)); err != nil {
			t.Fatal(err)
		}
	}
	base := "broker: {auth: '" + users.Path("") + "'}\n"
	save(base + "cameras: {front: {record: true}, yard: {source: 'test:'}}\n")

	said := new(written)
	log := slog.New(slog.NewTextHandler(said, nil))
	ctx, l := newLife(log, func(code int) { t.Errorf("the process ends with %d", code) })
	command := &provisionCommand{fileFlag: fileFlag{Config: path}, serverFlags: serverFlags{Server: url}, Stay: true}
	ran := make(chan error, 1)
	go func() { ran <- command.Run(ctx, &session{Program: Program{Stdout: new(written)}, log: log, life: l}) }()
	t.Cleanup(func() {
		l.cancel()
		select {
		case err := <-ran:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(patience):
			t.Error("it does not end")
		}
		l.close()
	})
	await := func(what string, is func() bool) {
		t.Helper()
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for deadline := time.After(2 * patience); !is(); {
			select {
			case <-tick.C:
			case <-deadline:
				t.Fatalf("never: %s\n%s", what, said)
			}
		}
	}
	stream := func(id frame.CameraID, storage jetstream.StorageType, consumers ...string) func() bool {
		return func() bool {
			s, err := js.Stream(t.Context(), id.StreamName())
			if err != nil || s.CachedInfo().Config.Storage != storage {
				return false
			}
			var names []string
			list := s.ConsumerNames(t.Context())
			for name := range list.Name() {
				names = append(names, name)
			}
			slices.Sort(names)
			return list.Err() == nil && slices.Equal(names, consumers)
		}
	}
	await("the streams of the file", stream("front", jetstream.FileStorage, "rec"))
	await("that of a camera that is not recorded", stream("yard", jetstream.MemoryStorage))

	// A wrong file is refused, and what was before goes on, with a recorder that has come.
	save(base + "cameras: {front: {recrod: true}}\n")
	await("a wrong file is told", func() bool {
		return said.has("the configuration file is refused, the old one stays") && said.has("lensbus.yaml:2: cameras.front: unknown key")
	})
	if _, err := users.Add(auth.User{Name: "second", Role: auth.Recorder, All: true, Durable: "nvr2"}, auth.AddOptions{}); err != nil {
		t.Fatal(err)
	}
	await("users are told", func() bool { return said.has("users read again") })
	if err := js.DeleteStream(t.Context(), frame.CameraID("front").StreamName()); err != nil {
		t.Fatal(err)
	}
	await("a stream of the old file is made anew", stream("front", jetstream.FileStorage, "nvr2", "rec"))

	// Users that are wrong are refused, and so are none.
	right, err := os.ReadFile(users.Path(auth.UsersFile))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(users.Path(auth.UsersFile), []byte("nobody\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	await("wrong users are told", func() bool { return said.has("the recorders of before stay") })

	// A right file is taken: one more camera, one that is recorded now, and another consumer.
	save(base + "recorder: {durable: nvr3}\ncameras: {front: {record: true}, yard: {source: 'test:', record: true}, hall: {record: true}, gate: {source: 'test:'}}\n")
	for _, id := range []frame.CameraID{"front", "yard", "hall"} {
		await(string(id)+" with another consumer", stream(id, jetstream.FileStorage, "nvr2", "nvr3", "rec"))
	}
	await("gate's newest", stream("gate", jetstream.MemoryStorage))
	if said.has("need a restart") {
		t.Error(said)
	}

	if err := os.Remove(users.Path(auth.UsersFile)); err != nil {
		t.Fatal(err)
	}
	await("no users are told", func() bool { return said.has(syscall.ENOENT.Error()) })
	if err := os.WriteFile(users.Path(auth.UsersFile), append([]byte("# again\n"), right...), 0o600); err != nil {
		t.Fatal(err)
	}
	await("right users are told", func() bool { return strings.Count(said.String(), "users read again") == 2 })

	if !l.reload() {
		t.Fatal("SIGHUP would end it")
	}
	await("SIGHUP", func() bool { return strings.Count(said.String(), "configuration file read again") == 2 })
}
