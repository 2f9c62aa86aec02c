package bus_test

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lensbus/lensbus/broker"
	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/test/hitch"
)

// slowLink passes TCP connections on to a server and carries a limited number of bytes per second
// in all towards the client, or towards the server. It holds next to nothing itself, so that what queues, queues in the
// server.
type slowLink struct {
	listener net.Listener
	rate     atomic.Int64 // bytes per second; 0: no limit
	mu       sync.Mutex   // one link for all connections
	free     time.Time    // when the link has carried what it was given
}

func newSlowLink(t *testing.T, server string, rate int64) *slowLink {
	t.Helper()
	return newLimitedLink(t, server, rate, false)
}

// newSlowUplink limits what goes to the server instead.
func newSlowUplink(t *testing.T, server string, rate int64) *slowLink {
	t.Helper()
	return newLimitedLink(t, server, rate, true)
}

func newLimitedLink(t *testing.T, server string, rate int64, up bool) *slowLink {
	t.Helper()
	// Loopback's segments of 64 KB do not go with small buffers: the sender would wait for its timer.
	segments := func(_, _ string, c syscall.RawConn) (err error) {
		return errors.Join(c.Control(func(fd uintptr) {
			err = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_MAXSEG, 1448)
		}), err)
	}
	listener, err := (&net.ListenConfig{Control: segments}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	dialer := net.Dialer{Control: segments}
	l := &slowLink{listener: listener}
	l.rate.Store(rate)
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			upstream, err := dialer.DialContext(ctx, "tcp", server)
			if err != nil {
				_ = client.Close()
				continue
			}
			from, to := upstream, client
			if up {
				from, to = client, upstream
			}
			_ = from.(*net.TCPConn).SetReadBuffer(16 << 10)
			_ = to.(*net.TCPConn).SetWriteBuffer(16 << 10)
			hangUp := context.AfterFunc(ctx, func() { _ = client.Close(); _ = upstream.Close() })
			var both sync.WaitGroup
			both.Go(func() { _, _ = io.Copy(from, to); reset(upstream); _ = client.Close() })
			both.Go(func() { l.copy(ctx, to, from); reset(upstream); _ = client.Close() })
			wg.Go(func() { both.Wait(); hangUp() })
		}
	})
	t.Cleanup(func() { cancel(); _ = listener.Close(); wg.Wait() })
	return l
}

// reset ends a connection as a client does that closes with bytes unread.
func reset(c net.Conn) {
	_ = c.(*net.TCPConn).SetLinger(0)
	_ = c.Close()
}

func (l *slowLink) copy(ctx context.Context, to io.Writer, from io.Reader) {
	buf := make([]byte, 2<<10)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		if !l.carry(ctx, to, buf[:n]) {
			return
		}
	}
}

func (l *slowLink) carry(ctx context.Context, to io.Writer, data []byte) bool {
	if rate := l.rate.Load(); rate > 0 {
		l.mu.Lock()
		defer l.mu.Unlock()
		if now := time.Now(); l.free.Before(now.Add(-20 * time.Millisecond)) {
			l.free = now
		}
		l.free = l.free.Add(time.Duration(len(data)) * time.Second / time.Duration(rate))
		select {
		case <-time.After(time.Until(l.free)):
		case <-ctx.Done():
			return false
		}
	}
	_, err := to.Write(data)
	return err == nil
}

func (l *slowLink) url() string { return "nats://" + l.listener.Addr().String() }

// The bound is the product's promise, not a measurement: on a link with a tenth of the stream's
// bit rate, where one frame alone takes a third of a second, a picture is at most 1.3 s old when
// it arrives, while a viewer beside misses nothing. When the link is fast again, so is the viewer.
func TestSlowLinkStaysCurrent(t *testing.T) {
	for name, config := range map[string]broker.Config{"": {}, "WithoutJetStream": {NoJetStream: true}} {
		t.Run("Fetching"+name, func(t *testing.T) {
			hitch.Judge(t, func(t *testing.T) hitch.Problems { return slowLinkStaysCurrent(t, config) })
		})
	}
}

func slowLinkStaysCurrent(t *testing.T, config broker.Config) (found hitch.Problems) {
	const size, fps, bound = 100_000, 30, 1300 * time.Millisecond
	server := startBroker(t, config)
	link := newSlowLink(t, server.URL()[len("nats://"):], size*fps/10)
	conn := connect(t, bus.Options{Server: server.URL()})
	camera := newCamera(t, conn, "front", size)
	_, _ = conn.EnsureStream(context20(t), "front")
	camera.start(fps)

	beside, err := connect(t, bus.Options{Server: server.URL()}).Live("front")
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { return beside.Stats().Received > fps })
	before := beside.Stats()

	slow, err := connect(t, bus.Options{Server: link.url()}).Live("front")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 12*time.Second)
	defer cancel()
	watch := hitch.New(t)
	began, n, worst := time.Now(), 0, time.Duration(0)
	var lateWorst time.Duration
	for {
		f, err := slow.Next(ctx)
		if err != nil {
			break
		}
		n++
		now := time.Now()
		age := now.Sub(f.Captured) - watch.Within(f.Captured, now)
		worst = max(worst, age)
		if time.Since(began) > 6*time.Second {
			lateWorst = max(lateWorst, age)
		}
	}
	t.Logf("%d frames over the slow link, worst age %v, after 6 s %v", n, worst.Round(time.Millisecond), lateWorst.Round(time.Millisecond))
	if worst > bound {
		found.Add("a picture was %v old when it came", worst)
	}
	if n < 12 {
		found.Add("only %d frames in 12 s: the link carries 3 a second", n)
	}
	if after := beside.Stats(); after.Missed != before.Missed {
		found.Add("the viewer beside missed %d frames", after.Missed-before.Missed)
	}

	link.rate.Store(0)
	isBack := func() bool {
		before := slow.Stats()
		eventually(t, func() bool { return slow.Stats().Received > before.Received+fps })
		return slow.Stats().Missed == before.Missed && !slow.Stats().Fetching
	}
	for deadline := time.Now().Add(patience); !isBack(); {
		if time.Now().After(deadline) {
			found.Add("the link is fast again, and the viewer misses frames: %+v", slow.Stats())
			break
		}
	}
	return found
}
