package worker

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/lensbus/lensbus/publisher/source"
)

// Opener returns an opener that runs command (the program and its arguments) for each source and
// talks to [Serve] in it. The source is open when the child says so; it ends with the child's reason,
// with "the capture process died: …" when the child did, and with an error when no picture came for
// env.ReadTimeout. Its Close ends the child within half a second or kills it.
//
// Nothing secret may be in command.
func Opener(command []string) source.Opener {
	return func(ctx context.Context, spec source.Spec, env source.Env) (source.Source, error) {
		return openWith(ctx, spec, env, func() (*process, error) { return start(command) })
	}
}

// openWith opens a source in the process that begin returns.
func openWith(ctx context.Context, spec source.Spec, env source.Env, begin func() (*process, error)) (source.Source, error) {
	shift := func() time.Duration { return 0 }
	if now := env.Now; now != nil { // the child's clock is this machine's
		shift = func() time.Duration { return now().Round(0).Sub(time.Now().Round(0)) }
	}
	env = env.OrDefaults()
	name := spec.Redacted()
	p, err := begin()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	w := &worker{
		name: name, spec: spec, env: env, process: p, shift: shift, asked: settings{Quality: env.Quality, FPS: spec.FPS},
		slot: source.NewSlot[source.Picture](), opened: make(chan struct{}), ended: make(chan struct{}), heard: make(chan struct{}),
	}
	w.readers.Go(w.listen)
	w.readers.Go(w.receive)
	if err := w.open(ctx); err != nil {
		if failed := w.Close(); failed != nil {
			env.Log.LogAttrs(ctx, slog.LevelWarn, "end a capture process", slog.Any("error", failed))
		}
		return nil, err
	}
	return w, nil
}

// worker is a source in another process.
type worker struct {
	name    string // in errors; no credentials
	spec    source.Spec
	env     source.Env
	process *process
	shift   func() time.Duration // from the child's clock to the one that is asked for

	slot    *source.Slot[source.Picture]
	opened  chan struct{} // closed by the first Info
	ended   chan struct{} // closed when the slot is, with the reason in it
	heard   chan struct{} // closed when standard error is at its end
	readers sync.WaitGroup

	closeOnce sync.Once
	closed    error

	mu   sync.Mutex
	info source.Info
	hint string // the line on standard error that tells of a crash

	tuning sync.Mutex // held while settings are written
	asked  settings
}

// open asks the child for the source and waits for it.
func (w *worker) open(ctx context.Context) error {
	// The child's time-outs are a little inside, because it knows better what it waits for.
	inside := func(d time.Duration) time.Duration { return d - min(d/10, time.Second) }
	line, err := json.Marshal(request{
		Spec: wireSpec(w.spec), Camera: w.env.Camera, OpenTimeout: inside(w.env.OpenTimeout), ReadTimeout: inside(w.env.ReadTimeout),
		Quality: w.env.Quality, MaxBytes: w.env.MaxBytes,
	})
	if err != nil {
		return fmt.Errorf("%s: %w", w.name, err)
	}
	timer := time.NewTimer(w.env.OpenTimeout)
	defer timer.Stop()
	_ = w.process.stdin.SetWriteDeadline(time.Now().Add(w.env.OpenTimeout)) // a pipe can do that
	if _, err := w.process.stdin.Write(append(line, '\n')); err != nil {
		select {
		case <-w.ended: // why it reads no request
		case <-timer.C:
			return fmt.Errorf("%s: the capture process takes no request: %w", w.name, err)
		}
	}
	select {
	case <-w.opened:
		return nil
	case <-w.ended:
		select {
		case <-w.opened: // both: a source that was over at once is still an open one
			return nil
		default:
		}
		_, err := w.slot.Take(context.Background()) // closed, so it does not wait
		return err
	case <-timer.C:
		return fmt.Errorf("%s: not open after %v: the capture process hangs and is ended", w.name, w.env.OpenTimeout)
	case <-ctx.Done():
		return fmt.Errorf("%s: %w", w.name, ctx.Err())
	}
}

// receive reads the child's messages until there are no more, and closes the slot with the reason.
func (w *worker) receive() {
	defer close(w.ended)
	err := w.messages() // never nil
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		// The child closed its end without a farewell. If it lives, it has nothing more to say.
		if !w.process.gone(politeWait) {
			_ = w.process.handle.Kill() // may be over by now
			<-w.process.exited
		}
		timer := time.NewTimer(politeWait)
		defer timer.Stop()
		select {
		case <-w.heard: // its last words
		case <-timer.C:
		}
		err = w.died()
	}
	var end *endError
	if errors.As(err, &end) {
		err = end.reason
	}
	w.slot.Close(err)
}

// endError is how messages says that the child ended properly.
type endError struct{ reason error }

func (e *endError) Error() string { return e.reason.Error() }

