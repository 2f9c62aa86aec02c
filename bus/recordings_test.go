package bus_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/lensbus/lensbus/broker"
	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
)

// recordings serves a made-up recorder of camera front, and returns a connection that asks it.
func recordings(t *testing.T, o bus.RecorderService) (asker, recorder *bus.Conn, stop func()) {
	t.Helper()
	server := startBroker(t, broker.Config{})
	recorder = connect(t, bus.Options{Server: server.URL()})
	if o.Verbs.Ranges == nil {
		o.Verbs.Ranges = func(context.Context, frame.RangesRequest) (frame.Ranges, error) {
			return frame.Ranges{Camera: "front"}, nil
		}
	}
	none := &bus.RecorderError{Code: 404, Text: "nothing"}
	if o.Verbs.Replay == nil {
		o.Verbs.Replay = func(context.Context, frame.ReplayRequest, *bus.Job) error { return none }
	}
	if o.Verbs.Export == nil {
		o.Verbs.Export = func(context.Context, frame.ExportRequest, *bus.Job) error { return none }
	}
	o.Camera, o.Version = "front", "0.0.0"
	stop, err := recorder.ServeRecorder(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	asker = connect(t, bus.Options{Server: server.URL()})
	if err := asker.WaitConnected(context20(t)); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool {
		_, err := asker.Ranges(context20(t), "front", time.Time{}, time.Time{})
		return !errors.Is(err, bus.ErrNoRecorder)
	})
	return asker, recorder, stop
}

// recorded is frame n of a recording.
func recorded(t testing.TB, n uint64) frame.Frame {
	return frame.Frame{
		Camera: "front", Epoch: "e", Seq: n, Captured: time.Unix(1_700_000_000, int64(n)*1e6), Published: time.Unix(1_700_000_001, int64(n)*1e6),
		Codec: frame.JPEG, Width: 64, Height: 48, Key: true, Data: picture(t, 20_000+int(n)),
	}
}

func TestReplayBringsEveryFrameAndGap(t *testing.T) {
	gap := frame.Gap{From: time.Unix(1, 0).UTC(), To: time.Unix(2, 0).UTC(), Missing: 7, Reason: frame.GapUnstored}
	asked := make(chan frame.ReplayRequest, 1)
	asker, _, _ := recordings(t, bus.RecorderService{Verbs: bus.RecorderVerbs{
		Replay: func(ctx context.Context, r frame.ReplayRequest, job *bus.Job) error {
			asked <- r
			if err := job.Begin(200, 1); err != nil {
				return err
			}
			for n := uint64(1); n <= 200; n++ {
				if n == 5 {
					if err := job.Gap(gap); err != nil {
						return err
					}
				}
				f := recorded(t, n)
				if err := job.Frame(ctx, &f); err != nil {
					return err
				}
			}
			return job.Gap(gap)
		},
	}})
	from := time.Unix(1_700_000_000, 5)
	replay, err := asker.Replay(context20(t), "front", bus.ReplayOptions{From: from, Speed: 4, Every: 30 * time.Millisecond, Window: 100_000})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = replay.Close() }()
	if r := <-asked; !r.From.Equal(from) || !r.To.IsZero() || r.Speed != 4 || r.EveryMS != 30 || r.Credit != 100_000 {
		t.Errorf("the recorder was asked %+v", r)
	}
	for n := uint64(1); n <= 200; n++ {
		f, err := replay.Next(context20(t))
		if err != nil {
			t.Fatalf("frame %d: %v", n, err)
		}
		want := recorded(t, n)
		if f.Seq != n || f.Epoch != "e" || !f.Captured.Equal(want.Captured) || !f.Published.Equal(want.Published) || !bytes.Equal(f.Data, want.Data) {
			t.Fatalf("frame %d differs: %s %d %s, %d bytes", n, f.Epoch, f.Seq, f.Captured, len(f.Data))
		}
		if got := replay.Gap(); (n == 5) != (got != nil) || n == 5 && *got != gap {
			t.Errorf("gap before frame %d: %+v", n, got)
		}
	}
	for range 2 {
		if _, err := replay.Next(context20(t)); !errors.Is(err, io.EOF) {
			t.Fatalf("after the last: %v", err)
		}
	}
}

