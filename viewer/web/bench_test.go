//go:build unix

package web

import (
	"bufio"
	"context"
	"net"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/lensbus/lensbus/bus"
)

// readers starts n of them and returns when all have had their first bytes.
func readers(b *testing.B, addr, path string, n int) {
	b.Helper()
	cmd := exec.Command(os.Args[0], addr, path, strconv.Itoa(n))
	cmd.Env = append(os.Environ(), benchReaders+"=1")
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait()
	})
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		b.Fatal(line, err)
	}
}

func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

const (
	benchViewers = 32
	benchFPS     = 30
	benchBytes   = 100_000
)

// BenchmarkViewers is what a camera of 100 KB x 30 fps costs per frame delivered to one of 32
// viewers: publisher, broker and web page in this process, beside a bare relay that has the frames
// in memory and only writes them. An iteration is one frame of the camera, in its own time.
func BenchmarkViewers(b *testing.B) {
	b.Run("relay", func(b *testing.B) {
		var frames bus.Latest[[]byte]
		var delivered atomic.Int64
		addr := relay(b, &frames, &delivered)
		data := jpegOf(b, 64, 48, benchBytes)
		paced(b, func() { frames.Put(data) }, delivered.Load, func() { readers(b, addr, "/", benchViewers) })
	})
	// The way to the page alone, once a frame: publisher, broker with its kept picture, and receiving.
	b.Run("nobody", func(b *testing.B) {
		bed := testBed(b, Config{})
		c := newCamera(b, bed.broker.URL(), "front", benchBytes)
		f, err := bed.server.hub.attach(feedKey{id: "front"})
		if err != nil {
			b.Fatal(err)
		}
		defer f.release()
		received := func() int64 { return int64(f.source.Stats().Received) * benchViewers }
		paced(b, func() { c.publish(time.Now()) }, received, func() {})
	})
	// What a page does with pictures that are already here.
	b.Run("page", func(b *testing.B) {
		bed := testBed(b, Config{})
		c := newCamera(b, bed.broker.URL(), "front", benchBytes)
		f, err := bed.server.hub.attach(feedKey{id: "front"})
		if err != nil {
			b.Fatal(err)
		}
		defer f.release()
		delivered := func() int64 { return framesSent(b, bed.server.metrics) }
		c.publish(time.Now())
		publish := func() {
			got := c.frame(time.Now())
			f.pictures.Put(&picture{Frame: got, arrived: time.Now(), proven: true, part: partHeader(&got)})
		}
		paced(b, publish, delivered, func() { readers(b, bed.addr, "/cameras/front/stream.mjpeg", benchViewers) })
	})
	for _, path := range []string{"stream.mjpeg"} {
		b.Run("lensbus/"+path, func(b *testing.B) {
			bed := testBed(b, Config{})
			c := newCamera(b, bed.broker.URL(), "front", benchBytes)
			delivered := func() int64 { return framesSent(b, bed.server.metrics) }
			paced(b, func() { c.publish(time.Now()) }, delivered, func() {
				readers(b, bed.addr, "/cameras/front/"+path, benchViewers)
			})
		})
	}
}

// paced publishes at the camera's rate while it starts the viewers, then measures b.N frames.
func paced(b *testing.B, publish func(), delivered func() int64, start func()) {
	b.Helper()
	ctx, cancel := context.WithCancel(b.Context())
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	var left atomic.Int64
	done := make(chan struct{})
	running.Go(func() {
		tick := time.NewTicker(time.Second / benchFPS)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				publish()
				if left.Add(-1) == 0 {
					close(done)
				}
			}
		}
	})
	start()
	b.ResetTimer()
	cpu, sent := cpuTime(b), delivered()
	left.Store(int64(b.N))
	<-done
	cpu, sent = cpuTime(b)-cpu, delivered()-sent
	b.StopTimer()
	b.ReportMetric(float64(cpu.Microseconds())/float64(max(sent, 1)), "cpu-µs/delivered")
	b.ReportMetric(100*float64(sent)/float64(b.N*benchViewers), "%delivered")
	b.ReportMetric(0, "ns/op")
}

// relay is the least that can be done: every viewer gets the newest frame in one write.
func relay(b *testing.B, frames *bus.Latest[[]byte], delivered *atomic.Int64) string {
	b.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	b.Cleanup(func() {
		cancel()
		_ = listener.Close()
		running.Wait()
	})
	running.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				defer conn.Close()
				reader := frames.Reader()
				for {
					data, _, err := reader.Next(ctx)
					if err != nil {
						return
					}
					parts := net.Buffers{[]byte("header\r\n\r\n"), data, []byte("\r\n")}
					if _, err := parts.WriteTo(conn); err != nil {
						return
					}
					delivered.Add(1)
				}
			})
		}
	})
	return listener.Addr().String()
}

// framesSent is what /metrics says of all viewers.
func framesSent(b *testing.B, m *metrics) int64 {
	b.Helper()
	families, err := m.registry.Gather()
	if err != nil {
		b.Fatal(err)
	}
	sum := 0.0
	for _, family := range families {
		if family.GetName() == "lensbus_web_frames_sent_total" {
			for _, metric := range family.GetMetric() {
				sum += metric.GetCounter().GetValue()
			}
		}
	}
	return int64(sum)
}
