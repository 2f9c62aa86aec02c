package recorder_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/recorder"
	"github.com/lensbus/lensbus/test/ledger"
	"github.com/lensbus/lensbus/test/numbers"
)

// forge stores a frame of the camera's own epoch that is so many numbers ahead of it.
func (g *rig) forge(ahead uint64) {
	g.t.Helper()
	f := g.shoot()
	g.f.Seq--
	f.Seq += ahead - 1
	g.ledger.Published(&f)
	if _, err := g.js.PublishMsg(soon(g.t), &nats.Msg{Subject: g.camera.FrameSubject(), Header: f.Header(true), Data: f.Data}); err != nil {
		g.t.Fatal(err)
	}
}

// overlapping is check where a forged number makes segments overlap by their numbers.
func (g *rig) overlapping(dir string) ledger.Report {
	g.t.Helper()
	report, err := g.ledger.Check(dir, g.camera)
	if err != nil {
		g.t.Fatal(err)
	}
	for _, fault := range report.Faults {
		if !strings.HasSuffix(fault, "overlap") {
			g.t.Error(fault)
		}
	}
	return report
}

// replayed is the numbers that a replay of all gives.
func (g *rig) replayed() map[uint64]int {
	g.t.Helper()
	asker := g.asker()
	var replay *bus.Replay
	eventually(g.t, "the recordings are served", func() bool {
		var err error
		replay, err = asker.Replay(soon(g.t), g.camera, bus.ReplayOptions{})
		return err == nil
	})
	defer replay.Close()
	times := make(map[uint64]int)
	for {
		f, err := replay.Next(soon(g.t))
		if errors.Is(err, io.EOF) {
			return times
		}
		if err != nil {
			g.t.Fatal(err)
		}
		times[f.Seq]++
	}
}

// One forged frame with a number that the camera comes to later: those before it are recorded all the same,
// also by a recorder that has only its files to go by.
func TestRecordForgedNumberAhead(t *testing.T) {
	t.Parallel()
	for _, ahead := range []uint64{50, 400, 9999} {
		for _, restart := range []bool{false, true} {
			t.Run(fmt.Sprint(ahead, restart), func(t *testing.T) {
				t.Parallel()
				g := newRig(t)
				g.provision(nil)
				dir := t.TempDir()
				r := g.record(recorder.Config{Dir: dir}, nil)
				g.publish(10)
				g.inFiles(dir)
				g.forge(ahead)
				g.acknowledged(11)
				if restart {
					r.end()
					r = g.record(recorder.Config{Dir: dir}, nil)
				}
				g.publish(30)
				g.inFiles(dir)
				g.acknowledged(41)
				n := numbers.Of(t, r.metrics)
				if n["lensbus_recorder_duplicates_total{front}"] != 0 || n["lensbus_recorder_quarantined_total{front,header}"] != 0 {
					t.Errorf("frames are left out: %v", n)
				}
				times := g.replayed()
				for seq := uint64(1); seq <= 40; seq++ {
					if times[seq] != 1 {
						t.Errorf("frame %d is replayed %d times", seq, times[seq])
					}
				}
				r.end()
				if report := g.overlapping(dir); report.Recorded != 41 || report.Unconfirmed != 1 {
					t.Errorf("%+v", report)
				}
				// Once more, with everything in the stream coming again.
				if err := g.js.DeleteConsumer(soon(t), g.camera.StreamName(), bus.DefaultDurable); err != nil {
					t.Fatal(err)
				}
				r = g.record(recorder.Config{Dir: dir}, nil)
				g.publish(1)
				g.inFiles(dir)
				r.end()
				if report := g.overlapping(dir); report.Recorded != 42 {
					t.Errorf("%+v", report)
				}
			})
		}
	}
}
