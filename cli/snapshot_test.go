package cli

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/lensbus/lensbus/broker"
	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/publisher"
)

func take(t *testing.T, conn *bus.Conn, width int) (f frame.Frame, log string, err error) {
	t.Helper()
	return takeWith(t, conn, snapshotCommand{ID: "front", Width: width})
}

func takeWith(t *testing.T, conn *bus.Conn, command snapshotCommand) (f frame.Frame, log string, err error) {
	t.Helper()
	var text bytes.Buffer
	f, err = command.take(t.Context(), &session{log: slog.New(slog.NewTextHandler(&text, nil))}, conn)
	return f, text.String(), err
}

// A camera on demand, which has sent its last frame long ago, is opened and sends a new one.
func TestSnapshotOfACameraOnDemand(t *testing.T) {
	conn, url := newBus(t, broker.Config{})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	publishing := dial(t, url)
	go func() {
		done <- publisher.Run(ctx, publisher.Config{Cameras: map[frame.CameraID]publisher.CameraConfig{
			"front": {Source: "test:?width=320&height=240&fps=20", OnDemand: true, Grace: 100 * time.Millisecond},
		}}, publisher.Deps{Bus: publishing, Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	}()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	state := func() frame.State {
		var detail frame.Detail
		if err := conn.Control(t.Context(), "front", frame.VerbGet, nil, &detail); err != nil {
			return ""
		}
		return detail.Status.State
	}
	soon(t, "the camera is idle", func() bool { return state() == frame.StateIdle })
	for _, width := range []int{0, 160} {
		asked := time.Now()
		f, log, err := take(t, conn, width)
		if err != nil || log != "" {
			t.Fatalf("%v, %s", err, log)
		}
		if f.Captured.Before(asked) {
			t.Errorf("a picture from %s before it was asked for", asked.Sub(f.Captured))
		}
		if width > 0 && f.Width != width {
			t.Errorf("%d pixels wide, want %d", f.Width, width)
		}
		soon(t, "the camera is idle again", func() bool { return state() == frame.StateIdle })
	}
}

// Without a publisher, the picture that the server has kept is no picture of now: it takes --stale, and
// is said to be old.
func TestSnapshotWithoutItsCamera(t *testing.T) {
	conn, url := newBus(t, broker.Config{})
	if _, _, err := take(t, conn, 0); !errors.Is(err, bus.ErrNoPicture) {
		t.Errorf("of a camera that never was: %v", err)
	}
	end := publish(t, dial(t, url), map[frame.CameraID]string{"front": "test:?width=320&height=240&fps=20"})
	soon(t, "the server keeps a picture", func() bool { _, err := conn.Newest(t.Context(), "front"); return err == nil })
	end()
	soon(t, "the kept picture is none of now", func() bool {
		_, _, err := take(t, conn, 0)
		return err != nil && strings.Contains(err.Error(), "--stale takes it") && errors.Is(err, bus.ErrNoCamera)
	})
	f, log, err := takeWith(t, conn, snapshotCommand{ID: "front", Width: 160, Stale: true})
	if err != nil || f.Width != 320 || !strings.Contains(log, "does not answer and cannot scale it down") {
		t.Errorf("%d pixels wide, %v, %s", f.Width, err, log)
	}
}

// A camera that answers and has no picture of now is believed: the one that the server has kept is for
// who asks for it.
func TestSnapshotOfALateCamera(t *testing.T) {
	conn, url := newBus(t, broker.Config{})
	end := publish(t, dial(t, url), map[frame.CameraID]string{"front": "test:?width=320&height=240&fps=20"})
	soon(t, "the server keeps a picture", func() bool { _, err := conn.Newest(t.Context(), "front"); return err == nil })
	end()
	cam := dial(t, url)
	status := func() frame.Status {
		return frame.Status{ID: "front", Epoch: "e", State: frame.StateLive, Time: time.Now()}
	}
	stop, err := cam.ServeCamera(t.Context(), "front", "1.0.0", status, nil, map[string]bus.Verb{
		frame.VerbGet: func(context.Context, []byte) (bus.Reply, error) { return bus.JSONReply(frame.Detail{Status: status()}) },
		frame.VerbSnapshot: func(context.Context, []byte) (bus.Reply, error) {
			return bus.Reply{}, &bus.ControlError{Code: 503, Text: "no new one has come"}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	if err := cam.NATS().Flush(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := take(t, conn, 0); err == nil || !strings.Contains(err.Error(), "no new one has come") {
		t.Errorf("of a camera that says that it has none: %v", err)
	}
	if f, _, err := takeWith(t, conn, snapshotCommand{ID: "front", Stale: true}); err != nil || f.Width != 320 {
		t.Errorf("the one that was kept: %d wide, %v", f.Width, err)
	}
}
