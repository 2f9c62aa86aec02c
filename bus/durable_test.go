package bus_test

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/lensbus/lensbus/broker"
	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
)

// store is a recorded camera's stream, and who fills it.
type store struct {
	t     testing.TB
	nc    *nats.Conn
	js    jetstream.JetStream
	frame frame.Frame
}

func newStore(t testing.TB, url string, options ...nats.Option) *store {
	t.Helper()
	nc, err := nats.Connect(url, append([]nats.Option{nats.MaxReconnects(-1), nats.ReconnectWait(50 * time.Millisecond)}, options...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	return &store{t: t, nc: nc, js: js, frame: frame.Frame{
		Camera: "front", Epoch: frame.NewEpoch(), Codec: frame.JPEG, Width: 64, Height: 48, Key: true, Data: picture(t, 3000),
	}}
}

// provision makes the stream as an administrator does.
func (s *store) provision(change func(*jetstream.StreamConfig)) {
	s.t.Helper()
	cfg := jetstream.StreamConfig{
		Name: "FRAMES_front", Subjects: []string{"cam.front.frame"}, Storage: jetstream.FileStorage, Discard: jetstream.DiscardOld,
		MaxAge: time.Hour, MaxBytes: 256 << 20, MaxMsgSize: 8 << 20, AllowDirect: true, Duplicates: 2 * time.Minute,
	}
	if change != nil {
		change(&cfg)
	}
	if _, err := s.js.CreateOrUpdateStream(context20(s.t), cfg); err != nil {
		s.t.Fatal(err)
	}
}

// fill stores n more frames.
func (s *store) fill(n int) {
	s.t.Helper()
	for range n {
		s.frame.Seq++
		s.frame.Captured = time.Now()
		msg := &nats.Msg{Subject: "cam.front.frame", Header: s.frame.Header(true), Data: s.frame.Data}
		if _, err := s.js.PublishMsg(context20(s.t), msg); err != nil {
			s.t.Fatal(err)
		}
	}
}

func (s *store) consumer() *jetstream.ConsumerInfo {
	s.t.Helper()
	c, err := s.js.Consumer(context20(s.t), "FRAMES_front", "rec")
	if err != nil {
		s.t.Fatal(err)
	}
	return c.CachedInfo()
}

func durable(t testing.TB, conn *bus.Conn, o bus.DurableOptions) *bus.Durable {
	t.Helper()
	d, err := conn.Durable("front", o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

func next(t testing.TB, d *bus.Durable) bus.Stored {
	t.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case s, ok := <-d.Frames():
		if !ok {
			t.Fatal("closed")
		}
		return s
	case <-timer.C:
		t.Fatalf("nothing within %v: %+v", patience, d.State())
	}
	return bus.Stored{}
}

// take receives frames of these numbers, the camera's own, and returns the last message.
func take(t testing.TB, d *bus.Durable, from, to uint64) bus.Stored {
	t.Helper()
	var s bus.Stored
	for seq := from; seq <= to; seq++ {
		if s = next(t, d); s.Rejected != nil || s.Frame.Seq != seq {
			t.Fatalf("frame %d (message %d, rejected %v), want %d", s.Frame.Seq, s.Number, s.Rejected, seq)
		}
	}
	return s
}

func ack(t testing.TB, d *bus.Durable, s bus.Stored) {
	t.Helper()
	if err := d.Ack(t.Context(), s.Receipt()); err != nil {
		t.Fatal(err)
	}
}

// files is what a recorder has.
type files struct {
	mu   sync.Mutex
	have map[string]uint64
}

func (f *files) add(s bus.Stored) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.have == nil {
		f.have = make(map[string]uint64)
	}
	f.have[s.Frame.Epoch] = s.Frame.Seq
}

func (f *files) Has(epoch string, seq uint64) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return seq <= f.have[epoch]
}

// What is not acknowledged comes again at the next start, at once and in order; what is, does not.
func TestDurableGoesOnAfterTheLastAck(t *testing.T) {
	server := startBroker(t, broker.Config{})
	s := newStore(t, server.URL())
	s.provision(nil)
	s.fill(30)
	conn := connect(t, bus.Options{Server: server.URL()})
	first := durable(t, conn, bus.DurableOptions{})
	ack(t, first, take(t, first, 1, 10))
	take(t, first, 11, 20) // not acknowledged
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	_ = first.Close()
	if _, open := <-first.Frames(); open {
		t.Fatal("a frame after Close")
	}
	began := time.Now()
	second := durable(t, conn, bus.DurableOptions{})
	ack(t, second, take(t, second, 11, 30))
	if took := time.Since(began); took > bus.DefaultAckWait/2 {
		t.Errorf("frames that were delivered before came after %v", took)
	}
	s.fill(5)
	last := take(t, second, 31, 35)
	if last.Number != 35 || last.Skipped != 0 || last.Restarted || last.Pending != 0 || time.Since(last.At) > time.Hour {
		t.Errorf("%+v", last)
	}
	ack(t, second, last)
	eventually(t, func() bool { return s.consumer().AckFloor.Stream == 35 })
	if state := second.State(); !state.Ready || state.Reason != "" || state.Lost != 0 {
		t.Errorf("%+v", state)
	}
}

// A crash between fsync and ack: the files are ahead of the consumer.
func TestDurableKnowsWhatTheFilesHave(t *testing.T) {
	server := startBroker(t, broker.Config{})
	s := newStore(t, server.URL())
	s.provision(nil)
	s.fill(20)
	conn := connect(t, bus.Options{Server: server.URL()})
	have := new(files)
	first := durable(t, conn, bus.DurableOptions{})
	for seq := uint64(1); seq <= 15; seq++ {
		have.add(take(t, first, seq, seq))
	}
	_ = first.Close()
	second := durable(t, conn, bus.DurableOptions{After: 15, Has: have.Has})
	last := take(t, second, 16, 20)
	if second.State().Duplicates == 0 {
		t.Error("nothing came a second time")
	}
	ack(t, second, last)
	eventually(t, func() bool { return s.consumer().NumAckPending == 0 })
	_ = second.Close()

	// Nothing new: what comes again is acknowledged without anybody's doing.
	s.fill(3)
	third := durable(t, conn, bus.DurableOptions{After: 20, Has: have.Has})
	take(t, third, 21, 23)
	_ = third.Close()
	have.add(bus.Stored{Frame: frame.Frame{Epoch: s.frame.Epoch, Seq: 23}})
	fourth := durable(t, conn, bus.DurableOptions{After: 23, Has: have.Has})
	eventually(t, func() bool { return s.consumer().AckFloor.Stream == 23 })
	s.fill(1)
	take(t, fourth, 24, 24)
}

// Files that were lost: what was acknowledged comes again as far as the stream has it.
func TestDurableIsSetBackToTheFiles(t *testing.T) {
	server := startBroker(t, broker.Config{})
	s := newStore(t, server.URL())
	s.provision(nil)
	s.fill(20)
	conn := connect(t, bus.Options{Server: server.URL()})
	first := durable(t, conn, bus.DurableOptions{})
	ack(t, first, take(t, first, 1, 20))
	eventually(t, func() bool { return s.consumer().AckFloor.Stream == 20 })
	_ = first.Close()
	have := new(files)
	have.add(bus.Stored{Frame: frame.Frame{Epoch: s.frame.Epoch, Seq: 12}})
	second := durable(t, conn, bus.DurableOptions{After: 12, Has: have.Has})
	if got := take(t, second, 13, 20); got.Restarted || got.Skipped != 0 {
		t.Errorf("%+v", got)
	}
}

func TestDurableOutlivesTheBroker(t *testing.T) {
	folder := t.TempDir()
	server := startBroker(t, broker.Config{Store: folder})
	address := strings.TrimPrefix(server.URL(), "nats://")
	s := newStore(t, server.URL())
	s.provision(nil)
	s.fill(12)
	d := durable(t, connect(t, bus.Options{Server: server.URL()}), bus.DurableOptions{})
	ack(t, d, take(t, d, 1, 5))
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { return !s.nc.IsConnected() })
	startBroker(t, broker.Config{Store: folder, Listen: address})
	eventually(t, s.nc.IsConnected)
	s.fill(8)
	// The one that waited to be taken may be the sixth already; none is there twice.
	if last := take(t, d, 6, 20); last.Restarted || last.Number != 20 {
		t.Errorf("%+v", last)
	}
}

