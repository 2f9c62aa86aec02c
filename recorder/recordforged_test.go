package recorder_test

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/recorder"
	"github.com/lensbus/lensbus/recorder/segment"
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
				g, dir, r := recorded(t, 10)
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

// noted are the gaps that are noted in a folder's closed segments.
func noted(t *testing.T, dir string) (gaps []frame.Gap) {
	t.Helper()
	whole, _ := files(t, dir)
	slices.Sort(whole)
	folder, err := segment.OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	for _, path := range whole {
		reader, err := folder.Open(filepath.ToSlash(path))
		if err != nil {
			t.Fatal(err)
		}
		gaps = append(gaps, reader.Info().Gaps...)
		_ = reader.Close()
	}
	return gaps
}

// Around frames with numbers ahead some are missing: the reason is what became of them, and not that a forged one
// was stored meanwhile.
func TestRecordGapAfterForgedNumbers(t *testing.T) {
	t.Parallel()
	for _, forged := range []int{1, 3} {
		t.Run(fmt.Sprint(forged), func(t *testing.T) {
			t.Parallel()
			g, dir, r := recorded(t, 10)
			for n := range forged {
				g.forge(uint64(400 + n))
			}
			g.acknowledged(uint64(10 + forged))
			g.f.Seq += 5 // which the broker did not store
			g.publish(5)
			g.inFiles(dir)
			r.end()
			after := 0
			for _, gap := range noted(t, dir) {
				if gap.Reason == frame.GapOverrun {
					t.Errorf("nothing was dropped: %+v", gap)
				}
				if gap.Missing == 5 && gap.Reason == frame.GapUnstored {
					after++
				}
			}
			if after != 1 {
				t.Errorf("what was not stored is told %d times: %+v", after, noted(t, dir))
			}
		})
	}
}

// What the stream has dropped before a message that is no frame is overrun, whatever was put aside.
func TestRecordGapOverrunBeforeWhatIsNoFrame(t *testing.T) {
	t.Parallel()
	g, dir, r := recorded(t, 10)
	g.acknowledged(10)
	r.end()
	g.publish(10)
	if _, err := g.js.Publish(soon(t), g.camera.FrameSubject(), []byte("no frame")); err != nil {
		t.Fatal(err)
	}
	g.provision(func(cfg *jetstream.StreamConfig) { cfg.MaxMsgs = 1 })
	g.provision(nil)
	r = g.record(recorder.Config{Dir: dir}, nil)
	g.publish(5)
	g.acknowledged(26)
	r.end()
	if gaps := noted(t, dir); len(gaps) != 1 || gaps[0].Reason != frame.GapOverrun || gaps[0].Missing != 10 {
		t.Errorf("%+v", gaps)
	}
}
