package recorder_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/lensbus/lensbus/recorder"
)

// BenchmarkRecord is how fast a recorder that is behind fetches and writes, next to a plain write of
// the same bytes that is synced as often, to the same disk; in turns. An operation is a frame.
func BenchmarkRecord(b *testing.B) {
	for _, size := range []int{60_000, 200_000} {
		b.Run(fmt.Sprintf("%dKB", size/1000), func(b *testing.B) {
			g := newRig(b)
			g.size = size
			g.provision(nil)
			const frames = 1500
			g.preload(frames)
			for range 3 { // in turns, as the disk has its moods
				b.Run("recorder", func(b *testing.B) { g.benchRecorder(b, frames) })
				b.Run("write-and-sync", func(b *testing.B) { benchPlain(b, size, frames) })
			}
			b.Run("process", func(b *testing.B) { g.benchProcess(b, frames) })
		})
	}
}

// preload stores frames without waiting for each.
func (g *rig) preload(n int) {
	for range n {
		f := g.shoot()
		if _, err := g.js.PublishMsgAsync(&nats.Msg{Subject: g.camera.FrameSubject(), Header: f.Header(true), Data: f.Data}); err != nil {
			g.t.Fatal(err)
		}
		if g.js.PublishAsyncPending() > 16 {
			<-g.js.PublishAsyncComplete()
		}
	}
	<-g.js.PublishAsyncComplete()
}

// benchRecorder records all that there is, in this process.
func (g *rig) benchRecorder(b *testing.B, frames int) {
	b.SetBytes(int64(g.size))
	b.ResetTimer()
	for done := 0; done < b.N; done += frames {
		b.StopTimer()
		if err := g.js.DeleteConsumer(b.Context(), g.camera.StreamName(), "rec"); err != nil && done > 0 {
			b.Fatal(err)
		}
		inner := &rig{t: b, url: g.url}
		dir := b.TempDir()
		b.StartTimer()
		// The last part, which is not full, shall not wait for its time.
		r := inner.record(recorder.Config{Dir: dir, Part: 100 * time.Millisecond, Segment: recorder.DefaultSegment}, nil)
		g.awaitAck(b, frames)
		b.StopTimer()
		r.end()
		b.StartTimer()
	}
	b.ReportMetric(float64(g.size)*float64(frames*((b.N+frames-1)/frames))/b.Elapsed().Seconds()/1e6, "MB/s-true")
}

func (g *rig) awaitAck(b *testing.B, frames int) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(2 * patience); ; <-tick.C {
		c, err := g.js.Consumer(b.Context(), g.camera.StreamName(), "rec")
		if err == nil && c.CachedInfo().AckFloor.Stream >= uint64(frames) {
			return
		}
		if time.Now().After(deadline) {
			b.Fatal("not recorded in time")
		}
	}
}

// benchPlain writes as many bytes, and syncs after as many as a recorder that is behind does.
func benchPlain(b *testing.B, size, frames int) {
	const part = 4 << 20
	data := make([]byte, size)
	b.SetBytes(int64(size))
	b.ResetTimer()
	for done := 0; done < b.N; done += frames {
		f, err := os.Create(filepath.Join(b.TempDir(), "plain"))
		if err != nil {
			b.Fatal(err)
		}
		pending := 0
		for n := range frames {
			if _, err := f.Write(data); err != nil {
				b.Fatal(err)
			}
			if pending += size; pending >= part || n == frames-1 {
				if err := f.Sync(); err != nil {
					b.Fatal(err)
				}
				pending = 0
			}
		}
		if err := f.Close(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(size)*float64(frames*((b.N+frames-1)/frames))/b.Elapsed().Seconds()/1e6, "MB/s-true")
}

// benchProcess is what a recorder alone, without the broker, takes of a processor for a frame.
func (g *rig) benchProcess(b *testing.B, frames int) {
	var cpu time.Duration
	total := 0
	for done := 0; done < b.N; done += frames {
		if err := g.js.DeleteConsumer(context.Background(), g.camera.StreamName(), "rec"); err != nil {
			b.Fatal(err)
		}
		inner := &rig{t: b, url: g.url}
		p := inner.launch(b.TempDir())
		g.awaitAck(b, frames)
		if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			b.Fatal(err)
		}
		<-p.exited
		cpu += p.cmd.ProcessState.UserTime() + p.cmd.ProcessState.SystemTime()
		total += frames
	}
	b.ReportMetric(float64(cpu.Microseconds())/float64(total), "cpu-µs/frame")
}
