package recorder_test

import (
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/recorder"
	"github.com/lensbus/lensbus/test/numbers"
)

// A recorder that is killed at any moment: every frame that the broker has confirmed is in the files
// once, in order, byte for byte. The long round, with the broker killed too, is in test/nemesis.
func TestRecordKilled(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	g.size = 30_000
	g.provision(nil)
	dir := filepath.Join(t.TempDir(), "recordings")
	ctx, cancel := context.WithCancel(t.Context())
	var publishing sync.WaitGroup
	publishing.Go(func() { g.stream(ctx, 60) })
	stop := func() { cancel(); publishing.Wait() }
	defer stop()
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	t.Logf("seed %d", seed)
	for range 6 {
		p := g.launch(dir)
		before := 0
		if report, err := g.ledger.Check(dir, g.camera); err == nil {
			before = report.Recorded
		}
		eventually(t, "it records", func() bool {
			report, err := g.ledger.Check(dir, g.camera)
			return err == nil && report.Recorded > before
		})
		// Now, or up to two parts later.
		timer := time.NewTimer(time.Duration(random.Int64N(int64(200 * time.Millisecond))))
		<-timer.C
		p.kill()
		report, err := g.ledger.Check(dir, g.camera)
		if err != nil {
			t.Fatal(err)
		}
		for _, fault := range report.Faults {
			if !strings.Contains(fault, "is not there") && !strings.Contains(fault, "is damaged at") { // not recorded yet, and torn
				t.Error(fault)
			}
		}
	}
	stop()
	p := g.launch(dir)
	g.inFiles(dir)
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	<-p.exited // it has no handler: one more kill
	r := g.record(recorder.Config{Dir: dir}, nil)
	eventually(t, "what was left open is closed", func() bool { _, open := files(t, dir); return len(open) == 0 })
	r.end()
	report := g.check(dir)
	t.Logf("%+v", report)
	if report.Recorded < 50 {
		t.Errorf("only %d frames: this test shows nothing", report.Recorded)
	}
}

