package bus_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/lensbus/lensbus/broker"
	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
)

// capturedAt is when frame n of recorded was captured.
func capturedAt(n uint64) time.Time { return time.Unix(1_700_000_000, int64(n)*1e6) }

// keeper is a made-up recorder of camera front that has a frame each millisecond, from one to another.
func keeper(t *testing.T, url string, from, to uint64) (stop func()) {
	t.Helper()
	conn := connect(t, bus.Options{Server: url})
	first, last := capturedAt(from), capturedAt(to)
	frames := func(r frame.ReplayRequest) (all []uint64) {
		for n := from; n <= to; n++ {
			if at := capturedAt(n); !at.Before(r.From) && (r.To.IsZero() || at.Before(r.To)) {
				all = append(all, n)
			}
		}
		return all
	}
	none := &bus.RecorderError{Code: 404, Text: "nothing is recorded then"}
	stop, err := conn.ServeRecorder(t.Context(), bus.RecorderService{Camera: "front", Version: "0.0.0", Verbs: bus.RecorderVerbs{
		Ranges: func(_ context.Context, r frame.RangesRequest) (frame.Ranges, error) {
			answer := frame.Ranges{Camera: "front", First: first, Last: last}
			if (r.From.IsZero() || r.From.Before(last)) && (r.To.IsZero() || r.To.After(first)) {
				answer.Spans = []frame.Span{{From: first, To: last, Frames: to - from + 1, Width: 64, Height: 48, Kept: frame.KeptFile}}
			}
			return answer, nil
		},
		Replay: func(ctx context.Context, r frame.ReplayRequest, job *bus.Job) error {
			all := frames(r)
			if len(all) == 0 {
				return none
			}
			if err := job.Begin(uint64(len(all)), 1); err != nil {
				return err
			}
			for _, n := range all {
				f := recorded(t, n)
				if err := job.Frame(ctx, &f); err != nil {
					return err
				}
			}
			return nil
		},
		Export: func(ctx context.Context, r frame.ExportRequest, job *bus.Job) error {
			all := frames(frame.ReplayRequest{From: r.From, To: r.To})
			if len(all) == 0 {
				return none
			}
			if err := job.Begin(uint64(len(all)), 1); err != nil {
				return err
			}
			job.Exported(uint64(len(all)))
			return job.Data(ctx, []byte("file"), time.Time{})
		},
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	if err := conn.NATS().Flush(); err != nil { // the server knows of it
		t.Fatal(err)
	}
	return stop
}

// Of two recorders one began later: whoever asks sees what both have, each time, and gets what only one has.
func TestTwoRecordersOfOneCamera(t *testing.T) {
	server := startBroker(t, broker.Config{})
	const all, later = 10_000, 6000 // frames, of a millisecond
	stopOld := keeper(t, server.URL(), 1, all)
	keeper(t, server.URL(), later, all)
	asker := connect(t, bus.Options{Server: server.URL()})
	if err := asker.WaitConnected(context20(t)); err != nil {
		t.Fatal(err)
	}
	at := capturedAt
	// The second may be late for the first answer, on a machine that has stopped for a moment.
	eventually(t, func() bool {
		msg, err := asker.NATS().RequestWithContext(context20(t), "rec.front.ranges", nil)
		var one frame.Ranges
		return err == nil && json.Unmarshal(msg.Data, &one) == nil && one.Instance != "" && one.First.Equal(at(later))
	})
	eventually(t, func() bool {
		got, err := asker.Ranges(context20(t), "front", time.Time{}, time.Time{})
		return err == nil && got.Instance == "" && got.First.Equal(at(1))
	})
	// One that does not answer in time, because the machine has stopped for a moment, is left out of an answer. If
	// either were asked by chance, half would be wrong.
	const rounds = 10
	wrong := 0
	is := func(ok bool, format string, args ...any) {
		t.Helper()
		if !ok {
			t.Logf(format, args...)
			wrong++
		}
	}
	replayed := func(o bus.ReplayOptions, want uint64) {
		t.Helper()
		replay, err := asker.Replay(context20(t), "front", o)
		if err != nil {
			is(false, "from frame %d: %v", want, err)
			return
		}
		defer func() { _ = replay.Close() }()
		f, err := replay.Next(context20(t))
		is(err == nil && f.Seq == want, "from frame %d: frame %d, %v", want, f.Seq, err)
	}
	for range rounds {
		got, err := asker.Ranges(context20(t), "front", time.Time{}, time.Time{})
		is(err == nil && got.First.Equal(at(1)) && got.Spans[0].From.Equal(at(1)) && got.Last.Equal(at(all)), "%+v, %v", got, err)
		replayed(bus.ReplayOptions{From: at(100), To: at(103)}, 100)
		replayed(bus.ReplayOptions{From: at(200)}, 200)
		replayed(bus.ReplayOptions{}, 1)
		replayed(bus.ReplayOptions{From: at(later + 500), To: at(later + 503)}, later+500)
		result, err := asker.Export(context20(t), "front", bus.ExportOptions{From: at(1), To: at(all)}, io.Discard, nil)
		is(err == nil && result.Frames == all-1, "exported %d frames, %v", result.Frames, err)
	}
	if wrong > rounds {
		t.Errorf("%d of %d are wrong", wrong, 6*rounds)
	}

	// The older one goes: what is left is what the other has.
	stopOld()
	eventually(t, func() bool {
		got, err := asker.Ranges(context20(t), "front", time.Time{}, time.Time{})
		return err == nil && got.First.Equal(at(later))
	})
	refused := new(bus.RecorderError)
	if _, err := asker.Replay(context20(t), "front", bus.ReplayOptions{From: at(100), To: at(103)}); !errors.As(err, &refused) || refused.Code != 404 {
		t.Errorf("what only the other had: %v", err)
	}
}

// A recorder is asked for by a name that is part of a subject, and comes from outside.
func TestRecorderThatNamesItselfBadly(t *testing.T) {
	server := startBroker(t, broker.Config{})
	forger, asker := connect(t, bus.Options{Server: server.URL()}), connect(t, bus.Options{Server: server.URL()})
	for _, conn := range []*bus.Conn{forger, asker} {
		if err := conn.WaitConnected(context20(t)); err != nil {
			t.Fatal(err)
		}
	}
	sub, err := forger.NATS().SubscribeSync("rec.front.each")
	if err != nil {
		t.Fatal(err)
	}
	if err := forger.NATS().Flush(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"", "a.>", "*", "a b", "\r\nPUB x 0"} {
		answered, ctx := make(chan error, 1), context20(t)
		go func() {
			msg, err := sub.NextMsgWithContext(ctx)
			if err == nil {
				var data []byte
				if data, err = json.Marshal(frame.Ranges{Camera: "front", Instance: name}); err == nil {
					err = msg.Respond(data)
				}
			}
			answered <- err
		}()
		if got, err := asker.Ranges(context20(t), "front", time.Time{}, time.Time{}); err == nil {
			t.Errorf("%q is taken for a name: %+v", name, got)
		}
		if err := <-answered; err != nil {
			t.Fatal(err)
		}
	}
}