func TestDurableStreamMadeAnew(t *testing.T) {
	server := startBroker(t, broker.Config{})
	s := newStore(t, server.URL())
	d := durable(t, connect(t, bus.Options{Server: server.URL()}), bus.DurableOptions{})
	eventually(t, func() bool { return d.State().Absent })
	// A stream that keeps one frame in memory is nothing to record.
	s.provision(func(c *jetstream.StreamConfig) {
		c.Storage, c.MaxMsgs, c.MaxBytes, c.MaxAge = jetstream.MemoryStorage, 1, -1, 0
	})
	eventually(t, func() bool { return d.State().Absent && strings.Contains(d.State().Reason, "newest frame") })
	if err := s.js.DeleteStream(t.Context(), "FRAMES_front"); err != nil {
		t.Fatal(err)
	}
	s.provision(nil)
	s.fill(10)
	ack(t, d, take(t, d, 1, 10))
	if err := s.js.DeleteStream(t.Context(), "FRAMES_front"); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { return d.State().Absent })
	s.provision(nil)
	s.fill(4)
	got := next(t, d)
	if got.Number != 1 || !got.Restarted || got.Frame.Seq != 11 {
		t.Errorf("%+v", got)
	}
	ack(t, d, take(t, d, 12, 14))
	// And the consumer alone.
	if err := s.js.DeleteConsumer(t.Context(), "FRAMES_front", "rec"); err != nil {
		t.Fatal(err)
	}
	s.fill(3)
	if last := take(t, d, 15, 17); last.Restarted || last.Number != 7 {
		t.Errorf("%+v", last)
	}
}