func (w *worker) messages() error {
	var header [headerSize]byte
	for {
		m, err := readMessage(w.process.stdout, &header, w.env.MaxBytes)
		if err != nil {
			return fmt.Errorf("%s: %w", w.name, err)
		}
		switch m.kind {
		case msgPicture:
			picture := source.Picture{
				Captured: time.Unix(0, int64(binary.BigEndian.Uint64(m.payload))).Add(w.shift()),
				Data:     m.payload[stampSize:len(m.payload):len(m.payload)],
			}
			if _, dropped := w.slot.Put(picture); dropped {
				w.env.Dropped(source.DropNetwork, 1)
			}
		case msgInfo:
			err = w.setInfo(m.payload)
		case msgDropped:
			err = w.dropped(m.payload)
		case msgLog:
			w.log(m.payload)
		case msgEnd:
			return w.end(m.payload)
		}
		if err != nil {
			return err
		}
	}
}

func (w *worker) setInfo(payload []byte) error {
	var info source.Info
	if err := json.Unmarshal(payload, &info); err != nil {
		return fmt.Errorf("%s: the capture process describes its source wrongly: %w", w.name, err)
	}
	info.Format = clip(w.spec.Scrub(info.Format))
	info.Warnings = info.Warnings[:min(len(info.Warnings), maxWarnings)]
	for i, line := range info.Warnings {
		info.Warnings[i] = clip(w.spec.Scrub(line))
	}
	w.mu.Lock()
	w.info = info
	w.mu.Unlock()
	select {
	case <-w.opened: // only this goroutine closes it
	default:
		close(w.opened)
	}
	return nil
}

func (w *worker) dropped(payload []byte) error {
	var counts map[string]uint64
	if err := json.Unmarshal(payload, &counts); err != nil {
		return fmt.Errorf("%s: the capture process counts wrongly: %w", w.name, err)
	}
	for reason, n := range counts {
		switch reason {
		case source.DropEncode, source.DropNetwork, source.DropInvalid, source.DropTooLarge:
		default: // reasons become labels, so a stranger's are not taken over
			reason = source.DropInvalid
		}
		w.env.Dropped(reason, n)
	}
	return nil
}

func (w *worker) end(payload []byte) error {
	var end ending
	if err := json.Unmarshal(payload, &end); err != nil {
		return fmt.Errorf("%s: the capture process ends wrongly: %w", w.name, err)
	}
	if end.EOF {
		return &endError{io.EOF}
	}
	return errors.New(clip(w.spec.Scrub(end.Error)))
}

// died says how the child ended without saying why.
func (w *worker) died() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	hint := w.hint
	if hint != "" {
		hint = " (" + hint + ")"
	}
	return fmt.Errorf("%s: the capture process died: %v%s", w.name, w.process.state, hint)
}

// Next implements [source.Source].
func (w *worker) Next(ctx context.Context) (source.Picture, error) {
	wait, cancel := context.WithTimeout(ctx, w.env.ReadTimeout)
	defer cancel()
	picture, err := w.slot.Take(wait)
	switch {
	case err == nil || errors.Is(err, io.EOF):
		return picture, err
	case ctx.Err() != nil:
		return source.Picture{}, ctx.Err()
	case errors.Is(err, context.DeadlineExceeded):
		return source.Picture{}, fmt.Errorf("%s: no picture for %v", w.name, w.env.ReadTimeout)
	}
	return source.Picture{}, err
}

// Info implements [source.Source].
func (w *worker) Info() source.Info {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.info
}

// SetQuality implements [source.Tunable].
func (w *worker) SetQuality(quality int) { w.tune(func(s *settings) { s.Quality = quality }) }

// SetRate implements [source.Tunable].
func (w *worker) SetRate(fps float64) { w.tune(func(s *settings) { s.FPS = fps }) }

// tune tells the child other settings.
func (w *worker) tune(change func(*settings)) {
	w.tuning.Lock()
	defer w.tuning.Unlock()
	before := w.asked
	if change(&w.asked); w.asked == before {
		return
	}
	line, err := json.Marshal(w.asked)
	if err == nil {
		_ = w.process.stdin.SetWriteDeadline(time.Now().Add(politeWait)) // a pipe can do that
		_, err = w.process.stdin.Write(append(line, '\n'))
	}
	if err != nil { // it ends, or has ended, and what is opened next is asked for it
		w.env.Log.Debug("tell a capture process its settings", "source", w.name, "error", err)
	}
}

// Close implements [source.Source].
func (w *worker) Close() error {
	w.closeOnce.Do(func() {
		w.slot.Close(source.ErrClosed)
		w.closed = w.process.stop()
		// With the child gone its pipes are at their end, unless it left somebody behind who holds them.
		soon := time.Now().Add(politeWait)
		_ = w.process.stdout.SetReadDeadline(soon) // a pipe can do that
		_ = w.process.stderr.SetReadDeadline(soon)
		if w.closed == nil {
			w.readers.Wait()
		}
		_ = w.process.stdout.Close() // nothing is lost by it
		_ = w.process.stderr.Close()
	})
	return w.closed
}