// Stopped for longer than AckWait, so that the broker delivers again: one copy in the files.
func TestRecordStopped(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	g.provision(nil)
	dir := t.TempDir()
	// The consumer is made here with a short AckWait, and found by the process.
	r := g.record(recorder.Config{Dir: dir}, func(d *recorder.Deps) { d.AckWait = 200 * time.Millisecond })
	g.publish(1)
	g.inFiles(dir)
	r.end()
	p := g.launch(dir)
	g.publish(20)
	g.inFiles(dir)
	for range 3 {
		g.publish(10) // some of which are not acknowledged yet
		if err := p.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		g.publish(30)
		delivered := g.consumer().Delivered.Consumer
		timer := time.NewTimer(400 * time.Millisecond)
		<-timer.C
		if err := p.cmd.Process.Signal(syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
		g.inFiles(dir)
		t.Logf("delivered before %d, after %d", delivered, g.consumer().Delivered.Consumer)
	}
	eventually(t, "everything is acknowledged", func() bool { return g.consumer().NumAckPending == 0 })
	p.kill()
	r = g.record(recorder.Config{Dir: dir}, nil)
	eventually(t, "what was left open is closed", func() bool { _, open := files(t, dir); return len(open) == 0 })
	r.end()
	if report := g.check(dir); report.Recorded != 1+20+3*40 {
		t.Errorf("%+v", report)
	}
}

// The broker killed and started again, and its store put back to an older copy: the consumer is ahead
// of the stream then.
func TestRecordBrokerRestored(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	g.provision(nil)
	recordRestored(t, g)
}

// With users the recorder may not make its consumer anew; nothing is lost by that.
func TestRecordGuardedBrokerRestored(t *testing.T) {
	t.Parallel()
	recordRestored(t, newGuardedRig(t))
}

func recordRestored(t *testing.T, g *rig) {
	t.Helper()
	dir, backup := t.TempDir(), t.TempDir()
	r := g.record(recorder.Config{Dir: dir, Cameras: []frame.CameraID{g.camera}}, nil)
	g.publish(20)
	g.inFiles(dir)
	g.acknowledged(20)
	_, address, _ := strings.Cut(g.url, "://")
	messages := filepath.Join(g.store, "jetstream", "$G", "streams", g.camera.StreamName(), "msgs")
	restart := func(between func()) {
		if err := g.server.Close(); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the publisher has noticed", func() bool { return !g.nc.IsConnected() })
		between()
		g.startBroker(address)
		eventually(t, "the broker is back", g.nc.IsConnected)
	}
	move := func(to, from string) {
		if err := os.RemoveAll(to); err != nil {
			t.Fatal(err)
		}
		if err := os.CopyFS(to, os.DirFS(from)); err != nil {
			t.Fatal(err)
		}
	}
	restart(func() { move(filepath.Join(backup, "msgs"), messages) })
	g.publish(30)
	g.inFiles(dir)
	g.acknowledged(50)
	restart(func() { move(messages, filepath.Join(backup, "msgs")) })
	g.publish(10) // as numbers 21 to 30
	g.inFiles(dir)
	r.end()
	if report := g.check(dir); report.Recorded != 60 {
		t.Errorf("%+v", report)
	}
}

// Two recorders: not in one folder; in two, with a consumer each, both have everything.
func TestTwoRecorders(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	g.provision(nil)
	one, two := t.TempDir(), t.TempDir()
	first := g.record(recorder.Config{Dir: one}, nil)
	g.publish(10)
	g.inFiles(one)
	refused := g.record(recorder.Config{Dir: one}, nil)
	err := <-refused.done
	refused.done <- nil
	if err == nil || !strings.Contains(err.Error(), "another recorder runs on it") {
		t.Errorf("the second recorder on a folder ends with %v", err)
	}
	second := g.record(recorder.Config{Dir: two, Durable: "rec2"}, nil)
	g.publish(40)
	g.inFiles(one)
	g.inFiles(two)
	first.end()
	second.end()
	for _, dir := range []string{one, two} {
		if report := g.check(dir); report.Recorded != 50 {
			t.Errorf("%+v", report)
		}
	}
}

// Cameras are recorded as soon as the broker keeps them, and those of another name are no folders.
func TestRecordFindsCameras(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	dir := t.TempDir()
	reload := make(chan recorder.Config)
	r := g.record(recorder.Config{Dir: dir}, func(d *recorder.Deps) { d.Reload = reload })
	g.provision(nil)
	g.publish(5)
	g.inFiles(dir)
	// Not any more.
	reload <- quick(recorder.Config{Dir: dir, Cameras: []frame.CameraID{"yard"}})
	eventually(t, "the camera is not recorded any more", func() bool {
		n := numbers.Of(t, r.metrics)
		_, front := n["lensbus_recorder_state{front,recording}"]
		return !front && n["lensbus_recorder_state{yard,waiting}"] == 1
	})
	g.publish(5)
	reload <- quick(recorder.Config{Dir: dir, Cameras: []frame.CameraID{"yard", "front"}})
	g.inFiles(dir)
	bad := quick(recorder.Config{Dir: dir, Cameras: []frame.CameraID{"../front"}})
	reload <- bad
	eventually(t, "the wrong configuration is refused", func() bool { return r.log.says("is refused") })
	r.end()
	if report := g.check(dir); report.Recorded != 10 {
		t.Errorf("%+v", report)
	}
}

// The broker is away while a part is written, so that nobody takes its acknowledgement: later parts are
// written in time all the same.
func TestRecordAcknowledgesLater(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	g.provision(nil)
	dir := t.TempDir()
	r := g.record(recorder.Config{Dir: dir, Part: time.Second, Segment: time.Hour}, nil)
	g.publish(5)
	g.inFiles(dir)
	g.publish(5)
	eventually(t, "they wait in the recorder", func() bool { return g.consumer().NumAckPending > 0 })
	address := strings.TrimPrefix(g.url, "nats://")
	if err := g.server.Close(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "they are in the files", func() bool {
		report, err := g.ledger.Check(dir, g.camera)
		return err == nil && report.Recorded == 10
	})
	g.startBroker(address)
	eventually(t, "the broker is back", g.nc.IsConnected)
	began := time.Now()
	g.publish(5)
	g.inFiles(dir)
	if took := time.Since(began); took > 8*time.Second { // else with the segment, which is closed after 15 s
		t.Errorf("they were written after %v", took)
	}
	g.acknowledged(15)
	r.end()
	g.check(dir)
}
