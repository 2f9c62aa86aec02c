package publisher

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/lensbus/lensbus/broker"
	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/publisher/source"
	"github.com/lensbus/lensbus/seal"
)

// The frame after pictures that could not be sent says how many they were; numbers go on without a hole.
func TestFramesSayWhatCouldNotBeSent(t *testing.T) {
	for name, config := range map[string]CameraConfig{
		"plain": {}, "sealed": {SealTo: []seal.Public{sealKey(t).Public()}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, broker.Config{}, config)
			sub, err := b.conn.NATS().SubscribeSync("cam.front.frame")
			if err != nil {
				t.Fatal(err)
			}
			if err := b.conn.NATS().FlushTimeout(patience); err != nil {
				t.Fatal(err)
			}
			b.run()
			good, steps := jpegOf(t, 64, 48, 80), uint64(0)
			// deliver waits until it is known what has become of the picture.
			deliver := func(data []byte) frame.Status {
				t.Helper()
				b.step(data, nil)
				steps++
				var s frame.Status
				eventually(t, func() bool {
					s = b.camera.state.status()
					sum := s.Sent
					for _, n := range s.Dropped {
						sum += n
					}
					return sum == steps
				})
				return s
			}
			var last, unsent uint64 // of all that has arrived
			arrive := func(wait time.Duration) (f frame.Frame, ok bool) {
				t.Helper()
				m, err := sub.NextMsg(wait)
				if err == nats.ErrTimeout {
					return f, false
				}
				if err != nil {
					t.Fatal(err)
				}
				if f, err = frame.Decode(m.Subject, m.Header, m.Data, frame.Limits{}); err != nil {
					t.Fatal(err)
				}
				last, unsent = f.Seq, unsent+f.Unsent
				return f, true
			}
			s := deliver(good)
			for s.Sent == 0 { // there is no connection yet
				s = deliver(good)
			}
			if f, _ := arrive(patience); f.Seq != 1 || f.Unsent != s.Dropped[source.DropDisconnected] {
				t.Errorf("the first frame, %d, says %d, not %v", f.Seq, f.Unsent, s.Dropped)
			}

			for range 3 {
				deliver([]byte("<html>"))
			}
			for _, want := range []uint64{3, 0} {
				deliver(good)
				if f, _ := arrive(patience); f.Seq != last || f.Unsent != want {
					t.Errorf("frame %d says %d, not %d", f.Seq, f.Unsent, want)
				}
			}

			before := s.Dropped[source.DropDisconnected]
			b.relay.cut()
			for s.Dropped[source.DropDisconnected] < before+3 {
				s = deliver(good)
			}
			for f, ok := arrive(time.Millisecond); ok; f, ok = arrive(time.Millisecond) {
				if f.Unsent != 0 {
					t.Errorf("frame %d, before the line was cut, says %d", f.Seq, f.Unsent)
				}
			}
			b.relay.mend()
			sent := s.Sent
			for s.Sent == sent {
				s = deliver(good)
			}
			f, ok := arrive(patience)
			for ok && f.Seq <= sent { // still on the way when it was cut
				f, ok = arrive(patience)
			}
			if want := s.Dropped[source.DropDisconnected] - before; f.Seq != sent+1 || f.Unsent != want {
				t.Errorf("the first frame after %d, %d, says %d, not %d", sent, f.Seq, f.Unsent, want)
			}
			if unsent != s.Dropped[source.DropDisconnected]+s.Dropped[source.DropInvalid] {
				t.Errorf("all frames say %d; dropped are %v", unsent, s.Dropped)
			}
		})
	}
}

func TestPicturesThatNewerOnesHaveReplaced(t *testing.T) {
	at := func(ms int) time.Time { return time.Unix(1000, 0).Add(time.Duration(ms) * time.Millisecond) }
	var m missing
	send := func(ms int, want uint64) {
		t.Helper()
		unsent, late := m.before(at(ms))
		if unsent != want {
			t.Errorf("at %d ms %d are missing, not %d", ms, unsent, want)
		}
		m.late.Add(1) // one comes meanwhile: it is for the next
		m.sent(at(ms), late)
		if left := m.late.Load(); left != 1 {
			t.Errorf("after %d ms %d are left", ms, left)
		}
		m.late.Store(0)
	}
	m.late.Add(2)
	send(0, 2) // before the first
	for ms := 100; ms <= 1000; ms += 100 {
		m.late.Add(2)
		send(ms, 0) // the line is slower than the camera
	}
	m.late.Add(15)
	send(2000, 15) // nothing has left for a second
	m.late.Add(4)
	m.lost = 3
	send(2100, 3)
	for ms := 3100; ms < 9000; ms += 1000 { // the line has become slow for good
		_, late := m.before(at(ms))
		m.sent(at(ms), late)
	}
	m.late.Add(15)
	send(9100, 0)
	m.lost = 2
	for range 2 { // it is still missing while nothing is sent
		if unsent, _ := m.before(at(9200)); unsent != 2 {
			t.Errorf("%d are missing", unsent)
		}
	}
}