// What is acknowledged late is of the stream that was before: it means nothing for the new one.
func TestDurableLateAck(t *testing.T) {
	server := startBroker(t, broker.Config{})
	s := newStore(t, server.URL())
	s.provision(nil)
	s.fill(10)
	conn := connect(t, bus.Options{Server: server.URL()})
	d := durable(t, conn, bus.DurableOptions{})
	late := take(t, d, 1, 10)
	if err := s.js.DeleteStream(t.Context(), "FRAMES_front"); err != nil {
		t.Fatal(err)
	}
	s.provision(nil)
	s.fill(20)
	if got := next(t, d); got.Frame.Seq != 11 || !got.Restarted {
		t.Fatalf("%+v", got)
	}
	ack(t, d, late)
	_ = d.Close()
	if floor := s.consumer().AckFloor.Stream; floor != 0 {
		t.Errorf("%d frames of the new stream are acknowledged", floor)
	}
	take(t, durable(t, conn, bus.DurableOptions{}), 11, 30)
}

// While the recorder was away the stream was made anew and has more messages than it ever saw.
func TestDurableIsNotTakenInByAnotherStream(t *testing.T) {
	server := startBroker(t, broker.Config{})
	s := newStore(t, server.URL())
	s.provision(nil)
	s.fill(20)
	have := new(files)
	have.add(bus.Stored{Frame: frame.Frame{Epoch: "an-epoch-of-before", Seq: 5}})
	d := durable(t, connect(t, bus.Options{Server: server.URL()}), bus.DurableOptions{After: 5, Has: have.Has})
	if got := next(t, d); got.Frame.Seq != 1 || !got.Restarted {
		t.Fatalf("%+v", got)
	}
	take(t, d, 2, 20)
	_ = d.Close()
	// Numbers that the stream has not got.
	if err := s.js.DeleteConsumer(t.Context(), "FRAMES_front", "rec"); err != nil {
		t.Fatal(err)
	}
	d = durable(t, connect(t, bus.Options{Server: server.URL()}), bus.DurableOptions{After: 500, Has: have.Has})
	if got := next(t, d); got.Frame.Seq != 1 || !got.Restarted {
		t.Fatalf("%+v", got)
	}
}

