package nemesis

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
)

// BenchmarkLiveBesideRecording is what watching costs where cameras are recorded: eight of 1920x1080 at
// 15 frames a second, each with one live viewer, all on one machine. The recorder is away, comes and
// catches up, records, is away again, and catches up as fast as it can; how old pictures are when they
// arrive is measured in each of these times. It takes about a minute whatever the benchtime.
//
// Units: off- is without the recorder, on- with it, catchup- while it writes what it had missed, hurry-
// while it does that with no limit to catch_up. catchup-MB/s and hurry-MB/s are what comes included.
// cpu-µs/frame is the recorder's own, plain-MB/s is a write and an fsync of the same bytes in parts of
// one second.
func BenchmarkLiveBesideRecording(b *testing.B) {
	const phase = 8 * time.Second
	s := newSystem(b, setup{cameras: 8, fps: 15, fullHD: 8, buffer: "512MiB"})
	s.broker.start()
	s.publisher.start()
	s.storedAtLeast(1)
	w := s.viewers()
	for b.Loop() {
		off := w.during(phase)

		catchup, caught, took := s.catchUp(w)

		frames, cpu := s.recordedNow(), s.recorder.cpu()
		on := w.during(phase)
		frames, cpu = s.recordedNow()-frames, s.recorder.cpu()-cpu
		if code := s.recorder.end(); code != 0 {
			b.Errorf("the recorder ended with code %d", code)
		}
		off = append(off, w.during(phase)...)

		back := s.inConfig("recorder:\n", "recorder:\n  catch_up: 64GiB\n")
		hurry, hurried, hurryTook := s.catchUp(w)
		if code := s.recorder.end(); code != 0 {
			b.Errorf("the recorder ended with code %d", code)
		}
		back()

		size := s.pictureBytes()
		for _, m := range []struct {
			what string
			ages []time.Duration
		}{{"off", off}, {"on", on}, {"catchup", catchup}, {"hurry", hurry}} {
			b.ReportMetric(percentile(m.ages, 50), m.what+"-p50-ms")
			b.ReportMetric(percentile(m.ages, 99), m.what+"-p99-ms")
		}
		b.ReportMetric(float64(cpu.Microseconds())/float64(frames), "cpu-µs/frame")
		b.ReportMetric(float64(frames*size)/1e6/phase.Seconds(), "on-MB/s")
		b.ReportMetric(float64(caught*size)/1e6/took.Seconds(), "catchup-MB/s")
		b.ReportMetric(float64(hurried*size)/1e6/hurryTook.Seconds(), "hurry-MB/s")
		b.ReportMetric(plain(b, s.dir, size, int(frames)), "plain-MB/s")
		b.ReportMetric(0, "ns/op")
		if frames == 0 || len(on) < len(off)/4 {
			b.Errorf("%d frames recorded, %d pictures seen with the recorder and %d without", frames, len(on), len(off))
		}
	}
}

// catchUp starts the recorder, and returns how old pictures were until it had caught up, how many frames it
// has recorded by then, and how long that took.
func (s *system) catchUp(w *watching) (ages []time.Duration, frames int64, took time.Duration) {
	s.t.Helper()
	begun, before := time.Now(), s.recordedNow()
	s.recorder.start()
	until := w.from()
	s.allRecorded()
	took = time.Since(begun)
	return until(), s.recordedNow() - before, took
}

