package web

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
)

// sourceWait is how long a recorder may take to begin a replay.
const sourceWait = 10 * time.Second

// mostRate is how many frames of a replay a second are of use to a client that plays faster than
// they were taken.
const mostRate = 30

// sourceOptions ask for frames as fast as they are taken: the session keeps the clock, so that a
// pause, another speed and a seek need no word to the recorder.
func sourceOptions(from, to time.Time, follow bool, speed float64) bus.ReplayOptions {
	return bus.ReplayOptions{From: from, To: to, Follow: follow, Every: every(speed)}
}

// every is the least distance of frames, in the recording, that a replay at this speed needs.
func every(speed float64) time.Duration {
	if speed <= 1 {
		return 0
	}
	return time.Duration(speed * float64(time.Second) / mostRate).Truncate(time.Millisecond)
}

// replayItem is what a source gives: a frame with what is missing right before it, or the error that
// it ended with, io.EOF at the end.
type replayItem struct {
	frame frame.Frame
	gap   *frame.Gap
	err   error
	back  bool // found by looking back
}

// replaySource reads one replay ahead, by one frame. stop ends it.
type replaySource struct {
	items  chan replayItem // ends with an error
	every  time.Duration
	follow bool
	cancel context.CancelFunc
	done   chan struct{}
}

// startSource asks for a replay, or reads from one that is open, once the source before has ended;
// before may be nil.
func startSource(ctx context.Context, conn *bus.Conn, id frame.CameraID, o bus.ReplayOptions, open *bus.Replay, before *replaySource) *replaySource {
	ctx, cancel := context.WithCancel(ctx)
	s := &replaySource{items: make(chan replayItem), every: o.Every, follow: o.Follow, cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(s.done)
		if before != nil {
			before.stop()
		}
		err := s.read(ctx, conn, id, o, open)
		select {
		case s.items <- replayItem{err: err}:
		case <-ctx.Done():
		}
	}()
	return s
}

func (s *replaySource) read(ctx context.Context, conn *bus.Conn, id frame.CameraID, o bus.ReplayOptions, open *bus.Replay) error {
	replay, err := openReplay(ctx, conn, id, o, open)
	if err != nil {
		return err
	}
	defer func() { _ = replay.Close() }() // returns no error
	for {
		f, err := replay.Next(ctx)
		if err != nil {
			return err
		}
		select {
		case s.items <- replayItem{frame: f, gap: replay.Gap()}:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// openReplay asks for a replay unless one is open. Where there is nothing to replay, the error is
// io.EOF.
func openReplay(ctx context.Context, conn *bus.Conn, id frame.CameraID, o bus.ReplayOptions, open *bus.Replay) (*bus.Replay, error) {
	if open != nil {
		return open, nil
	}
	ctx, cancel := context.WithTimeout(ctx, sourceWait)
	defer cancel()
	replay, err := conn.Replay(ctx, id, o)
	if nothingThere(err) {
		return nil, io.EOF
	}
	return replay, err
}

// stop ends the source and waits. It is safe twice and on nil.
func (s *replaySource) stop() {
	if s == nil {
		return
	}
	s.cancel()
	<-s.done
}

// What is kept of the frames before the one that is shown, for steps back.
const (
	mostBehind      = 64
	mostBehindBytes = 4 << 20
)

// lookBack reads the frames right before a moment, oldest first; none where there is nothing before.
// It asks for a little first, and where there is nothing, for what comes before the hole.
func lookBack(ctx context.Context, conn *bus.Conn, id frame.CameraID, before time.Time) ([]frame.Frame, error) {
	for _, span := range []time.Duration{time.Second, 15 * time.Second} {
		frames, err := readSpan(ctx, conn, id, before.Add(-span), before)
		if len(frames) > 0 || err != nil {
			return frames, err
		}
	}
	asking, cancel := context.WithTimeout(ctx, sourceWait)
	defer cancel()
	ranges, err := conn.Ranges(asking, id, time.Time{}, before)
	if err != nil {
		return nil, err
	}
	for i := len(ranges.Spans) - 1; i >= 0; i-- {
		span := ranges.Spans[i]
		if !span.From.Before(before) {
			continue
		}
		end := before
		if span.To.Before(end) {
			end = span.To.Add(time.Nanosecond)
		}
		for _, length := range []time.Duration{time.Second, time.Minute, time.Hour, end.Sub(span.From)} {
			from := end.Add(-length)
			if from.Before(span.From) {
				from = span.From
			}
			frames, err := readSpan(ctx, conn, id, from, end)
			if len(frames) > 0 || err != nil {
				return frames, err
			}
		}
	}
	return nil, nil
}

// readSpan reads the last frames between two moments.
func readSpan(ctx context.Context, conn *bus.Conn, id frame.CameraID, from, to time.Time) ([]frame.Frame, error) {
	if first := time.Unix(0, 1); from.Before(first) {
		from = first
	}
	replay, err := openReplay(ctx, conn, id, bus.ReplayOptions{From: from, To: to}, nil)
	if errors.Is(err, io.EOF) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = replay.Close() }() // returns no error
	var frames []frame.Frame
	bytes := 0
	for {
		f, err := replay.Next(ctx)
		if errors.Is(err, io.EOF) {
			return frames, nil
		}
		if err != nil {
			return nil, err
		}
		if !f.Captured.Before(to) {
			continue
		}
		frames = append(frames, f)
		bytes += len(f.Data)
		for len(frames) > 1 && (len(frames) > mostBehind || bytes > mostBehindBytes) {
			bytes -= len(frames[0].Data)
			frames = frames[1:]
		}
	}
}