// A folder of an older day put back: the consumer's floor is beyond the stream's end.
func TestDurableOldDataRestored(t *testing.T) {
	folder, backup := t.TempDir(), t.TempDir()
	server := startBroker(t, broker.Config{Store: folder})
	address := strings.TrimPrefix(server.URL(), "nats://")
	s := newStore(t, server.URL())
	s.provision(nil)
	s.fill(10)
	conn := connect(t, bus.Options{Server: server.URL()})
	have := new(files)
	d := durable(t, conn, bus.DurableOptions{Has: have.Has})
	stop := func() {
		if err := server.Close(); err != nil {
			t.Fatal(err)
		}
		eventually(t, func() bool { return !s.nc.IsConnected() }) // or it would publish to nobody
	}
	for seq := uint64(1); seq <= 10; seq++ {
		got := take(t, d, seq, seq)
		have.add(got)
		ack(t, d, got)
	}
	eventually(t, func() bool { return s.consumer().AckFloor.Stream == 10 })
	stop()
	stream := filepath.Join("jetstream", "$G", "streams", "FRAMES_front")
	if err := os.CopyFS(filepath.Join(backup, "msgs"), os.DirFS(filepath.Join(folder, stream, "msgs"))); err != nil {
		t.Fatal(err)
	}
	server = startBroker(t, broker.Config{Store: folder, Listen: address})
	eventually(t, s.nc.IsConnected)
	s.fill(10)
	for seq := uint64(11); seq <= 20; seq++ {
		got := take(t, d, seq, seq)
		have.add(got)
		ack(t, d, got)
	}
	eventually(t, func() bool { return s.consumer().AckFloor.Stream == 20 })
	stop()
	if err := os.RemoveAll(filepath.Join(folder, stream, "msgs")); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(filepath.Join(folder, stream, "msgs"), os.DirFS(filepath.Join(backup, "msgs"))); err != nil {
		t.Fatal(err)
	}
	server = startBroker(t, broker.Config{Store: folder, Listen: address})
	eventually(t, s.nc.IsConnected)
	s.fill(5)
	got := next(t, d)
	if got.Frame.Seq != 21 || got.Number != 11 || !got.Restarted {
		t.Fatalf("%+v", got)
	}
	take(t, d, 22, 25)
}

func TestDurableOverrun(t *testing.T) {
	server := startBroker(t, broker.Config{})
	s := newStore(t, server.URL())
	s.provision(func(c *jetstream.StreamConfig) { c.MaxMsgs = 10 })
	s.fill(25)
	conn := connect(t, bus.Options{Server: server.URL()})
	d := durable(t, conn, bus.DurableOptions{})
	if got := next(t, d); got.Frame.Seq != 16 || got.Skipped != 0 { // it begins here
		t.Fatalf("%+v", got)
	}
	last := take(t, d, 17, 25)
	ack(t, d, last)
	eventually(t, func() bool { return s.consumer().AckFloor.Stream == 25 })
	_ = d.Close()
	s.fill(30)
	d = durable(t, conn, bus.DurableOptions{After: last.Number})
	if got := next(t, d); got.Frame.Seq != 46 || got.Skipped != 20 || d.State().Lost != 20 {
		t.Fatalf("%+v, %+v", got, d.State())
	}
	take(t, d, 47, 55)
	// One in the middle, gone behind everybody's back.
	s.fill(1)
	stream, err := s.js.Stream(t.Context(), "FRAMES_front")
	if err != nil {
		t.Fatal(err)
	}
	take(t, d, 56, 56)
	_ = d.Close()
	s.fill(3)
	if err := stream.DeleteMsg(t.Context(), 58); err != nil {
		t.Fatal(err)
	}
	d = durable(t, conn, bus.DurableOptions{After: 56})
	have := next(t, d)
	for have.Frame.Seq < 57 {
		have = next(t, d)
	}
	if got := next(t, d); have.Frame.Seq != 57 || got.Frame.Seq != 59 || got.Skipped != 1 {
		t.Fatalf("%d, then %+v", have.Frame.Seq, got)
	}
}

// texts keeps what is written.
type texts struct {
	mu   sync.Mutex
	text strings.Builder
}

func (w *texts) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.Write(p)
}

func (w *texts) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

