package recorder_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/lensbus/lensbus/broker"
	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/recorder"
)

// benchBytes are as many as a turn has, and benchPart as many as are synced together, by a recorder that
// is behind and so by everybody else.
const (
	benchBytes = 600 << 20
	benchPart  = 4 << 20
)

// BenchmarkRecord is how fast a recorder that is behind fetches and writes, next to others with the same
// bytes, on the same disk, in turns. An operation is one turn of all:
//
//	record      the recorder
//	plain       one goroutine writes to a file and syncs it; it needs neither a broker nor a second core
//	pull        a bare consumer of nats.go fetches, and throws away
//	pull+write  the same, and another goroutine writes what it has fetched, syncs it, acknowledges it
//
// So pull+write is what a broker, a connection and a disk allow, and the rest is the recorder's own.
// Broker, recorder and the bare consumers are processes; their start is not in the time. cpu is the
// processor time of each, in microseconds a frame.
func BenchmarkRecord(b *testing.B) {
	for _, size := range []int{60_000, 200_000} {
		b.Run(fmt.Sprintf("%dKB", size/1000), func(b *testing.B) {
			r := newRace(b, size)
			var rate, cpu, broker [4]float64
			turns := 0.0
			for ; b.Loop(); turns++ {
				rate[3] += r.plain()
				for i, role := range []string{roleRecord, rolePull, rolePullWrite} {
					mb, own, brokers := r.run(role)
					rate[i] += mb
					cpu[i] += own
					broker[i] += brokers
				}
			}
			for i, name := range []string{"record", "pull", "pull+write", "plain"} {
				b.ReportMetric(rate[i]/turns, name+"-MB/s")
				if cpu[i] > 0 {
					b.ReportMetric(cpu[i]/turns, name+"-cpu")
					b.ReportMetric(broker[i]/turns, name+"-broker-cpu")
				}
			}
			b.ReportMetric(100*rate[0]/rate[3], "%-of-plain")
			b.ReportMetric(100*rate[0]/rate[2], "%-of-pull+write")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// What this test's program is when it is started again, by variableRole.
const (
	variableRole  = "LENSBUS_TEST_RECORD_ROLE"
	roleBroker    = "broker"
	roleRecord    = "record"
	rolePull      = "pull"
	rolePullWrite = "pull+write"
)

func benchRole(role, dir, server string) error {
	ctx := context.Background()
	debug.SetGCPercent(400) // as the program has it for processes of this size
	switch role {
	case roleBroker:
		s, err := broker.Start(ctx, broker.Config{Listen: "127.0.0.1:0", Store: dir}, slog.New(slog.DiscardHandler))
		if err != nil {
			return err
		}
		fmt.Println(s.URL())
		select {}
	case roleRecord:
		conn, err := bus.Connect(ctx, bus.Options{Server: server})
		if err != nil {
			return err
		}
		return recorder.Run(ctx, recorder.Config{Dir: dir, MinFree: 1, CatchUp: 1 << 40}, recorder.Deps{Bus: conn})
	default:
		return pull(ctx, server, dir, role == rolePullWrite)
	}
}

// pull fetches with what nats.go has, as much at a time as a recorder does.
func pull(ctx context.Context, server, dir string, write bool) error {
	nc, err := nats.Connect(server)
	if err != nil {
		return err
	}
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
	c, err := js.CreateConsumer(ctx, frame.CameraID("front").StreamName(), jetstream.ConsumerConfig{
		Durable: bus.DefaultDurable, AckPolicy: jetstream.AckAllPolicy, MaxAckPending: bus.DefaultMaxAckPending,
	})
	if err != nil {
		return err
	}
	file, err := os.Create(filepath.Join(dir, "bare"))
	if err != nil {
		return err
	}
	all, err := c.Messages(jetstream.PullMaxBytes(bus.DefaultPullBytes))
	if err != nil {
		return err
	}
	parts, failed := make(chan []jetstream.Msg, 1), make(chan error, 1)
	go func() {
		for part := range parts {
			for _, m := range part {
				if !write {
					break
				}
				if _, err := file.Write(m.Data()); err != nil {
					failed <- err
				}
			}
			if write {
				if err := file.Sync(); err != nil {
					failed <- err
				}
			}
			if err := part[len(part)-1].Ack(); err != nil {
				failed <- err
			}
		}
	}()
	var part []jetstream.Msg
	for bytes := 0; ; {
		m, err := all.Next()
		if err != nil {
			return err
		}
		meta, err := m.Metadata()
		if err != nil {
			return err
		}
		part = append(part, m)
		if bytes += len(m.Data()); bytes < benchPart && meta.NumPending > 0 {
			continue
		}
		select {
		case parts <- part:
		case err := <-failed:
			return err
		}
		part, bytes = nil, 0
	}
}

// race is a broker with a stream of frames, for those who fetch them.
type race struct {
	*rig
	b      *testing.B
	frames int
	broker int // its process
}

func newRace(b *testing.B, size int) *race {
	r := &race{b: b, frames: benchBytes / size, rig: &rig{t: b, camera: "front", size: size}}
	cmd := r.start(roleBroker, b.TempDir())
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	r.broker, r.url = cmd.Process.Pid, strings.TrimSpace(line)
	r.connect()
	r.newEpoch()
	r.provision(func(c *jetstream.StreamConfig) { c.MaxBytes = 4 * benchBytes })
	for range r.frames {
		f := r.shoot()
		if _, err := r.js.PublishMsgAsync(&nats.Msg{Subject: r.camera.FrameSubject(), Header: f.Header(true), Data: f.Data}); err != nil {
			b.Fatal(err)
		}
		if r.js.PublishAsyncPending() > 16 {
			<-r.js.PublishAsyncComplete()
		}
	}
	<-r.js.PublishAsyncComplete()
	return r
}

func (r *race) start(role, dir string) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), variableRole+"="+role, variableDir+"="+dir, variableServer+"="+r.url)
	cmd.Stderr = os.Stderr
	return cmd
}

// run has everything fetched by a process of that role, and returns MB/s and the processor time of it and
// of the broker a frame, all without the first eighth, which the start is in, and the last sixteenth: a
// recorder that is not behind any more waits with the last part until its time has come, a second.
func (r *race) run(role string) (rate, own, brokers float64) {
	if err := r.js.DeleteConsumer(r.b.Context(), r.camera.StreamName(), bus.DefaultDurable); err != nil && !errors.Is(err, jetstream.ErrConsumerNotFound) {
		r.b.Fatal(err)
	}
	dir := r.b.TempDir()
	cmd := r.start(role, dir)
	if err := cmd.Start(); err != nil {
		r.b.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed
		if err := os.RemoveAll(dir); err != nil {
			r.b.Fatal(err)
		}
	}()
	first := r.acknowledged(r.frames / 8)
	began, own0, broker0 := time.Now(), processor(cmd.Process.Pid), processor(r.broker)
	frames := float64(r.acknowledged(r.frames*15/16) - first)
	took := time.Since(began)
	own, brokers = processor(cmd.Process.Pid)-own0, processor(r.broker)-broker0
	return frames * float64(r.size) / 1e6 / took.Seconds(), own / frames, brokers / frames
}

// acknowledged waits until so many are, and returns how many.
func (r *race) acknowledged(frames int) int {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(4 * patience); ; <-tick.C {
		c, err := r.js.Consumer(r.b.Context(), r.camera.StreamName(), bus.DefaultDurable)
		if err == nil {
			if n := int(c.CachedInfo().AckFloor.Stream); n >= frames {
				return n
			}
		}
		if time.Now().After(deadline) {
			r.b.Fatal("not recorded in time")
		}
	}
}

// plain writes as many bytes, and syncs as often, and returns MB/s.
func (r *race) plain() float64 {
	data := r.shoot().Data
	path := filepath.Join(r.b.TempDir(), "plain")
	f, err := os.Create(path)
	if err != nil {
		r.b.Fatal(err)
	}
	began, pending, frames := time.Now(), 0, r.frames*13/16
	for n := range frames {
		if _, err := f.Write(data); err != nil {
			r.b.Fatal(err)
		}
		if pending += len(data); pending >= benchPart || n == frames-1 {
			if err := f.Sync(); err != nil {
				r.b.Fatal(err)
			}
			pending = 0
		}
	}
	took := time.Since(began)
	if err := errors.Join(f.Close(), os.Remove(path)); err != nil {
		r.b.Fatal(err)
	}
	return float64(frames*len(data)) / 1e6 / took.Seconds()
}

// processor is how many microseconds a process has had of a processor; 0 where nobody says.
func processor(pid int) float64 {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	user, err1 := strconv.Atoi(fields[11])
	system, err2 := strconv.Atoi(fields[12])
	if err1 != nil || err2 != nil {
		return 0
	}
	return float64(user+system) * 1e6 / 100 // USER_HZ is 100 everywhere
}