// Frames are missing before one for several reasons, and at the end for more of them than are kept apart.
func TestReplayTellsAllGaps(t *testing.T) {
	at := func(s int64) time.Time { return time.Unix(s, 0).UTC() }
	gaps := []frame.Gap{
		{From: at(1), To: at(4), Missing: 7, Reason: frame.GapUnstored},
		{From: at(4), To: at(5), Missing: 2, Reason: frame.GapOverrun},
		{From: at(5), To: at(9), Reason: frame.GapDamage},
	}
	asker, _, _ := recordings(t, bus.RecorderService{Verbs: bus.RecorderVerbs{
		Replay: func(ctx context.Context, _ frame.ReplayRequest, job *bus.Job) error {
			if err := job.Begin(1, 1); err != nil {
				return err
			}
			for _, gap := range gaps {
				if err := job.Gap(gap); err != nil {
					return err
				}
			}
			f := recorded(t, 1)
			if err := job.Frame(ctx, &f); err != nil {
				return err
			}
			for range 1000 {
				if err := job.Gap(gaps[1]); err != nil {
					return err
				}
			}
			return nil
		},
	}})
	replay, err := asker.Replay(context20(t), "front", bus.ReplayOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = replay.Close() }()
	if _, err := replay.Next(context20(t)); err != nil {
		t.Fatal(err)
	}
	if got := replay.Gaps(); !slices.Equal(got, gaps) {
		t.Errorf("%+v", got)
	}
	if got, want := replay.Gap(), (frame.Gap{From: at(1), To: at(9), Missing: 9, Reason: frame.GapUnknown}); got == nil || *got != want {
		t.Errorf("%+v", got)
	}
	if _, err := replay.Next(context20(t)); !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	if got := replay.Gap(); got == nil || got.Missing != 2000 || got.Reason != frame.GapOverrun || len(replay.Gaps()) > 100 {
		t.Errorf("%d gaps, %+v", len(replay.Gaps()), got)
	}
}

func TestSlowAskerHasNothingQueued(t *testing.T) {
	const window = 90_000 // four frames
	var sent, taken atomic.Int64
	asker, _, _ := recordings(t, bus.RecorderService{Verbs: bus.RecorderVerbs{
		Replay: func(ctx context.Context, _ frame.ReplayRequest, job *bus.Job) error {
			if err := job.Begin(0, 0); err != nil {
				return err
			}
			for n := uint64(1); n <= 100; n++ {
				f := recorded(t, n)
				if err := job.Frame(ctx, &f); err != nil {
					return err
				}
				// What Next is about to return counts as taken only afterwards.
				if waits := sent.Add(int64(len(f.Data))) - taken.Load(); waits > window+2*int64(len(f.Data)) {
					t.Errorf("%d bytes wait for the asker, who granted %d", waits, window)
				}
			}
			return nil
		},
	}})
	replay, err := asker.Replay(context20(t), "front", bus.ReplayOptions{Window: window})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = replay.Close() }()
	eventually(t, func() bool { return sent.Load() >= window })
	for n := 1; n <= 100; n++ {
		f, err := replay.Next(context20(t))
		if err != nil {
			t.Fatalf("frame %d: %v", n, err)
		}
		taken.Add(int64(len(f.Data)))
	}
	if _, err := replay.Next(context20(t)); !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
}

