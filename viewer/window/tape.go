package window

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
)

// tape is what a feed that replays knows of its recording.
type tape struct {
	clock *playClock
	to    time.Time // where the replay ends; zero: at the newest frame
	// Guarded by feed.mu:
	said string     // why there is no next frame, for people; empty: there is one
	gap  *frame.Gap // right before the frame that is shown
	next time.Time  // when the next frame was captured, while it is waited for
}

// newTape begins to replay the camera's recording by the clock, until close.
func newTape(ctx context.Context, conn *bus.Conn, id frame.CameraID, counts counts, clock *playClock, to time.Time) *feed {
	ctx, cancel := context.WithCancel(ctx)
	f := &feed{id: id, conn: conn, counts: counts, cancel: cancel, done: make(chan struct{}), tape: &tape{clock: clock, to: to}}
	clock.begin(f, time.Now()) // before it returns: the clock waits for it
	go func() {
		defer close(f.done)
		defer func() { clock.forget(f, time.Now()) }()
		for ctx.Err() == nil {
			f.play(ctx)
		}
	}()
	return f
}

// Longer waits for a frame stop the clock; an interrupted replay is tried again after a while.
const (
	usualWait  = 50 * time.Millisecond
	replayWait = 10 * time.Second
	tryAgain   = time.Second
)

// play replays from where the clock is until somebody seeks.
func (f *feed) play(ctx context.Context) {
	clock := f.tape.clock
	from, speed, sought := clock.begin(f, time.Now())
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan struct{})
	defer func() { cancel(); <-done }()
	go func() {
		defer close(done)
		select {
		case <-sought:
			cancel()
		case <-ctx.Done():
		}
	}()
	err := f.playFrom(ctx, from, speed, sought)
	if ctx.Err() != nil {
		return
	}
	clock.arrived(f, sought, time.Time{}, time.Now())
	refused := new(bus.RecorderError)
	again := true
	var said string
	switch {
	case errors.Is(err, io.EOF):
		said, again = "the end of the recording", false
	case errors.As(err, &refused):
		said, again = refused.Text, refused.Code >= 429
	case errors.Is(err, bus.ErrNoRecorder):
		said = "no recorder has it"
	default:
		said = err.Error()
	}
	f.mu.Lock()
	f.tape.said, f.tape.next = said, time.Time{}
	f.mu.Unlock()
	if again {
		timer := time.NewTimer(tryAgain)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
		return
	}
	<-ctx.Done()
}

const (
	// thinFrom is the speed from which on a screen has no use for all frames.
	thinFrom = 2
	// lookBack is how far before a moment the picture is looked for that stands then.
	lookBack = 500 * time.Millisecond
)

// playFrom shows the frames from a moment on when it is time to. It returns why it ended.
func (f *feed) playFrom(ctx context.Context, from time.Time, speed float64, sought <-chan struct{}) error {
	clock := f.tape.clock
	o := bus.ReplayOptions{From: from.Add(-lookBack), To: f.tape.to}
	if speed > thinFrom {
		o.Every = time.Duration(speed * float64(time.Second) / 30)
	}
	asking, cancel := context.WithTimeout(ctx, replayWait)
	replay, err := f.conn.Replay(asking, f.id, o)
	cancel()
	if err != nil {
		return err
	}
	defer func() { _ = replay.Close() }() // has no error
	for count := uint64(0); ; {
		before := count
		slow := time.AfterFunc(usualWait, func() { clock.awaiting(f, before, time.Now()) })
		got, err := replay.Next(ctx)
		slow.Stop()
		if err != nil {
			return err
		}
		count = clock.arrived(f, sought, got.Captured, time.Now())
		f.mu.Lock()
		f.tape.said, f.tape.next = "", got.Captured
		f.mu.Unlock()
		// What is of before the clock's position is shown at once, so that a pause shows where it is.
		if err := clock.until(ctx, got.Captured); err != nil {
			return err
		}
		now := time.Now()
		f.mu.Lock()
		f.meter.Frame(got, now, 0)
		f.newest = arrival{got, now, true}
		f.tape.gap, f.tape.next = replay.Gap(), time.Time{}
		f.mu.Unlock()
	}
}
