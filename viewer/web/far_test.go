package web

import (
	"context"
	"net"
	"sync"
	"testing"
	"time"
)

// farProxy passes bytes on, each half a round trip later, as a long fast line does.
func farProxy(t *testing.T, addr string, roundTrip time.Duration) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	t.Cleanup(func() {
		cancel()
		_ = listener.Close()
		running.Wait()
	})
	type chunk struct {
		data []byte
		due  time.Time
	}
	pipe := func(to, from net.Conn) {
		line := make(chan chunk, 10_000)
		running.Go(func() {
			defer close(line)
			for {
				buf := make([]byte, 64<<10)
				n, err := from.Read(buf)
				if err != nil {
					return
				}
				line <- chunk{buf[:n], time.Now().Add(roundTrip / 2)}
			}
		})
		running.Go(func() {
			defer to.Close()
			timer := time.NewTimer(0)
			defer timer.Stop()
			for c := range line {
				if !pause(ctx, timer, time.Until(c.due)) {
					_ = from.Close()
					continue
				}
				if _, err := to.Write(c.data); err != nil {
					_ = from.Close()
				}
			}
		})
	}
	running.Go(func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", addr)
			if err != nil {
				_ = near.Close()
				return
			}
			context.AfterFunc(ctx, func() { _ = near.Close(); _ = far.Close() })
			pipe(near, far)
			pipe(far, near)
		}
	})
	return listener.Addr().String()
}

// One frame at a time would give 10 a second over a round trip of 100 ms.
func TestFarViewerGetsEveryFrame(t *testing.T) {
	t.Parallel()
	b := testBed(t, Config{})
	newCamera(t, b.broker.URL(), "front", slowFrame).run(30)
	far := farProxy(t, b.addr, 100*time.Millisecond)
	for _, ack := range []bool{true, false} {
		ctx, cancel := context.WithTimeout(t.Context(), 40*time.Second)
		defer cancel()
		ws, err := dialSocket(ctx, t, far, "/cameras/front/live", nil, ack)
		if err != nil {
			t.Fatal(err)
		}
		// Until it gets nearly all of 60 frames in a row; on a machine that does other things too,
		// that may take a few attempts.
		best := uint64(60)
		for best > 6 {
			var first, last *wsMessage
			for n := 0; n < 60; {
				m, err := ws.next(ctx)
				if err != nil {
					t.Fatalf("acknowledges %v: %v; at best it was not sent %d of 60", ack, err, best)
				}
				if m.Type != "frame" {
					continue
				}
				if first == nil {
					first = m
				}
				last = m
				n++
			}
			best = min(best, last.Skipped-first.Skipped)
		}
		t.Logf("acknowledges %v: not sent %d of 60", ack, best)
		_ = ws.CloseNow()
	}
}
