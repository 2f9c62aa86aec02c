package bus_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/lensbus/lensbus/broker"
	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/test/free"
)

func TestStoredFramesAreConfirmedAndSeen(t *testing.T) {
	server := startBroker(t, broker.Config{Store: t.TempDir()})
	conn := connect(t, bus.Options{Server: server.URL()})
	if err := conn.WaitConnected(context20(t)); err != nil {
		t.Fatal(err)
	}
	provision(t, conn, "front", roomy)
	watching := connect(t, bus.Options{Server: server.URL()}).NATS()
	sub, err := watching.SubscribeSync("cam.front.frame")
	if err != nil {
		t.Fatal(err)
	}
	if err := watching.Flush(); err != nil {
		t.Fatal(err)
	}
	viewer := connect(t, bus.Options{Server: server.URL()})
	live, err := viewer.Live("front")
	if err != nil {
		t.Fatal(err)
	}
	r := newStored(t, conn, "front", 20_000)
	r.publishUntil("50 are confirmed", func(s bus.StoredStats) bool { return s.Stored >= 50 })
	s := r.settle()
	in := kept(t, conn, "front")
	for seq, n := range r.confirmed() {
		if in[n] != seq {
			t.Errorf("frame %d was confirmed as message %d, which is frame %d", seq, n, in[n])
		}
	}
	if uint64(len(in)) < s.Stored || !s.Storing() || s.LastSeq == 0 {
		t.Errorf("%d are kept: %+v", len(in), s)
	}
	if f, err := live.Next(context20(t)); err != nil || f.Camera != "front" {
		t.Errorf("a viewer: %+v, %v", f, err)
	}
	for n := range r.sent { // every one went out live, once
		msg, err := sub.NextMsg(patience)
		if err != nil || msg.Header.Get(frame.HeaderSeq) != strconv.FormatUint(n+1, 10) {
			t.Fatalf("frame %d on the subject: %v", n+1, err)
		}
	}
}

// Whatever becomes of the broker, every frame is accounted for once, and what was confirmed is there.
func TestConfirmedFramesSurviveTheBroker(t *testing.T) {
	config := broker.Config{Listen: free.Address(t), Store: t.TempDir()}
	server := startBroker(t, config)
	conn := connect(t, bus.Options{Server: server.URL()})
	if err := conn.WaitConnected(context20(t)); err != nil {
		t.Fatal(err)
	}
	provision(t, conn, "front", roomy)
	r := newStored(t, conn, "front", 5_000)
	for round := range 3 {
		before := r.check().Stored
		r.publishUntil("frames are confirmed", func(s bus.StoredStats) bool { return s.Stored >= before+20 })
		ending := make(chan error, 1)
		go func() { ending <- server.Close() }() // while frames are on their way
		for down := false; !down; {
			down = errors.Is(r.publish(), bus.ErrDisconnected)
		}
		if err := <-ending; err != nil {
			t.Fatal(err)
		}
		if s := r.settle(); round == 0 && s.Sent == s.Stored {
			t.Log("no frame was on its way this time")
		}
		server = startBroker(t, config)
	}
	before := r.check().Stored
	r.publishUntil("frames are confirmed again", func(s bus.StoredStats) bool { return s.Stored >= before+20 })
	r.settle()
	in := kept(t, conn, "front")
	for seq, n := range r.confirmed() {
		if in[n] != seq {
			t.Errorf("frame %d was confirmed as message %d, which is frame %d", seq, n, in[n])
		}
	}
}