// Somebody takes frames of the consumer away: that is told, and none is lost.
func TestDurableGetsBackWhatWentElsewhere(t *testing.T) {
	server := startBroker(t, broker.Config{})
	s := newStore(t, server.URL())
	s.provision(nil)
	s.fill(10)
	said := new(texts)
	conn, err := bus.Connect(context20(t), bus.Options{Server: server.URL(), Log: slog.New(slog.NewTextHandler(said, nil))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	d := durable(t, conn, bus.DurableOptions{})
	take(t, d, 1, 10)
	consumer, err := s.js.Consumer(t.Context(), "FRAMES_front", "rec")
	if err != nil {
		t.Fatal(err)
	}
	thief, err := consumer.Messages(jetstream.PullMaxMessages(50))
	if err != nil {
		t.Fatal(err)
	}
	var stealing sync.WaitGroup
	stealing.Go(func() {
		for {
			if _, err := thief.Next(); err != nil {
				return
			}
		}
	})
	defer stealing.Wait()
	defer thief.Stop()
	eventually(t, func() bool { return s.consumer().NumWaiting >= 2 })
	last, filled := uint64(10), uint64(10)
	eventually(t, func() bool {
		if filled < last+100 { // it goes on for as long as it takes to be noticed
			s.fill(1)
			filled++
		}
		select {
		case got := <-d.Frames():
			if last++; got.Frame.Seq != last {
				t.Fatalf("frame %d after %d", got.Frame.Seq, last-1)
			}
		default:
		}
		return strings.Contains(said.String(), "another recorder")
	})
	thief.Stop()
	take(t, d, last+1, filled)
	if state := d.State(); state.Lost != 0 {
		t.Errorf("%+v", state)
	}
}

// A frame that is larger than what is asked for at a time does not block those behind it.
func TestDurableLargeFrame(t *testing.T) {
	server := startBroker(t, broker.Config{})
	s := newStore(t, server.URL())
	s.provision(nil)
	s.fill(2)
	s.frame.Data = picture(t, 300_000)
	s.fill(1)
	s.frame.Data = picture(t, 3000)
	s.fill(2)
	d := durable(t, connect(t, bus.Options{Server: server.URL()}), bus.DurableOptions{PullBytes: 20_000})
	take(t, d, 1, 5)
}

// What is no frame is delivered as what it is, and goes away with the others.
func TestDurableRejected(t *testing.T) {
	server := startBroker(t, broker.Config{})
	s := newStore(t, server.URL())
	s.provision(nil)
	s.fill(1)
	lie := s.frame
	lie.Width, lie.Seq = 640, 99
	for _, m := range []*nats.Msg{
		{Data: []byte("<html>no picture</html>")},
		{Data: nil, Header: nats.Header{"Status": {"503"}}},
		{Data: lie.Data, Header: lie.Header(true)},
	} {
		m.Subject = "cam.front.frame"
		if _, err := s.js.PublishMsg(context20(t), m); err != nil {
			t.Fatal(err)
		}
	}
	s.fill(1)
	d := durable(t, connect(t, bus.Options{Server: server.URL()}), bus.DurableOptions{})
	take(t, d, 1, 1)
	for _, reason := range []frame.Reason{frame.ReasonHeader, frame.ReasonHeader, frame.ReasonDimensions} {
		if got := next(t, d); got.Rejected == nil || got.Rejected.Reason != reason {
			t.Errorf("%+v, want %s", got, reason)
		}
	}
	ack(t, d, take(t, d, 2, 2))
	eventually(t, func() bool { return s.consumer().AckFloor.Stream == 5 })
}

// A caller that takes longer than AckWait gets no frame twice.
func TestDurableSlowerThanAckWait(t *testing.T) {
	server := startBroker(t, broker.Config{})
	s := newStore(t, server.URL())
	s.provision(nil)
	s.fill(8)
	d := durable(t, connect(t, bus.Options{Server: server.URL()}), bus.DurableOptions{AckWait: 50 * time.Millisecond})
	take(t, d, 1, 8)
	eventually(t, func() bool { return d.State().Duplicates >= 16 })
	s.fill(2)
	ack(t, d, take(t, d, 9, 10))
	eventually(t, func() bool { return s.consumer().NumAckPending == 0 })
}

// The rights that an administrator gives a recorder whose consumer exists: no others are needed.
func TestDurableRights(t *testing.T) {
	const recorder = `publish: {allow: [%s]}, subscribe: {allow: ["_INBOX_rec.>"]}`
	const all = `"$JS.API.CONSUMER.INFO.FRAMES_front.rec", "$JS.API.CONSUMER.MSG.NEXT.FRAMES_front.rec", "$JS.ACK.FRAMES_front.rec.>"`
	config := fmt.Sprintf(`
		listen: "127.0.0.1:-1", jetstream: {store_dir: %q}
		accounts: {CAM: {jetstream: enabled, users: [
			{user: admin, password: a}
			{user: rec, password: r, permissions: {%s}}
			{user: none, password: r, permissions: {%s}}
		]}}`, t.TempDir(), fmt.Sprintf(recorder, all), fmt.Sprintf(recorder, `"x"`))
	path := filepath.Join(t.TempDir(), "nats.conf")
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	opts, err := server.ProcessConfigFile(path)
	if err != nil {
		t.Fatal(err)
	}
	opts.NoSigs, opts.NoLog = true, true
	ns, err := server.NewServer(opts)
	if err != nil {
		t.Fatal(err)
	}
	ns.Start()
	t.Cleanup(func() { ns.Shutdown(); ns.WaitForShutdown() })
	if !ns.ReadyForConnections(patience) {
		t.Fatal("the server does not get ready")
	}
	s := newStore(t, ns.ClientURL(), nats.UserInfo("admin", "a"))
	s.provision(nil)
	s.fill(10)

	as := func(user string) *bus.Conn {
		return connect(t, bus.Options{Server: ns.ClientURL(), NATS: []nats.Option{nats.UserInfo(user, "r"), nats.CustomInboxPrefix("_INBOX_rec")}})
	}
	without := durable(t, as("none"), bus.DurableOptions{})
	eventually(t, func() bool {
		state := without.State()
		return !state.Ready && strings.Contains(state.Reason, "may not publish to $JS.API.CONSUMER.INFO.FRAMES_front.rec")
	})

	d := durable(t, as("rec"), bus.DurableOptions{})
	eventually(t, func() bool { return strings.Contains(d.State().Reason, "consumer rec of camera front is missing") })
	if _, err := s.js.CreateConsumer(context20(t), "FRAMES_front", jetstream.ConsumerConfig{Durable: "rec", AckPolicy: jetstream.AckAllPolicy, FilterSubject: "cam.front.frame"}); err != nil {
		t.Fatal(err)
	}
	take(t, d, 1, 6) // not acknowledged
	_ = d.Close()
	d = durable(t, as("rec"), bus.DurableOptions{})
	last := take(t, d, 1, 10)
	ack(t, d, last)
	eventually(t, func() bool { return s.consumer().AckFloor.Stream == 10 })
	// A hole that this user cannot look at, and one that only looks like it.
	stream, err := s.js.Stream(context20(t), "FRAMES_front")
	if err != nil {
		t.Fatal(err)
	}
	_ = d.Close()
	s.fill(5)
	if err := stream.DeleteMsg(context20(t), 12); err != nil {
		t.Fatal(err)
	}
	d = durable(t, as("rec"), bus.DurableOptions{})
	take(t, d, 11, 11)
	if got := next(t, d); got.Frame.Seq != 13 || got.Skipped != 1 {
		t.Fatalf("%+v", got)
	}
	take(t, d, 14, 15)
	// The stream made anew, and its consumer with it.
	if err := s.js.DeleteStream(context20(t), "FRAMES_front"); err != nil {
		t.Fatal(err)
	}
	s.provision(nil)
	s.fill(3)
	if _, err := s.js.CreateConsumer(context20(t), "FRAMES_front", jetstream.ConsumerConfig{Durable: "rec", AckPolicy: jetstream.AckAllPolicy, FilterSubject: "cam.front.frame"}); err != nil {
		t.Fatal(err)
	}
	if got := next(t, d); got.Frame.Seq != 16 || !got.Restarted {
		t.Fatalf("%+v", got)
	}
	take(t, d, 17, 18)
}

func TestDurableWrongConsumer(t *testing.T) {
	server := startBroker(t, broker.Config{})
	s := newStore(t, server.URL())
	s.provision(nil)
	if _, err := s.js.CreateConsumer(t.Context(), "FRAMES_front", jetstream.ConsumerConfig{Durable: "rec", AckPolicy: jetstream.AckExplicitPolicy}); err != nil {
		t.Fatal(err)
	}
	conn := connect(t, bus.Options{Server: server.URL()})
	d := durable(t, conn, bus.DurableOptions{})
	eventually(t, func() bool { return strings.Contains(d.State().Reason, "acknowledgement policy") })
	for _, o := range []bus.DurableOptions{{Name: "../x"}, {Name: "a.b"}, {Name: "*"}} {
		if _, err := conn.Durable("front", o); err == nil {
			t.Errorf("%+v: no error", o)
		}
	}
	if _, err := conn.Durable("../front", bus.DurableOptions{}); err == nil {
		t.Error("a bad id: no error")
	}
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Durable("front", bus.DurableOptions{}); err == nil {
		t.Error("a closed connection: no error")
	}
	if _, open := <-d.Frames(); open {
		t.Error("the connection is closed, and with it what was made from it")
	}
}
