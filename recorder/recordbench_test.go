package recorder_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/lensbus/lensbus/recorder"
)

// BenchmarkRecord is how fast a recorder that is behind fetches and writes, next to a plain write of
// the same bytes that is synced as often, to the same disk; in turns. An operation is all frames. What
// the broker takes, which runs in this process too and shares the processors, is in the recorder's time.
func BenchmarkRecord(b *testing.B) {
	for _, c := range []struct{ size, frames int }{{60_000, 70 * 90}, {200_000, 21 * 90}} { // whole parts, so that the last one is not waited for
		b.Run(fmt.Sprintf("%dKB", c.size/1000), func(b *testing.B) {
			g := newRig(b)
			g.size = c.size
			g.provision(nil)
			g.preload(c.frames)
			for range 3 { // in turns, as the disk has its moods
				b.Run("recorder", func(b *testing.B) { g.benchRecorder(b, c.frames) })
				b.Run("write-and-sync", func(b *testing.B) { benchPlain(b, c.size, c.frames) })
			}
			b.Run("process", func(b *testing.B) { g.benchProcess(b, c.frames) })
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
	b.SetBytes(int64(g.size * frames))
	for b.Loop() {
		b.StopTimer()
		if err := g.js.DeleteConsumer(b.Context(), g.camera.StreamName(), "rec"); err != nil && !errors.Is(err, jetstream.ErrConsumerNotFound) {
			b.Fatal(err)
		}
		inner := &rig{t: b, url: g.url}
		dir := b.TempDir()
		b.StartTimer()
		r := inner.record(recorder.Config{Dir: dir, Segment: recorder.DefaultSegment}, nil)
		g.awaitAck(b, frames)
		b.StopTimer()
		r.end()
		if err := os.RemoveAll(dir); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
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
	path := filepath.Join(b.TempDir(), "plain")
	b.SetBytes(int64(size * frames))
	for b.Loop() {
		f, err := os.Create(path)
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
}

// benchProcess is what a recorder alone, without the broker, takes of a processor for a frame.
func (g *rig) benchProcess(b *testing.B, frames int) {
	b.SetBytes(int64(g.size * frames))
	var cpu time.Duration
	total := 0
	for b.Loop() {
		if err := g.js.DeleteConsumer(b.Context(), g.camera.StreamName(), "rec"); err != nil {
			b.Fatal(err)
		}
		inner := &rig{t: b, url: g.url}
		p := inner.launch(b.TempDir())
		g.awaitAck(b, frames)
		p.kill()
		cpu += p.cmd.ProcessState.UserTime() + p.cmd.ProcessState.SystemTime()
		total += frames
	}
	b.ReportMetric(float64(cpu.Microseconds())/float64(total), "cpu-µs/frame")
}
