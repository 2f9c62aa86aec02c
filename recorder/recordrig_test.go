package recorder_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"github.com/lensbus/lensbus/broker"
	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/recorder"
	"github.com/lensbus/lensbus/recorder/segment"
	"github.com/lensbus/lensbus/test/await"
	"github.com/lensbus/lensbus/test/ledger"
)

// patience is how long anything may take for which no time is promised.
const patience = 30 * time.Second

// What makes this test's program a recorder that can be killed: its folder, and its broker.
const (
	variableDir    = "LENSBUS_TEST_RECORD_DIR"
	variableServer = "LENSBUS_TEST_RECORD_SERVER"
)

func TestMain(m *testing.M) {
	if role := os.Getenv(variableRole); role != "" {
		fmt.Fprintln(os.Stderr, benchRole(role, os.Getenv(variableDir), os.Getenv(variableServer)))
		os.Exit(1)
	}
	if dir := os.Getenv(variableDir); dir != "" {
		os.Exit(recordAsProcess(dir, os.Getenv(variableServer)))
	}
	code := m.Run()
	// nats-server keeps one clock for all servers of a process, and sometimes longer than them.
	err := goleak.Find(goleak.IgnoreAnyFunction("github.com/nats-io/nats-server/v2/server/ats.Register.func1"))
	if code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// quick makes everything that takes its time short.
func quick(cfg recorder.Config) recorder.Config {
	if cfg.Part == 0 {
		cfg.Part = 100 * time.Millisecond
	}
	if cfg.Segment == 0 {
		cfg.Segment = 2 * time.Second
	}
	if cfg.MinFree == 0 {
		cfg.MinFree = 1
	}
	return cfg
}

func soon(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	if !await.True(patience, 5*time.Millisecond, condition) {
		t.Fatalf("within %v it did not come true that %s", patience, what)
	}
}

// log is a test's, and keeps what was said.
type logged struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) says(text string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(l.text.String(), text)
}

// rig is a broker with a recorded camera, and the ledger of what it has confirmed.
type rig struct {
	t      testing.TB
	store  string
	users  *users // nil: nobody is asked who he is
	server *broker.Server
	url    string
	nc     *nats.Conn
	js     jetstream.JetStream
	ledger *ledger.Ledger

	camera frame.CameraID
	f      frame.Frame
	size   int
}

// recorded is a rig with a recorder that has its first so many frames in the files of dir.
func recorded(t testing.TB, frames int) (g *rig, dir string, r *running) {
	t.Helper()
	g = newRig(t)
	g.provision(nil)
	dir = t.TempDir()
	r = g.record(recorder.Config{Dir: dir}, nil)
	g.publish(frames)
	g.inFiles(dir)
	return g, dir, r
}

func newRig(t testing.TB) *rig {
	t.Helper()
	g := &rig{t: t, store: t.TempDir(), ledger: ledger.New(), camera: "front", size: 4000}
	g.startBroker("127.0.0.1:0")
	t.Cleanup(func() { _ = g.server.Close() })
	g.url = g.server.URL()
	g.connect()
	g.newEpoch()
	return g
}

func (g *rig) connect() {
	g.t.Helper()
	t := g.t
	var err error
	if g.nc, err = nats.Connect(g.url, append(g.users.options(t), nats.MaxReconnects(-1), nats.ReconnectWait(50*time.Millisecond))...); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.nc.Close)
	if g.js, err = jetstream.New(g.nc); err != nil {
		t.Fatal(err)
	}
}

func (g *rig) startBroker(listen string) {
	g.t.Helper()
	server, err := broker.Start(soon(g.t), broker.Config{Listen: listen, Store: g.store, Auth: g.users.folder()}, slog.New(slog.DiscardHandler))
	if err != nil {
		g.t.Fatal(err)
	}
	g.server = server
}

func (g *rig) newEpoch() {
	g.f = frame.Frame{Camera: g.camera, Epoch: frame.NewEpoch(), Codec: frame.JPEG, Key: true, Captured: time.Now()}
}

func (g *rig) provision(change func(*jetstream.StreamConfig)) {
	g.t.Helper()
	cfg := jetstream.StreamConfig{
		Name: g.camera.StreamName(), Subjects: []string{g.camera.FrameSubject()}, Storage: jetstream.FileStorage, Discard: jetstream.DiscardOld,
		MaxAge: time.Hour, MaxBytes: 512 << 20, MaxMsgSize: 8 << 20, AllowDirect: true, Duplicates: 2 * time.Minute,
	}
	if change != nil {
		change(&cfg)
	}
	if _, err := g.js.CreateOrUpdateStream(soon(g.t), cfg); err != nil {
		g.t.Fatal(err)
	}
}

// shoot makes the next frame, 40 ms after the one before.
func (g *rig) shoot() frame.Frame {
	g.f.Seq++
	g.f.Captured = g.f.Captured.Add(40 * time.Millisecond)
	f := g.f
	if f.Width == 0 {
		f.Width, f.Height = 64, 48
	}
	f.Data = picture(g.t, f.Width, f.Height, f.Seq, g.size)
	return f
}

// try publishes the next frame, and says whether the broker has confirmed it.
func (g *rig) try(ctx context.Context) error {
	f := g.shoot()
	g.ledger.Published(&f)
	msg := &nats.Msg{Subject: g.camera.FrameSubject(), Header: f.Header(true), Data: f.Data}
	_, err := g.js.PublishMsg(ctx, msg)
	if err == nil {
		g.ledger.Confirmed(f.Epoch, f.Seq)
	}
	return err
}

