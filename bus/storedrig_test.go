package bus_test

import (
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
)

// roomy are limits that no test reaches.
var roomy = bus.StreamLimits{Age: time.Hour, Bytes: 64 << 20, Replicas: 1}

// storedCamera publishes frames of a recorded camera and keeps account of them itself.
type storedCamera struct {
	*camera

	mu      sync.Mutex
	sent    uint64
	outcome map[uint64]bus.StoredOutcome // by the frame's number
	twice   bool
}

func newStored(t testing.TB, conn *bus.Conn, id frame.CameraID, size int) *storedCamera {
	t.Helper()
	r := &storedCamera{camera: newCamera(t, conn, id, size), outcome: make(map[uint64]bus.StoredOutcome)}
	r.out.TellStored(func(o bus.StoredOutcome) {
		r.mu.Lock()
		defer r.mu.Unlock()
		_, again := r.outcome[o.Seq]
		r.twice = r.twice || again
		r.outcome[o.Seq] = o
	})
	return r
}

// publish publishes the next frame and returns PublishStored's error.
func (r *storedCamera) publish() error {
	r.f.Seq++
	r.f.Captured = time.Now()
	err := r.out.PublishStored(context20(r.t), &r.f)
	if err == nil {
		r.mu.Lock()
		r.sent++
		r.mu.Unlock()
	} else {
		r.f.Seq-- // as a publisher does
	}
	r.check()
	return err
}

// check holds the account to what was sent.
func (r *storedCamera) check() bus.StoredStats {
	r.t.Helper()
	s := r.out.StoredStats()
	sum := s.Stored + uint64(s.InFlight)
	for _, n := range s.Unstored {
		sum += n
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if sum != s.Sent || s.Sent != r.sent || s.InFlight > 16 || r.twice {
		r.t.Fatalf("%d were sent: %+v (one was told of twice: %v)", r.sent, s, r.twice)
	}
	return s
}

// publishUntil publishes until the account is as wanted, much faster than a camera.
func (r *storedCamera) publishUntil(what string, wanted func(bus.StoredStats) bool) {
	r.t.Helper()
	r.publishEvery(5*time.Millisecond, what, wanted)
}

// publishEvery is publishUntil with so much between two frames.
func (r *storedCamera) publishEvery(pause time.Duration, what string, wanted func(bus.StoredStats) bool) {
	r.t.Helper()
	deadline := time.Now().Add(3 * patience)
	for !wanted(r.check()) {
		if time.Now().After(deadline) {
			r.t.Fatalf("waited in vain until %s: %+v", what, r.check())
		}
		_ = r.publish() // fails while there is no broker
		sleep(r.t, pause)
	}
}

func sleepShort(t testing.TB) { sleep(t, 5*time.Millisecond) }

func sleep(t testing.TB, pause time.Duration) {
	select {
	case <-time.After(pause):
	case <-t.Context().Done():
		t.Fatal(t.Context().Err())
	}
}

// settle waits until no answer is awaited.
func (r *storedCamera) settle() bus.StoredStats {
	r.t.Helper()
	eventually(r.t, func() bool { return r.check().InFlight == 0 })
	return r.check()
}

// confirmed are the numbers in the stream of the frames that were confirmed, by the frame's number.
func (r *storedCamera) confirmed() map[uint64]uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	found := make(map[uint64]uint64)
	for seq, o := range r.outcome {
		if o.Reason == "" {
			found[seq] = o.Stored
		}
	}
	return found
}

// kept reads what the stream holds: the frames' numbers by those in the stream. Each id is there once.
func kept(t testing.TB, conn *bus.Conn, id frame.CameraID) map[uint64]uint64 {
	t.Helper()
	stream := streamOf(t, conn, id)
	info, err := stream.Info(context20(t))
	if err != nil {
		t.Fatal(err)
	}
	found, ids := make(map[uint64]uint64), make(map[string]bool)
	for n := info.State.FirstSeq; n <= info.State.LastSeq; n++ {
		msg, err := stream.GetMsg(context20(t), n)
		if err != nil {
			t.Fatalf("message %d of %s: %v", n, id, err)
		}
		f, err := frame.Decode(msg.Subject, msg.Header, msg.Data, frame.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		name := msg.Header.Get(frame.HeaderMsgID)
		if name != f.Epoch+"-"+strconv.FormatUint(f.Seq, 10) || ids[name] {
			t.Fatalf("the id of frame %d is %q, or it is there twice", f.Seq, name)
		}
		ids[name] = true
		found[n] = f.Seq
	}
	return found
}

// streamOf is a camera's stream. Where the broker was away, frames may be confirmed again before the connection
// that asks for this is back.
func streamOf(t testing.TB, conn *bus.Conn, id frame.CameraID) jetstream.Stream {
	t.Helper()
	if err := conn.WaitConnected(context20(t)); err != nil {
		t.Fatal(err)
	}
	js, err := jetstream.New(conn.NATS())
	if err != nil {
		t.Fatal(err)
	}
	stream, err := js.Stream(context20(t), id.StreamName())
	if err != nil {
		t.Fatal(err)
	}
	return stream
}

func provision(t testing.TB, conn *bus.Conn, id frame.CameraID, limits bus.StreamLimits) {
	t.Helper()
	if _, err := conn.Provision(context20(t), id, limits); err != nil {
		t.Fatal(err)
	}
}
