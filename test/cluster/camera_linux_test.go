package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"log/slog"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/lensbus/lensbus/auth"
	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/recorder"
	"github.com/lensbus/lensbus/test/ledger"
)

// logger writes into the test's output, for as long as there is one.
func logger(t testing.TB) *slog.Logger {
	return slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
}

// connect connects as whom the credentials are of; nil: nobody in particular. It ends with the test.
func connect(t testing.TB, server string, credentials *auth.Credentials) *bus.Conn {
	t.Helper()
	conn, err := bus.Connect(t.Context(), bus.Options{Server: server, Credentials: credentials, Log: logger(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() }) // has no error
	return conn
}

// camera publishes frames that are to be recorded, and knows how each came out.
type camera struct {
	id     frame.CameraID
	size   int // bytes of a frame, about
	ledger *ledger.Ledger
	out    *bus.Publisher
	stop   context.CancelFunc
	ended  chan struct{}
	told   chan struct{}

	mu        sync.Mutex
	shown     uint64 // frames that there were, whether there was a connection or not
	sent      uint64 // number of the newest frame
	confirmed int
	numbers   map[uint64]bool // of those
	last      time.Time       // when a frame was confirmed
	outage    time.Duration   // the longest time without
}

// shoot begins to publish a camera's frames, of some bytes each, until finish or the test's end.
func shoot(t testing.TB, conn *bus.Conn, id frame.CameraID, fps float64, size int) *camera {
	t.Helper()
	out, err := conn.Publisher(id)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	c := &camera{id: id, size: size, ledger: ledger.New(), out: out, stop: cancel, ended: make(chan struct{}), told: make(chan struct{}, 1), last: time.Now(), numbers: make(map[uint64]bool)}
	out.TellStored(c.tell)
	fill := make([]byte, max(0, size-2000))
	random := rand.NewChaCha8([32]byte{})
	_, _ = random.Read(fill) // never fails
	go func() {
		defer close(c.ended)
		c.run(ctx, time.Duration(float64(time.Second)/fps), fill)
	}()
	t.Cleanup(func() {
		cancel()
		<-c.ended
	})
	return c
}

func (c *camera) tell(o bus.StoredOutcome) {
	if o.Reason == "" {
		c.ledger.Confirmed(o.Epoch, o.Seq)
		c.mu.Lock()
		now := time.Now()
		c.confirmed++
		c.numbers[o.Seq] = true
		c.outage, c.last = max(c.outage, now.Sub(c.last)), now
		c.mu.Unlock()
	}
	select {
	case c.told <- struct{}{}:
	default:
	}
}

func (c *camera) run(ctx context.Context, every time.Duration, fill []byte) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	epoch := frame.NewEpoch()
	for seq := uint64(1); ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		f := frame.Frame{Camera: c.id, Epoch: epoch, Seq: seq, Captured: time.Now(), Codec: frame.JPEG, Width: 64, Height: 48, Key: true, Data: picture(seq, fill)}
		c.ledger.Published(&f)
		err := c.out.PublishStored(context.Background(), &f)
		c.mu.Lock()
		c.shown++
		if err == nil { // else it is not sent
			c.sent = seq
			seq++
		}
		c.mu.Unlock()
		if err != nil && !errors.Is(err, bus.ErrDisconnected) {
			panic(err) // nothing else is to be expected
		}
	}
}

// picture is a JPEG that no other frame has.
func picture(seq uint64, fill []byte) []byte {
	img := image.NewGray(image.Rect(0, 0, 64, 48))
	for x := range 64 {
		img.Pix[x] = byte(seq >> (x % 8 * 8))
	}
	var b bytes.Buffer
	_ = jpeg.Encode(&b, img, nil) // a bytes.Buffer takes everything
	plain := b.Bytes()
	data := bytes.Clone(plain[:2])
	for rest := fill; len(rest) > 0; {
		n := min(len(rest), 65000)
		data = append(data, 0xFF, 0xFE, byte((n+2)>>8), byte(n+2))
		data = append(data, rest[:n]...)
		rest = rest[n:]
	}
	return append(data, plain[2:]...)
}

// counted returns how many frames there were, and how many were sent and confirmed.
func (c *camera) counted() (shown, sent uint64, confirmed int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.shown, c.sent, c.confirmed
}

// missing is how many frames after one number and up to another are confirmed and not there.
func (c *camera) missing(there map[uint64]bool, after, upTo uint64) (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for seq := range c.numbers {
		if seq > after && seq <= upTo && !there[seq] {
			n++
		}
	}
	return n
}

// confirms waits until so many more frames are confirmed.
func (c *camera) confirms(t testing.TB, more int) {
	t.Helper()
	_, _, before := c.counted()
	eventually(t, fmt.Sprintf("%d more frames of %s are confirmed", more, c.id), func() bool {
		_, _, now := c.counted()
		return now >= before+more
	})
}

// silence returns for how long nothing was confirmed at most, and begins anew.
func (c *camera) silence() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	longest := c.outage
	c.outage = 0
	return longest
}

// finish ends publishing and waits until it is known how all frames came out.
func (c *camera) finish(t testing.TB) {
	t.Helper()
	c.stop()
	<-c.ended
	eventually(t, "it is known how all frames came out", func() bool { return c.out.StoredStats().InFlight == 0 })
}

// record runs a recorder until the test's end or the function that it returns is called.
func record(t testing.TB, conn *bus.Conn, dir string, ids ...frame.CameraID) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- recorder.Run(ctx, recorder.Config{Dir: dir, Cameras: ids, Part: 200 * time.Millisecond}, recorder.Deps{Bus: conn, Log: logger(t)})
	}()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("recorder: %v", err)
		}
	})
	t.Cleanup(stop)
	return stop
}

// recorded waits until all confirmed frames of the camera are in the folder, ends the recorder, and checks
// them all.
func (c *camera) recorded(t testing.TB, dir string, stop func()) ledger.Report {
	t.Helper()
	tick := time.NewTicker(500 * time.Millisecond) // a check reads everything
	defer tick.Stop()
	for deadline := time.Now().Add(patience); ; <-tick.C {
		report, err := c.ledger.Check(dir, c.id)
		if err == nil && report.Missing == 0 && report.Confirmed > 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: all confirmed frames of %s are recorded in %s: %+v, %v", patience, c.id, dir, report, err)
		}
	}
	stop()
	report, err := c.ledger.Check(dir, c.id)
	if err != nil {
		t.Fatal(err)
	}
	for _, fault := range report.Faults {
		t.Errorf("%s: %s", c.id, fault)
	}
	return report
}
