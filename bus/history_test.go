package bus_test

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/lensbus/lensbus/broker"
	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
)

func TestHistory(t *testing.T) {
	server := startBroker(t, broker.Config{})
	conn := connect(t, bus.Options{Server: server.URL()})
	history, err := conn.History("front")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := history.Read(context20(t), 1, 1, 1); !errors.Is(err, bus.ErrNoPicture) {
		t.Errorf("no stream: %v", err)
	}
	store := newStore(t, server.URL())
	store.provision(nil)
	if batch, err := history.Read(context20(t), 1, 10, 1<<20); err != nil || len(batch.Messages) != 0 || batch.Next != 1 {
		t.Errorf("an empty stream: %+v, %v", batch, err)
	}
	if newest, err := history.Newest(context20(t)); err != nil || len(newest.Messages) != 0 {
		t.Errorf("an empty stream: %+v, %v", newest, err)
	}
	if n, err := history.Find(context20(t), time.Unix(1, 0)); err != nil || n != 1 {
		t.Errorf("an empty stream: %d, %v", n, err)
	}

	// Frame n is captured at second n; 41 is no frame, and 11 to 20 are dropped.
	captured := func(n uint64) time.Time { return time.Unix(1_700_000_000+int64(n), 0) }
	f := store.frame
	for n := uint64(1); n <= 100; n++ {
		f.Seq, f.Captured = n, captured(n)
		msg := &nats.Msg{Subject: "cam.front.frame", Header: f.Header(true), Data: f.Data}
		if n == 41 {
			msg = &nats.Msg{Subject: "cam.front.frame", Data: []byte("no frame")}
		}
		if _, err := store.js.PublishMsg(context20(t), msg); err != nil {
			t.Fatal(err)
		}
	}
	stream, err := store.js.Stream(context20(t), "FRAMES_front")
	if err != nil {
		t.Fatal(err)
	}
	for n := uint64(11); n <= 20; n++ {
		if err := stream.DeleteMsg(context20(t), n); err != nil {
			t.Fatal(err)
		}
	}

	var numbers []uint64
	for next := uint64(1); ; {
		batch, err := history.Read(context20(t), next, 16, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		if len(batch.Messages) == 0 {
			if batch.Next != 101 {
				t.Errorf("at the end the next is %d", batch.Next)
			}
			break
		}
		if len(batch.Messages) > 16 {
			t.Fatalf("%d messages in a batch", len(batch.Messages))
		}
		for _, m := range batch.Messages {
			numbers = append(numbers, m.Number)
			if (m.Rejected != nil) != (m.Number == 41) {
				t.Errorf("message %d: rejected %v", m.Number, m.Rejected)
			}
			if m.Rejected == nil && (m.Frame.Seq != m.Number || !bytes.Equal(m.Frame.Data, f.Data) || m.At.IsZero()) {
				t.Errorf("message %d is frame %d, stored at %s", m.Number, m.Frame.Seq, m.At)
			}
		}
		if want := 100 - batch.Messages[len(batch.Messages)-1].Number; batch.Pending != want && numbers[len(numbers)-1] > 20 {
			t.Errorf("after %d: %d pending, want %d", numbers[len(numbers)-1], batch.Pending, want)
		}
		next = batch.Next
	}
	if len(numbers) != 90 || numbers[9] != 10 || numbers[10] != 21 || numbers[89] != 100 {
		t.Errorf("read %v", numbers)
	}
	// Bytes bound a batch, and one message always comes.
	if batch, err := history.Read(context20(t), 50, 16, 1); err != nil || len(batch.Messages) != 1 || batch.Messages[0].Number != 50 || batch.Next != 51 {
		t.Errorf("one byte: %+v, %v", batch, err)
	}
	if newest, err := history.Newest(context20(t)); err != nil || len(newest.Messages) != 1 || newest.Messages[0].Number != 100 {
		t.Errorf("newest: %+v, %v", newest, err)
	}
	for _, c := range []struct {
		t    time.Time
		want uint64
	}{
		{time.Unix(1, 0), 1}, {captured(1), 1}, {captured(10), 10}, {captured(10).Add(1), 11}, {captured(15), 11}, {captured(21), 11},
		{captured(40), 40}, {captured(41), 41}, {captured(42), 41}, {captured(77).Add(-1), 77}, {captured(77), 77}, {captured(77).Add(1), 78}, {captured(100), 100}, {captured(101), 101},
	} {
		// Of the numbers that lead to the same frame it is the first.
		if got, err := history.Find(context20(t), c.t); err != nil || got != c.want {
			t.Errorf("first since %s: %d, want %d, %v", c.t.UTC(), got, c.want, err)
		}
	}
}

// A right to one camera's stream is no right to another's.
func TestHistoryIsOfOneCamera(t *testing.T) {
	server := startBroker(t, broker.Config{})
	store := newStore(t, server.URL())
	store.provision(func(c *jetstream.StreamConfig) { c.Subjects = []string{"cam.front.frame", "cam.back.frame"} })
	other := store.frame
	other.Camera, other.Epoch, other.Seq, other.Captured = "back", frame.NewEpoch(), 1, time.Now()
	if _, err := store.js.PublishMsg(context20(t), &nats.Msg{Subject: "cam.back.frame", Header: other.Header(true), Data: other.Data}); err != nil {
		t.Fatal(err)
	}
	store.fill(1)
	conn := connect(t, bus.Options{Server: server.URL()})
	history, err := conn.History("front")
	if err != nil {
		t.Fatal(err)
	}
	batch, err := history.Read(context20(t), 1, 10, 1<<20)
	if err != nil || len(batch.Messages) != 1 || batch.Messages[0].Frame.Camera != frame.CameraID("front") || batch.Messages[0].Number != 2 {
		t.Errorf("%+v, %v", batch, err)
	}
}
