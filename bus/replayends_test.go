package bus_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
)

// endless sends until its context ends, and says how that was.
func endless(t *testing.T, ended chan<- error) func(context.Context, frame.ReplayRequest, *bus.Job) error {
	return func(ctx context.Context, _ frame.ReplayRequest, job *bus.Job) error {
		err := job.Begin(0, 0)
		for n := uint64(1); err == nil; n++ {
			f := recorded(t, n)
			err = job.Frame(ctx, &f)
		}
		ended <- err
		return err
	}
}

func TestReplayEndsWithTheAsker(t *testing.T) {
	ended := make(chan error, 1)
	asker, _, _ := recordings(t, bus.RecorderService{Silence: 300 * time.Millisecond, Verbs: bus.RecorderVerbs{Replay: endless(t, ended)}})
	wait := func(how string) {
		t.Helper()
		select {
		case <-ended:
		case <-time.After(patience):
			t.Fatalf("%s: the recorder goes on", how)
		}
	}
	replay, err := asker.Replay(context20(t), "front", bus.ReplayOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := replay.Next(context20(t)); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := replay.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := replay.Next(context20(t)); !errors.Is(err, bus.ErrClosed) {
		t.Errorf("Next after Close: %v", err)
	}
	wait("closed")

	// One that was killed says nothing more, and the server says so.
	lost := asker.NATS().NewInbox()
	if err := asker.NATS().PublishRequest("rec.front.replay", lost, []byte(`{"credit": 100000}`)); err != nil {
		t.Fatal(err)
	}
	wait("nobody receives")

	// One that hangs receives, and says nothing.
	inbox := asker.NATS().NewInbox()
	sub, err := asker.NATS().SubscribeSync(inbox)
	if err != nil {
		t.Fatal(err)
	}
	if err := asker.NATS().PublishRequest("rec.front.replay", inbox, []byte(`{"credit": 100000}`)); err != nil {
		t.Fatal(err)
	}
	wait("silent")
	for {
		m, err := sub.NextMsg(patience)
		if err != nil {
			t.Fatal(err)
		}
		if m.Header.Get(frame.HeaderJob) == frame.JobLast {
			var end frame.JobEnd
			if err := json.Unmarshal(m.Data, &end); err != nil || end.Code != 408 || end.Frames < 4 || end.Frames > 6 {
				t.Errorf("the end: %s, %v", m.Data, err)
			}
			return
		}
	}
}

func TestReplayEndsWithTheRecorder(t *testing.T) {
	ended := make(chan error, 2)
	asker, recorder, stop := recordings(t, bus.RecorderService{Verbs: bus.RecorderVerbs{Replay: endless(t, ended)}})
	replay, err := asker.Replay(context20(t), "front", bus.ReplayOptions{Window: 50_000})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = replay.Close() }()
	stop()
	stop()
	for err == nil {
		_, err = replay.Next(context20(t))
	}
	var refusal *bus.RecorderError
	if !errors.As(err, &refusal) || refusal.Code != 503 {
		t.Errorf("a recorder that stops: %v", err)
	}
	if _, err := asker.Replay(context20(t), "front", bus.ReplayOptions{}); !errors.Is(err, bus.ErrNoRecorder) {
		t.Errorf("after that: %v", err)
	}
	if _, err := asker.Ranges(context20(t), "front", time.Time{}, time.Time{}); !errors.Is(err, bus.ErrNoRecorder) {
		t.Errorf("after that: %v", err)
	}

	// One that is killed says nothing; the server does.
	_, err = recorder.ServeRecorder(t.Context(), bus.RecorderService{Camera: "front", Version: "0.0.0", Verbs: bus.RecorderVerbs{
		Ranges: func(context.Context, frame.RangesRequest) (frame.Ranges, error) { return frame.Ranges{}, nil },
		Replay: endless(t, ended),
		Export: func(context.Context, frame.ExportRequest, *bus.Job) error { return nil },
	}})
	if err != nil {
		t.Fatal(err)
	}
	var killed *bus.Replay
	eventually(t, func() bool {
		killed, err = asker.Replay(context20(t), "front", bus.ReplayOptions{Window: 50_000})
		return err == nil
	})
	defer func() { _ = killed.Close() }()
	if err := recorder.Close(); err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = killed.Next(context20(t))
	}
	if !errors.Is(err, bus.ErrInterrupted) {
		t.Errorf("a recorder that is gone: %v", err)
	}
}