// store publishes n frames.
func (g *rig) publish(n int) {
	g.t.Helper()
	for range n {
		if err := g.try(soon(g.t)); err != nil {
			g.t.Fatal(err)
		}
	}
}

// stream publishes until ctx is done, so many a second, and takes no failure badly.
func (g *rig) stream(ctx context.Context, fps int) {
	ticker := time.NewTicker(time.Second / time.Duration(fps))
	defer ticker.Stop()
	for ctx.Err() == nil {
		trying, cancel := context.WithTimeout(ctx, 5*time.Second)
		_ = g.try(trying)
		cancel()
		select {
		case <-ctx.Done():
		case <-ticker.C:
		}
	}
}

// picture is a JPEG of about so many bytes that differs from frame to frame.
func picture(t testing.TB, width, height int, n uint64, size int) []byte {
	t.Helper()
	img := image.NewGray(image.Rect(0, 0, width, height))
	for i := range min(64, len(img.Pix)) {
		img.Pix[i] = byte(n >> (i % 8))
	}
	var out bytes.Buffer
	if err := jpeg.Encode(&out, img, nil); err != nil {
		t.Fatal(err)
	}
	plain := out.Bytes()
	data := append(make([]byte, 0, size+100), plain[:2]...)
	for missing := size - len(plain); missing > 20; {
		n2 := min(missing-2, 60000)
		data = append(data, 0xFF, 0xFE, byte(n2>>8), byte(n2))
		comment := make([]byte, n2-2)
		binary.BigEndian.PutUint64(comment, n)
		data = append(data, comment...)
		missing -= n2 + 2
	}
	return append(data, plain[2:]...)
}

// running is a recorder in this process.
type running struct {
	t       testing.TB
	metrics *recorder.Metrics
	log     *logged
	cancel  context.CancelFunc
	done    chan error
}

func (g *rig) record(cfg recorder.Config, change func(*recorder.Deps)) *running {
	g.t.Helper()
	r := &running{t: g.t, metrics: recorder.NewMetrics(), log: new(logged), done: make(chan error, 1)}
	log := slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	conn, err := bus.Connect(soon(g.t), bus.Options{Server: g.url, Log: log, Credentials: g.users.recorder()})
	if err != nil {
		g.t.Fatal(err)
	}
	deps := recorder.Deps{Bus: conn, Log: log, Metrics: r.metrics}
	if change != nil {
		change(&deps)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r.cancel = cancel
	go func() {
		err := recorder.Run(ctx, quick(cfg), deps)
		r.done <- errors.Join(err, conn.Close())
	}()
	g.t.Cleanup(func() {
		r.cancel()
		<-r.done
		if g.t.Failed() {
			r.log.mu.Lock()
			defer r.log.mu.Unlock()
			text := r.log.text.String()
			g.t.Logf("a recorder said: %s", text[max(0, len(text)-6000):])
		}
	})
	return r
}

// end ends the recorder in order.
func (r *running) end() {
	r.t.Helper()
	r.cancel()
	select {
	case err := <-r.done:
		r.done <- nil
		if err != nil {
			r.t.Errorf("the recorder ends with %v", err)
		}
	case <-time.After(patience):
		r.t.Fatal("the recorder does not end")
	}
}

// files are the closed segments, and those that are not, by path.
func files(t testing.TB, dir string) (whole, open []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			return err
		}
		path, _ = filepath.Rel(dir, path)
		switch name, err := segment.ParsePath(filepath.ToSlash(path)); {
		case err != nil:
		case name.State == segment.StateWhole:
			whole = append(whole, path)
		case name.State == segment.StatePart:
			open = append(open, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return whole, open
}

// inFiles waits until everything that is confirmed is in the files.
func (g *rig) inFiles(dir string) ledger.Report {
	g.t.Helper()
	var report ledger.Report
	eventually(g.t, "everything confirmed is in the files", func() bool {
		var err error
		if report, err = g.ledger.Check(dir, g.camera); err != nil {
			return false // a segment was closed while it was looked for
		}
		return report.Missing == 0
	})
	return report
}

// check is for a folder where nobody writes any more.
func (g *rig) check(dir string) ledger.Report {
	g.t.Helper()
	report, err := g.ledger.Check(dir, g.camera)
	if err != nil {
		g.t.Fatal(err)
	}
	for _, fault := range report.Faults {
		g.t.Error(fault)
	}
	return report
}

// consumer is the durable consumer as the broker has it.
func (g *rig) consumer() *jetstream.ConsumerInfo {
	g.t.Helper()
	c, err := g.js.Consumer(soon(g.t), g.camera.StreamName(), bus.DefaultDurable)
	if err != nil {
		g.t.Fatal(err)
	}
	return c.CachedInfo()
}

// acknowledged waits until all is up to the stream's message of that number, and no more.
func (g *rig) acknowledged(number uint64) {
	g.t.Helper()
	eventually(g.t, fmt.Sprintf("message %d is the last that is acknowledged", number), func() bool { return g.consumer().AckFloor.Stream == number })
}

// openSegment publishes n frames and returns the path of the one open segment once they are in files and
// acknowledged, with all that came before.
func (g *rig) openSegment(dir string, n int) string {
	g.t.Helper()
	g.publish(n)
	g.inFiles(dir)
	g.acknowledged(g.f.Seq)
	_, open := files(g.t, dir)
	if len(open) != 1 {
		g.t.Fatalf("open are %q", open)
	}
	return open[0]
}
