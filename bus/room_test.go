package bus

import (
	"sync"
	"testing"
	"time"

	"github.com/lensbus/lensbus/broker"
)

// path is what the kernel says of a connection, for tests.
type path struct {
	queued int
	least  time.Duration
	closed bool
}

func (p *path) room() *room {
	return &room{queue: func() (int, time.Duration, bool) { return p.queued, p.least, !p.closed }}
}

func TestRoom(t *testing.T) {
	const frame = 40_000
	start := time.Now()
	at := func(ms int) time.Time { return start.Add(time.Duration(ms) * time.Millisecond) }
	look := func(t *testing.T, r *room, ms int, want bool) {
		t.Helper()
		if got := r.is(at(ms)); got != want {
			t.Errorf("after %d ms: room %v, want %v", ms, got, want)
		}
	}
	t.Run("slow", func(t *testing.T) {
		p := new(path)
		r := p.room()
		look(t, r, 0, true) // nothing is on its way
		r.begins(frame, at(0))
		p.queued = frame
		look(t, r, 60, true)
		r.begins(frame, at(60))
		p.queued = 2*frame - 10_000
		look(t, r, 120, false) // the first has been on its way for long
		p.queued = frame
		look(t, r, 200, false) // one has arrived, and one has not
		p.queued = 0
		look(t, r, 400, true)
		r.begins(frame, at(400))
		p.queued = frame
		look(t, r, 410, false) // one at a time from now on
		p.queued = 0
		look(t, r, 440, true)
		r.begins(frame, at(440))
		p.queued = frame
		look(t, r, 450, true) // that one came soon: no more
	})
	t.Run("far", func(t *testing.T) { // over a satellite everything takes long, and nothing is slow
		p := &path{least: 300 * time.Millisecond}
		r := p.room()
		for n := range 18 {
			look(t, r, n*33, true)
			r.begins(frame, at(n*33))
			p.queued += frame
		}
		look(t, r, 650, true)
		p.queued -= 1000
		look(t, r, 701, false)
	})
	t.Run("hitch", func(t *testing.T) {
		p := new(path)
		r := p.room()
		for n := range 5 {
			r.begins(frame, at(n*100))
			p.queued += frame
			look(t, r, n*100+1, true) // nothing arrives
		}
		p.queued = frame
		look(t, r, 402, true) // and then all but the last
		r.begins(frame, at(500))
		p.queued = 2 * frame
		look(t, r, 900, true) // again
		look(t, r, 901, false)
		p.queued = 0
		look(t, r, 902, true)
	})
	t.Run("written in pieces", func(t *testing.T) {
		p := new(path)
		r := p.room()
		for range 3 {
			r.begins(frame/4, at(0))
		}
		r.begins(frame/4, at(1))
		p.queued = 1
		look(t, r, 101, false)
		p.queued = 0
		look(t, r, 102, true)
	})
	t.Run("nobody asks", func(t *testing.T) {
		p := new(path)
		r := p.room()
		for n := range 10 * mostMarks {
			r.begins(frame, at(10*n))
		}
		if len(r.marks) > mostMarks {
			t.Errorf("%d marks are kept", len(r.marks))
		}
		look(t, r, 100*mostMarks, true) // all of it has arrived
	})
	t.Run("not known", func(t *testing.T) {
		p := &path{queued: 1, closed: true}
		r := p.room()
		r.begins(frame, at(0))
		look(t, r, 1000, true)
		r = new(room) // a connection in the process
		r.begins(frame, at(0))
		look(t, r, 1000, true)
	})
}

// A link that is still full of what was left behind makes the first round trip slow, and all that is
// fetched later would seem to take no time beside it.
func TestARoundTripIsTimedAgain(t *testing.T) {
	server, err := broker.Start(t.Context(), broker.Config{Listen: "127.0.0.1:0"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	conn, err := Connect(t.Context(), Options{Server: server.URL()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.WaitConnected(t.Context()); err != nil {
		t.Fatal(err)
	}
	k := &link{mu: new(sync.Mutex), roundTrip: time.Hour}
	k.roomy.observe(40_000, 200*time.Millisecond, k.roundTrip)
	turn := make(chan struct{}, 1)
	if k.isTimed(t.Context(), conn.control, turn) {
		t.Error("an hour is taken for the round trip")
	}
	if k.roomy.bytesPerSecond() != 0 || k.roundTrip >= time.Hour {
		t.Errorf("round trip %v, and still %f bytes a second", k.roundTrip, k.roomy.bytesPerSecond())
	}
	for !k.isTimed(t.Context(), conn.control, turn) { // as often as it was even quicker
	}
}
