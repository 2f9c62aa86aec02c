package web

import (
	"context"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/test/hitch"
)

// TestStreamVariants measures, in one run, what the kernel can be told to hold back and what that
// costs: the table in docs/design/slow-viewers.md. It asserts nothing but that pictures come.
func TestStreamVariants(t *testing.T) {
	if os.Getenv("LENSBUS_TEST_VARIANTS") == "" {
		t.Skip("SKIPPED: a measurement of three minutes, not a test: set LENSBUS_TEST_VARIANTS=1 to make it")
	}
	always := func(ctx context.Context, conn net.Conn, f *feed) {
		reader := f.pictures.Reader()
		for {
			p, _, err := reader.Next(ctx)
			if err != nil {
				return
			}
			parts := net.Buffers{p.part, p.Data, []byte(partEnd)}
			if _, err := parts.WriteTo(conn); err != nil {
				return
			}
		}
	}
	option := func(level, name, value int) func(context.Context, net.Conn, *feed) {
		return func(ctx context.Context, conn net.Conn, f *feed) {
			raw, _ := rawConn(conn)
			if err := raw.Control(func(fd uintptr) {
				if err := unix.SetsockoptInt(int(fd), level, name, value); err != nil {
					t.Error(os.NewSyscallError("setsockopt", err))
				}
			}); err != nil {
				t.Error(err)
			}
			always(ctx, conn, f)
		}
	}
	windowed := func(ctx context.Context, conn net.Conn, f *feed) {
		v := multipartViewer{conn: conn, feed: f, stall: time.Minute, count: newMetrics().viewer("front", "stream")}
		_ = v.run(ctx) // ends with the connection
	}
	for _, variant := range []struct {
		name string
		run  func(context.Context, net.Conn, *feed)
	}{
		{"kernel's default", always},
		{"SO_SNDBUF 64 KB", option(syscall.SOL_SOCKET, syscall.SO_SNDBUF, 64<<10)},
		{"SO_SNDBUF 16 KB", option(syscall.SOL_SOCKET, syscall.SO_SNDBUF, 16<<10)},
		{"TCP_NOTSENT_LOWAT 128 KB", option(syscall.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, 128<<10)},
		{"TCP_NOTSENT_LOWAT 16 KB", option(syscall.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, 16<<10)},
		{"SIOCOUTQ and window", windowed},
	} {
		const lasts = 20 * time.Second
		slow, fast, cpu := measureVariant(t, variant.run, lasts)
		if len(slow) == 0 || len(fast) == 0 {
			t.Fatalf("%s: no pictures", variant.name)
		}
		ms := func(d time.Duration) string { return fmt.Sprintf("%.1f", float64(d.Microseconds())/1e3) }
		t.Logf("| %-24s | %6s | %7s | %5s | %5s | %3.0f %% | %s |", variant.name, ms(percentile(slow, 0.5)), ms(percentile(slow, 1)),
			ms(percentile(fast, 0.5)), ms(percentile(fast, 0.99)), 100*float64(len(fast))/4/30/lasts.Seconds(), ms(cpu))
	}
}

// measureVariant lets one slow and four fast viewers watch one camera of 100 KB x 30 fps.
func measureVariant(t *testing.T, serve func(context.Context, net.Conn, *feed), lasts time.Duration) (slow, fast []time.Duration, cpu time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), lasts)
	defer cancel()
	f := &feed{feedKey: feedKey{id: "front"}}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	defer running.Wait()
	defer func() { _ = listener.Close() }()
	running.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				defer conn.Close()
				defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()
				head := make([]byte, 4096)
				if _, err := conn.Read(head); err != nil {
					return
				}
				_, _ = conn.Write([]byte("HTTP/1.1 200 OK\r\nContent-Type: " + streamType + "\r\n\r\n--" + boundary + "\r\n"))
				serve(ctx, conn, f)
			})
		}
	})
	stalls := hitch.New(t)
	running.Go(func() {
		c := &camera{id: "front", epoch: "e", data: jpegOf(t, 64, 48, slowFrame)}
		tick := time.NewTicker(time.Second / 30)
		defer tick.Stop()
		for ctx.Err() == nil {
			got := c.frame(<-tick.C)
			f.pictures.Put(&picture{Frame: got, arrived: got.Captured, proven: true, part: partHeader(&got)})
		}
		f.pictures.Close(bus.ErrClosed)
	})
	watch := func(into *ages, d dial) {
		running.Go(func() {
			err := mjpeg(ctx, httpClient(t, d), "http://"+listener.Addr().String()+"/", func(p part) { into.add(p.at, p.at.Sub(p.captured)) })
			if ctx.Err() == nil && !strings.Contains(err.Error(), "EOF") {
				t.Error(err)
			}
		})
	}
	slowAges, fastAges := &ages{hitches: stalls}, &ages{hitches: stalls}
	var before, after syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &before)
	watch(slowAges, slowDial(slowRate))
	for range 4 {
		watch(fastAges, nil)
	}
	<-ctx.Done()
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &after)
	return slowAges.take(), fastAges.take(), time.Duration(after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano())
}
