package worker

import (
	"context"
	"errors"
	"log/slog"
	"sync"

	"github.com/lensbus/lensbus/publisher/source"
)

// Spare opens sources as [Opener] does, and can have a process started ahead: loading native libraries is
// most of what an opening takes, and need not wait for the camera to be there. The process that waits
// costs some 20 MB and no time. Its methods are for any goroutine. Close it when no more is to be opened.
type Spare struct {
	command []string

	mu      sync.Mutex
	waiting *process // nil: none
	closed  bool
}

// NewSpare returns one without a process. Nothing secret may be in command.
func NewSpare(command []string) *Spare { return &Spare{command: command} }

// Ready starts a process for the next Open where none waits. That none can be started is left to Open to
// say.
func (s *Spare) Ready() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.waiting != nil && !s.waiting.over() {
		return
	}
	if err := s.end(); err != nil {
		return
	}
	s.waiting, _ = start(s.command)
}

// Open is a [source.Opener].
func (s *Spare) Open(ctx context.Context, spec source.Spec, env source.Env) (source.Source, error) {
	s.mu.Lock()
	p := s.waiting
	s.waiting = nil
	s.mu.Unlock()
	if p != nil && p.over() {
		if err := p.discard(); err != nil && env.Log != nil {
			env.Log.LogAttrs(ctx, slog.LevelWarn, "end a capture process", slog.Any("error", err))
		}
		p = nil
	}
	return openWith(ctx, spec, env, func() (*process, error) {
		if p != nil {
			return p, nil
		}
		return start(s.command)
	})
}

// Close ends the process that waits, within half a second or by killing it. It is safe twice.
func (s *Spare) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	return s.end()
}

// end is called with mu held.
func (s *Spare) end() error {
	p := s.waiting
	s.waiting = nil
	if p == nil {
		return nil
	}
	return p.discard()
}

// over says whether the process has ended.
func (p *process) over() bool {
	select {
	case <-p.exited:
		return true
	default:
		return false
	}
}

// discard ends a process that nobody reads from.
func (p *process) discard() error {
	return errors.Join(p.stop(), p.stdout.Close(), p.stderr.Close())
}