// With answers withheld, as by a disk that hangs, 16 frames wait, the others are published all the
// same, and storing goes on by itself when the answers come.
func TestSlowStore(t *testing.T) {
	server := startBroker(t, broker.Config{})
	conn := connect(t, bus.Options{Server: server.URL()})
	if err := conn.WaitConnected(context20(t)); err != nil {
		t.Fatal(err)
	}
	store := connect(t, bus.Options{Server: server.URL()}).NATS()
	var mu sync.Mutex
	held, hold, got := []*nats.Msg{}, true, uint64(0)
	answer := func(m *nats.Msg) {
		got++
		if m.Reply != "" {
			text, _ := json.Marshal(map[string]any{"stream": "FRAMES_front", "seq": got})
			_ = m.Respond(text)
		}
	}
	if _, err := store.Subscribe("cam.front.frame", func(m *nats.Msg) {
		mu.Lock()
		defer mu.Unlock()
		if hold {
			held = append(held, m)
			return
		}
		answer(m)
	}); err != nil {
		t.Fatal(err)
	}
	if err := store.Flush(); err != nil {
		t.Fatal(err)
	}
	r := newStored(t, conn, "front", 5_000)
	for range 40 {
		for r.publish() != nil { // until the connection for frames is there
			sleepShort(t)
		}
	}
	if s := r.check(); s.InFlight != 16 || s.Unstored[bus.UnstoredWindow] != 24 {
		t.Errorf("with answers withheld: %+v", s)
	}
	eventually(t, func() bool { mu.Lock(); defer mu.Unlock(); return len(held) == 40 }) // viewers get all
	mu.Lock()
	hold = false
	for _, m := range held {
		answer(m)
	}
	mu.Unlock()
	eventually(t, func() bool { return r.check().Stored == 16 })
	if r.publish() != nil {
		t.Error("not published")
	}
	if s := r.settle(); s.Stored != 17 || s.Stopped != "" {
		t.Errorf("afterwards: %+v", s)
	}
}

func TestStreamDeletedUnderUs(t *testing.T) {
	server := startBroker(t, broker.Config{})
	conn := connect(t, bus.Options{Server: server.URL()})
	if err := conn.WaitConnected(context20(t)); err != nil {
		t.Fatal(err)
	}
	provision(t, conn, "front", roomy)
	r := newStored(t, conn, "front", 5_000)
	r.publishUntil("frames are confirmed", func(s bus.StoredStats) bool { return s.Stored > 0 })
	js, err := jetstream.New(conn.NATS())
	if err != nil {
		t.Fatal(err)
	}
	if err := js.DeleteStream(context20(t), "FRAMES_front"); err != nil {
		t.Fatal(err)
	}
	r.publishUntil("it is noticed", func(s bus.StoredStats) bool { return s.Stopped == bus.UnstoredNoStream })
	if storage, err := conn.EnsureRecorded(context20(t), "front", roomy); err != nil || storage != bus.StorageFile {
		t.Fatalf("made anew: %q, %v", storage, err)
	}
	r.out.AskAgain()
	before := r.settle()
	r.publishUntil("frames are confirmed again", func(s bus.StoredStats) bool { return s.Stored > before.Stored })
}

func TestFullStreamDropsTheOldest(t *testing.T) {
	server := startBroker(t, broker.Config{})
	conn := connect(t, bus.Options{Server: server.URL()})
	if err := conn.WaitConnected(context20(t)); err != nil {
		t.Fatal(err)
	}
	provision(t, conn, "front", bus.StreamLimits{Age: time.Hour, Bytes: 1 << 20, Replicas: 1})
	r := newStored(t, conn, "front", 50_000)
	r.publishUntil("twice as much is confirmed as is kept", func(s bus.StoredStats) bool { return s.Stored >= 45 })
	s := r.settle()
	info, err := streamOf(t, conn, "front").Info(context20(t))
	if err != nil {
		t.Fatal(err)
	}
	if info.State.Bytes > 1<<20 || info.State.FirstSeq == 1 || info.State.LastSeq < s.LastSeq {
		t.Errorf("%+v of %+v", info.State, s)
	}
	if n := s.Unstored[bus.UnstoredNoRoom] + s.Unstored[bus.UnstoredRefused]; n > 0 {
		t.Errorf("a full stream refuses: %+v", s)
	}
}

func TestWithoutJetStreamNothingIsStoredAndAllIsSeen(t *testing.T) {
	server := startBroker(t, broker.Config{NoJetStream: true})
	conn := connect(t, bus.Options{Server: server.URL()})
	if err := conn.WaitConnected(context20(t)); err != nil {
		t.Fatal(err)
	}
	if storage, err := conn.EnsureRecorded(context20(t), "front", roomy); !errors.Is(err, bus.ErrNoJetStream) || storage != bus.StorageNone {
		t.Errorf("a stream: %q, %v", storage, err)
	}
	r := newStored(t, conn, "front", 5_000)
	r.publishUntil("it is noticed", func(s bus.StoredStats) bool { return s.Stopped == bus.UnstoredNoStream })
	live, err := conn.Live("front")
	if err != nil {
		t.Fatal(err)
	}
	r.publishUntil("a viewer has them", func(bus.StoredStats) bool { return live.Stats().Received >= 20 })
	if s := r.check(); s.Stored != 0 {
		t.Errorf("%+v", s)
	}
}

