package worker

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"reflect"
	"sync"
	"time"

	"github.com/lensbus/lensbus/publisher/source"
)

// endWait bounds how long a child that is to end waits for its source to let go.
const endWait = time.Second

// Serve is the main function of a capture process: it reads from stdin what is asked for, opens it
// with what open returns for it, and sends pictures to stdout until the source ends, ctx is done or
// stdin ends, which means that the parent is gone. It returns within about a second of that even if the
// source hangs, so its caller must then exit, not wait.
//
// What goes wrong with the source is told to the parent and is not an error of Serve; only what
// could not be told is. Interrupts (SIGINT) are ignored from here on: a terminal's Ctrl+C goes to
// parent and child alike, and it is the parent that ends the child. Standard output is the
// messages' alone: where stdout is the process's own, whatever else writes to it comes out on
// standard error.
func Serve(ctx context.Context, stdin io.Reader, stdout io.Writer, open func(source.Spec) (source.Opener, error)) error {
	signal.Ignore(os.Interrupt)
	out, err := claim(stdout)
	if err != nil {
		return fmt.Errorf("capture process: take over standard output: %w", err)
	}
	in := bufio.NewScanner(stdin)
	in.Buffer(nil, maxRequest)
	if !in.Scan() {
		err := cmp.Or(in.Err(), io.ErrUnexpectedEOF)
		return fmt.Errorf("capture process: read what to capture from standard input (this is not for people to run): %w", err)
	}
	var req request
	if err := json.Unmarshal(in.Bytes(), &req); err != nil {
		return errors.New("capture process: standard input is not a request (this is not for people to run)") // err may quote it
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	child := newChild(out)
	go func() { // ends with the process, or when stdin does
		for in.Scan() {
			var to settings
			if json.Unmarshal(in.Bytes(), &to) == nil { // only the parent writes here
				child.tune(to)
			}
		}
		cancel()
	}()

	done := make(chan error, 1)
	go func() { done <- child.run(ctx, req, open) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	timer := time.NewTimer(endWait)
	defer timer.Stop()
	select {
	case err := <-done:
		return err
	case <-timer.C:
		return errors.New("capture process: the source does not let go")
	}
}

// child is one source and its way to the parent.
type child struct {
	out     *output
	dropped *tally

	mu     sync.Mutex
	source source.Source // nil before it is open
	wanted *settings     // that were told last; nil: those of the request
}

func newChild(out io.Writer) *child {
	o := &output{to: out}
	return &child{out: o, dropped: &tally{out: o, counts: map[string]uint64{}}}
}

// tune sets the source to other settings, or will when it is open.
func (c *child) tune(to settings) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wanted = &to
	c.obey()
}

func (c *child) opened(src source.Source) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.source = src
	c.obey()
}

// obey is called with mu held.
func (c *child) obey() {
	if tunable, ok := c.source.(source.Tunable); ok && c.wanted != nil {
		tunable.SetQuality(c.wanted.Quality)
		tunable.SetRate(c.wanted.FPS)
	}
}

func (c *child) run(ctx context.Context, req request, open func(source.Spec) (source.Opener, error)) error {
	err := c.capture(ctx, req, open)
	var lost *lostError
	switch {
	case errors.As(err, &lost):
		return err
	case ctx.Err() != nil:
		return nil // the parent wants no more
	}
	_ = c.dropped.flush() // the message that follows fails likewise
	end := ending{EOF: errors.Is(err, io.EOF)}
	if !end.EOF {
		end.Error = err.Error()
	}
	return c.out.json(msgEnd, end)
}

func (c *child) capture(ctx context.Context, req request, open func(source.Spec) (source.Opener, error)) (err error) {
	spec := source.Spec(req.Spec)
	opener, err := open(spec)
	if err != nil {
		return err
	}
	env := source.Env{
		Camera:      req.Camera,
		Log:         slog.New(slog.NewJSONHandler(logWriter{c.out}, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Dropped:     c.dropped.add,
		OpenTimeout: req.OpenTimeout, ReadTimeout: req.ReadTimeout, Quality: req.Quality, MaxBytes: req.MaxBytes,
	}
	src, err := opener(ctx, spec, env)
	if err != nil {
		return err
	}
	defer func() { _ = src.Close() }() // the process ends next, which closes everything
	c.opened(src)

	info := src.Info()
	if err := c.out.json(msgInfo, info); err != nil {
		return err
	}
	for ctx.Err() == nil { // a source that always has a picture may not look
		picture, err := src.Next(ctx)
		if err != nil {
			return err
		}
		if len(picture.Data) > req.MaxBytes {
			c.dropped.add(source.DropTooLarge, 1)
			continue
		}
		if now := src.Info(); !reflect.DeepEqual(now, info) {
			info = now
			if err := c.out.json(msgInfo, info); err != nil {
				return err
			}
		}
		if err := c.dropped.flush(); err != nil {
			return err
		}
		if err := c.out.picture(picture); err != nil {
			return err
		}
	}
	return ctx.Err()
}
