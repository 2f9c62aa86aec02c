package bus_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/seal"
)

// told is what a recorder sends: a frame, or a gap.
type told struct {
	epoch string // of a frame
	seq   uint64
	at    int // seconds after noon
	to    *seal.Key
	gap   frame.Gap
}

// A recorder, or a broker in its place, sends sealed frames that are true each, and not what was asked for.
func TestReplayHoldsTheRecorderToItsWord(t *testing.T) {
	noon := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	key, stranger := sealKey(t), sealKey(t)
	sealers := make(map[seal.Key]*seal.Sealer)
	for _, to := range []seal.Key{key, stranger} {
		sealer, err := seal.NewSealer(sealKey(t), []seal.Public{to.Public()})
		if err != nil {
			t.Fatal(err)
		}
		sealers[to] = sealer
	}
	f := func(epoch string, seq uint64, at int) told { return told{epoch: epoch, seq: seq, at: at, to: &key} }
	other := func(epoch string, seq uint64, at int) told {
		return told{epoch: epoch, seq: seq, at: at, to: &stranger}
	}
	hole := func(missing uint64, reason frame.GapReason) told {
		return told{gap: frame.Gap{From: noon, To: noon, Missing: missing, Reason: reason}}
	}
	many := func(n int, one func(uint64) told) (all []told) {
		for i := range n {
			all = append(all, one(uint64(i+1)))
		}
		return all
	}
	const day = 24 * 60 * 60
	for name, c := range map[string]struct {
		sent    []told
		options bus.ReplayOptions
		want    string // frames, and the gaps before them and before the end
		sealed  bool   // that is how it ends
	}{
		"as it should be": {sent: []told{f("a", 1, 1), f("a", 2, 2), f("a", 3, 3)}, want: "a1 a2 a3"},
		"another day": {
			sent: []told{f("z", 1, 1-day), f("z", 2, 2-day), f("a", 1, 1), f("z", 3, 3-day), f("a", 2, 2), f("a", 3, 60), f("y", 3, day)},
			want: "(2 rejected) a1 (1 rejected) a2 (2 rejected)",
		},
		"only another day": {sent: []told{f("z", 1, 1-day), f("z", 2, 2-day)}, want: "(2 rejected)"},
		"no bounds": {
			sent: []told{f("a", 1, 1), f("a", 2, day)}, options: bus.ReplayOptions{From: time.Unix(0, 1)}, want: "a1 a2",
		},
		"twice and out of order": {
			sent: []told{f("a", 2, 2), f("a", 3, 3), f("a", 3, 3), f("a", 2, 2), f("a", 1, 1), f("a", 4, 4)}, want: "a2 a3 (3 rejected) a4",
		},
		"one for another": {sent: []told{f("a", 1, 1), f("a", 1, 1), f("a", 3, 3)}, want: "a1 (1 rejected) a3"},
		"left out": {
			sent: []told{f("a", 1, 1), f("a", 5, 5), hole(2, frame.GapUnstored), f("a", 9, 9), hole(0, frame.GapDamage), f("a", 20, 20),
				hole(0, frame.GapCamera), f("a", 22, 22), hole(7, frame.GapOverrun), f("a", 30, 30)},
			want: "a1 (3 unknown) a5 (2 unstored) (1 unknown) a9 (0 damage) a20 (0 camera) (1 unknown) a22 (7 overrun) a30",
		},
		"left out on purpose": {
			sent: []told{f("a", 1, 1), f("a", 5, 5), f("a", 5, 5), f("a", 9, 9)}, options: bus.ReplayOptions{Every: time.Second}, want: "a1 a5 (1 rejected) a9",
		},
		"a camera that begins anew": {
			sent: []told{f("a", 1, 1), hole(0, frame.GapCamera), f("b", 1, 2), f("c", 1, 3), f("a", 1, 1), f("a", 2, 2)},
			want: "a1 (0 camera) b1 (0 unknown) c1 (1 rejected) a2",
		},
		// An hour that is there twice, in order of time, as files are.
		"a clock put back": {
			sent: []told{f("a", 5, 1), f("a", 6, 2), f("a", 7, 4), f("a", 1, 3), f("a", 2, 4), f("a", 6, 2), f("a", 3, 5), f("a", 8, 6)},
			want: "a5 a6 a7 a1 a2 (1 rejected) a3 (4 unknown) a8",
		},
		"sealed to another now and then": {
			sent: []told{other("a", 1, 1), f("a", 2, 2), other("a", 3, 3), other("a", 4, 4), f("a", 5, 5), other("a", 6, 6)},
			want: "(1 sealed) a2 (2 sealed) a5 (1 sealed)",
		},
		"sealed to another for long": {
			sent: append(many(30, func(n uint64) told { return other("a", n, int(n)) }), f("a", 31, 31)), sealed: true,
		},
		"sealed to another for long, of no matter": {
			sent:    append(many(30, func(n uint64) told { return other("a", n, int(n)) }), f("a", 31, 31)),
			options: bus.ReplayOptions{PassSealed: true}, want: "(30 sealed) a31",
		},
		"sealed to another": {
			sent:    many(30, func(n uint64) told { return other("a", n, int(n)) }),
			options: bus.ReplayOptions{PassSealed: true}, sealed: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			plain, _, _ := recordings(t, bus.RecorderService{Verbs: bus.RecorderVerbs{
				Replay: func(ctx context.Context, _ frame.ReplayRequest, job *bus.Job) error {
					err := job.Begin(1, 1)
					for _, s := range c.sent {
						if err != nil {
							return err
						}
						if s.to == nil {
							err = job.Gap(s.gap)
							continue
						}
						f := recorded(t, s.seq)
						f.Epoch, f.Captured = s.epoch, noon.Add(time.Duration(s.at)*time.Second)
						if f, err = sealers[*s.to].Seal(f); err == nil {
							err = job.Frame(ctx, &f)
						}
					}
					return err
				},
			}})
			asker := connect(t, bus.Options{Server: plain.NATS().ConnectedUrl(), Opener: openWith(key)})
			if err := asker.WaitConnected(context20(t)); err != nil {
				t.Fatal(err)
			}
			o := c.options
			if o.From.IsZero() {
				o.From, o.To = noon.Add(time.Second), noon.Add(time.Minute)
			}
			replay, err := asker.Replay(context20(t), "front", o)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = replay.Close() }()
			var got []string
			for err == nil {
				var f frame.Frame
				f, err = replay.Next(context20(t))
				for _, gap := range replay.Gaps() {
					if gap.To.Before(gap.From) {
						t.Errorf("gap %+v", gap)
					}
					got = append(got, fmt.Sprintf("(%d %s)", gap.Missing, gap.Reason))
				}
				if err == nil {
					got = append(got, fmt.Sprintf("%s%d", f.Epoch, f.Seq))
				}
			}
			rejected := new(frame.RejectError)
			switch {
			case c.sealed && (!errors.As(err, &rejected) || rejected.Reason != frame.ReasonSealed):
				t.Errorf("it ends with %v", err)
			case !c.sealed && (!errors.Is(err, io.EOF) || fmt.Sprint(got) != "["+c.want+"]"):
				t.Errorf("%v, %v, want %s", got, err, c.want)
			case c.sealed && slices.Contains(got, "a31"):
				t.Errorf("%v", got)
			}
		})
	}
}