// An asker with a window of one byte gets single frames: that is how one steps.
func TestWindowSmallerThanAFrame(t *testing.T) {
	asker, _, _ := recordings(t, bus.RecorderService{Verbs: bus.RecorderVerbs{
		Replay: func(ctx context.Context, _ frame.ReplayRequest, job *bus.Job) error {
			err := job.Begin(3, 0)
			for n := uint64(1); n <= 3 && err == nil; n++ {
				f := recorded(t, n)
				err = job.Frame(ctx, &f)
			}
			return err
		},
	}})
	replay, err := asker.Replay(context20(t), "front", bus.ReplayOptions{Window: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = replay.Close() }()
	for n := uint64(1); n <= 3; n++ {
		if f, err := replay.Next(context20(t)); err != nil || f.Seq != n {
			t.Fatalf("frame %d: %d, %v", n, f.Seq, err)
		}
	}
}

func TestRecorderRefusesWhatMakesNoSense(t *testing.T) {
	asker, _, _ := recordings(t, bus.RecorderService{Verbs: bus.RecorderVerbs{
		Replay: func(_ context.Context, r frame.ReplayRequest, _ *bus.Job) error {
			t.Errorf("asked for %+v", r)
			return nil
		},
		Export: func(_ context.Context, r frame.ExportRequest, _ *bus.Job) error {
			t.Errorf("asked for %+v", r)
			return nil
		},
	}})
	for _, c := range []struct{ verb, request, code, says string }{
		{"replay", `nonsense`, "400", "makes no sense"},
		{"replay", `{"from": "yesterday"}`, "400", "makes no sense"},
		{"replay", `{"from": 12}`, "400", "makes no sense"},
		{"replay", `{"form": "2026-11-22T10:00:00Z"}`, "400", `unknown field "form"`},
		{"replay", `{} {}`, "400", "something comes after"},
		{"replay", `{"from": "2026-11-22T10:00:00Z", "to": "2026-11-22T09:00:00Z"}`, "400", "not before"},
		{"replay", `{"from": "2026-11-22T10:00:00Z", "to": "2026-11-22T10:00:00Z"}`, "400", "not before"},
		{"replay", `{"from": "0900-11-22T10:00:00Z"}`, "400", "between 1970 and 2262"},
		{"replay", `{"to": "9026-11-22T10:00:00Z"}`, "400", "between 1970 and 2262"},
		{"replay", `{"speed": -1}`, "400", "speed -1"},
		{"replay", `{"speed": 1e300}`, "400", "speed"},
		{"replay", `{"speed": 0.01}`, "400", "speed"},
		{"replay", `{"follow": true, "to": "2026-11-22T10:00:00Z"}`, "400", "give one of them"},
		{"replay", `{"every_ms": -1}`, "400", "every_ms"},
		{"replay", `{"credit": -1}`, "400", "credit"},
		{"replay", `{"credit": "` + strings.Repeat("9", frame.MaxControlBytes) + `"}`, "413", "at most"},
		{"export", `{"format": "avi"}`, "400", `want "mp4"`},
		{"export", `{"credit": -1}`, "400", "credit"},
		{"export", `[]`, "400", "makes no sense"},
		{"ranges", `{"from": "2026-11-22T10:00:00Z", "to": "2026-11-22T09:00:00Z"}`, "400", "not before"},
		{"ranges", `{"speed": 1}`, "400", "unknown field"},
	} {
		m, err := asker.NATS().Request("rec.front."+c.verb, []byte(c.request), patience)
		if err != nil {
			t.Fatal(err)
		}
		code, text := m.Header.Get("Nats-Service-Error-Code"), m.Header.Get("Nats-Service-Error")
		if code != c.code || !strings.Contains(text, c.says) || strings.ContainsAny(text, "\r\n") {
			t.Errorf("%s %.80s: %s %s", c.verb, c.request, code, text)
		}
	}
	// The same before anything is sent.
	var refusal *bus.RecorderError
	if _, err := asker.Replay(context20(t), "front", bus.ReplayOptions{Speed: -1}); !errors.As(err, &refusal) || refusal.Code != 400 {
		t.Errorf("speed -1: %v", err)
	}
	// Where the answer would go is no inbox: there is none.
	spied, err := asker.NATS().SubscribeSync("cam.>")
	if err != nil {
		t.Fatal(err)
	}
	for _, subject := range []string{"rec.front.ranges", "rec.front.replay", "rec.front.export", "$SRV.PING", "$SRV.INFO.recorder", "$SRV.STATS.recorder"} {
		if err := asker.NATS().PublishRequest(subject, "cam.front.frame", []byte(`{}`)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := asker.Ranges(context20(t), "front", time.Time{}, time.Time{}); err != nil { // the others were handled before
		t.Fatal(err)
	}
	if n, _, err := spied.Pending(); err != nil || n != 0 {
		t.Errorf("%d answers on a camera's subject, %v", n, err)
	}
}

func TestCreditIsNotTrusted(t *testing.T) {
	ended := make(chan error, 1)
	asker, _, _ := recordings(t, bus.RecorderService{Verbs: bus.RecorderVerbs{Replay: endless(t, ended)}})
	nc := asker.NATS()
	inbox := nc.NewInbox()
	sub, err := nc.SubscribeSync(inbox)
	if err != nil {
		t.Fatal(err)
	}
	if err := nc.PublishRequest("rec.front.replay", inbox, []byte(`{}`)); err != nil {
		t.Fatal(err)
	}
	m, err := sub.NextMsg(patience)
	if err != nil {
		t.Fatal(err)
	}
	var job frame.Job
	if err := json.Unmarshal(m.Data, &job); err != nil {
		t.Fatal(err)
	}
	credit := frame.CameraID("front").CreditSubject(job.Job)
	for _, nonsense := range []string{"", "null", "[]", `{"bytes": "1"}`, `{"bytes": 1e400}`, `{"bytes": -5}`, strings.Repeat("[", 100_000)} {
		if err := nc.Publish(credit, []byte(nonsense)); err != nil {
			t.Fatal(err)
		}
	}
	for n := 1; n <= 3; n++ { // a byte more than came: one frame more
		grant, err := json.Marshal(frame.Credit{Bytes: int64(n-1)*25_000 + 1})
		if err != nil {
			t.Fatal(err)
		}
		if err := nc.Publish(credit, grant); err != nil {
			t.Fatal(err)
		}
		m := nextNotIdle(t, sub)
		if got := m.Header.Get(frame.HeaderSeq); got != string(rune('0'+n)) {
			t.Errorf("step %d brings frame %q", n, got)
		}
	}
	if err := nc.Publish(credit, []byte(`{"end": true}`)); err != nil {
		t.Fatal(err)
	}
	select {
	case <-ended:
	case <-time.After(patience):
		t.Fatal("the recorder goes on")
	}
}

func nextNotIdle(t *testing.T, sub *nats.Subscription) *nats.Msg {
	t.Helper()
	for {
		m, err := sub.NextMsg(patience)
		if err != nil {
			t.Fatal(err)
		}
		if m.Header.Get(frame.HeaderJob) != frame.JobIdle {
			return m
		}
	}
}