// A stream without limits of its own, on a server that has reached its limit.
func TestServersLimitReached(t *testing.T) {
	server := startBroker(t, broker.Config{MaxFileStore: broker.MiB})
	conn := connect(t, bus.Options{Server: server.URL()})
	if err := conn.WaitConnected(context20(t)); err != nil {
		t.Fatal(err)
	}
	js, err := jetstream.New(conn.NATS())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.CreateStream(context20(t), jetstream.StreamConfig{Name: "FRAMES_front", Subjects: []string{"cam.front.frame"}, Storage: jetstream.FileStorage}); err != nil {
		t.Fatal(err)
	}
	r := newStored(t, conn, "front", 100_000)
	r.publishUntil("the limit is reached", func(s bus.StoredStats) bool { return s.Stopped == bus.UnstoredNoRoom })
	if s := r.check(); s.Stored == 0 {
		t.Errorf("%+v", s)
	}
}

func TestDuplicates(t *testing.T) {
	server := startBroker(t, broker.Config{})
	conn := connect(t, bus.Options{Server: server.URL()})
	if err := conn.WaitConnected(context20(t)); err != nil {
		t.Fatal(err)
	}
	for _, id := range []frame.CameraID{"front", "yard"} {
		provision(t, conn, id, roomy)
	}
	front, yard := newStored(t, conn, "front", 5_000), newStored(t, conn, "yard", 5_000)
	// Somebody who may publish as yard takes the ids that front's frames will have.
	yard.f.Epoch = front.f.Epoch
	yard.publishUntil("they are taken", func(s bus.StoredStats) bool { return s.Stored >= 5 })
	front.publishUntil("front's are stored all the same", func(s bus.StoredStats) bool { return s.Stored >= 5 })
	before := front.settle()
	if before.Unstored[bus.UnstoredDuplicate] != 0 {
		t.Errorf("another camera's ids keep frames out: %+v", before)
	}
	in := len(kept(t, conn, "front"))
	// The same frame again.
	if err := front.out.PublishStored(context20(t), &front.f); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { return front.out.StoredStats().Unstored[bus.UnstoredDuplicate] == 1 })
	if s := front.out.StoredStats(); s.Stored != before.Stored || s.Stopped != "" {
		t.Errorf("%+v", s)
	}
	if now := len(kept(t, conn, "front")); now != in {
		t.Errorf("%d are kept, %d were", now, in)
	}
}

// A user without an inbox gets no answers: frames flow and are unstored.
func TestWithoutAnInbox(t *testing.T) {
	t.Parallel() // it mostly waits
	url := startWithUsers(t)
	publisher := connect(t, bus.Options{Server: url, NATS: as("mute", "m")})
	if err := publisher.WaitConnected(context20(t)); err != nil {
		t.Fatal(err)
	}
	admin := connect(t, bus.Options{Server: url, NATS: as("all", "a")})
	if err := admin.WaitConnected(context20(t)); err != nil {
		t.Fatal(err)
	}
	provision(t, admin, "front", roomy)
	live, err := admin.Live("front")
	if err != nil {
		t.Fatal(err)
	}
	r := newStored(t, publisher, "front", 5_000)
	r.publishUntil("it is noticed", func(s bus.StoredStats) bool { return s.Stopped == bus.UnstoredTimeout })
	received := live.Stats().Received
	r.publishUntil("a viewer has frames", func(bus.StoredStats) bool { return live.Stats().Received > received+5 })
}

// All cameras of a connection hear their answers through one subscription.
func TestOneInboxForAllCameras(t *testing.T) {
	server := startBroker(t, broker.Config{})
	conn := connect(t, bus.Options{Server: server.URL()})
	if err := conn.WaitConnected(context20(t)); err != nil {
		t.Fatal(err)
	}
	publish := func(id frame.CameraID) {
		provision(t, conn, id, roomy)
		newStored(t, conn, id, 2_000).publishUntil("it is confirmed", func(s bus.StoredStats) bool { return s.Stored > 0 })
	}
	publish("front")
	one := conn.FramesSubscriptions()
	for n := range 5 {
		publish(frame.CameraID(fmt.Sprintf("yard%d", n)))
	}
	if many := conn.FramesSubscriptions(); one != 1 || many != 1 {
		t.Errorf("%d subscriptions with one camera, %d with six", one, many)
	}
}