// inConfig gives who is started next a configuration file with another text in it, until the function that
// it returns is called.
func (s *system) inConfig(text, instead string) (back func()) {
	s.t.Helper()
	before, path := s.config, s.config+".other.yaml"
	content, err := os.ReadFile(before)
	if err == nil {
		err = os.WriteFile(path, []byte(strings.Replace(string(content), text, instead, 1)), 0o600)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	s.config = path
	return func() { s.config = before }
}

// recordedNow is how many messages of all streams are recorded.
func (s *system) recordedNow() (sum int64) {
	s.t.Helper()
	for _, id := range s.cameras.IDs {
		eventually(s.t, "it can be asked how far the recorder is", func() bool {
			n, ok := s.safe(id)
			if ok {
				sum += int64(n)
			}
			return ok
		})
	}
	return sum
}

// pictureBytes is how large a picture is on the average.
func (s *system) pictureBytes() int64 {
	s.t.Helper()
	var sum int64
	for i := range s.cameras.FullHD {
		data, err := fullHD(i)
		if err != nil {
			s.t.Fatal(err)
		}
		sum += int64(len(data))
	}
	return sum / int64(s.cameras.FullHD)
}

// cpu is how much processor time the process has used.
func (d *daemon) cpu() time.Duration {
	d.t.Helper()
	text, err := os.ReadFile("/proc/" + strconv.Itoa(d.process.cmd.Process.Pid) + "/stat")
	if err != nil {
		d.t.Skipf("SKIPPED: processor time is read from Linux's /proc: %v", err)
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	user, err1 := strconv.Atoi(fields[11])
	system, err2 := strconv.Atoi(fields[12])
	if err1 != nil || err2 != nil {
		d.t.Fatalf("%v, %v in %q", err1, err2, text)
	}
	return time.Duration(user+system) * time.Second / 100 // USER_HZ is 100 everywhere
}

// watching are one viewer a camera.
type watching struct {
	mu   sync.Mutex
	ages []time.Duration // since the picture was taken, of what has arrived in this phase
}

// viewers begins to watch all cameras, until the end of the test.
func (s *system) viewers() *watching {
	s.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	conn, err := bus.Connect(ctx, bus.Options{Server: s.cameras.Server})
	if err != nil {
		s.t.Fatal(err)
	}
	w := new(watching)
	var running sync.WaitGroup
	s.t.Cleanup(func() {
		cancel()
		running.Wait()
		if err := conn.Close(); err != nil {
			s.t.Error(err)
		}
	})
	for _, id := range s.cameras.IDs {
		live, err := conn.Live(id)
		if err != nil {
			s.t.Fatal(err)
		}
		running.Go(func() { w.watch(ctx, live) })
	}
	eventually(s.t, "pictures arrive", func() bool { return w.count() > 10*len(s.cameras.IDs) })
	return w
}

func (w *watching) watch(ctx context.Context, live *bus.Live) {
	for {
		f, err := live.Next(ctx)
		if err != nil {
			return
		}
		w.note(f)
	}
}

func (w *watching) note(f frame.Frame) {
	age := time.Since(f.Captured)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ages = append(w.ages, age)
}

func (w *watching) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.ages)
}

// from begins a phase and returns what ends it.
func (w *watching) from() (ages func() []time.Duration) {
	take := func() []time.Duration {
		w.mu.Lock()
		defer w.mu.Unlock()
		all := w.ages
		w.ages = nil
		return all
	}
	take()
	return take
}

func (w *watching) during(phase time.Duration) []time.Duration {
	ages := w.from()
	wait(phase)
	return ages()
}

// percentile is in milliseconds.
func percentile(all []time.Duration, p int) float64 {
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return float64(all[(len(all)-1)*p/100].Microseconds()) / 1000
}

// plain writes as many bytes as so many frames have to files of the same folder, with an fsync for every
// fifteen of them, and returns MB/s.
func plain(b *testing.B, dir string, size int64, frames int) float64 {
	b.Helper()
	data, err := fullHD(0)
	if err != nil {
		b.Fatal(err)
	}
	file, err := os.Create(filepath.Join(dir, "plain"))
	if err != nil {
		b.Fatal(err)
	}
	defer func() {
		if err := file.Close(); err != nil {
			b.Error(err)
		}
		if err := os.Remove(file.Name()); err != nil {
			b.Error(err)
		}
	}()
	data = data[:min(int64(len(data)), size)]
	began := time.Now()
	for i := range frames {
		_, err := file.Write(data)
		if err == nil && i%15 == 14 {
			err = file.Sync()
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	return float64(frames*len(data)) / 1e6 / time.Since(began).Seconds()
}
