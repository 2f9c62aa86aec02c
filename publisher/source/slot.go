package source

import (
	"context"
	"sync"
)

// Slot hands values from one goroutine to another and holds at most one: the newest. Whoever puts
// never waits. The zero value is not ready; use [NewSlot].
type Slot[T any] struct {
	mu     sync.Mutex
	value  T
	full   bool
	closed bool
	err    error
	ready  chan struct{} // holds a token while there is something to take or the slot is closed
}

// NewSlot returns an empty slot.
func NewSlot[T any]() *Slot[T] { return &Slot[T]{ready: make(chan struct{}, 1)} }

// Put leaves v in the slot. Where the taker had not yet taken the value before it, that one comes
// back with true: it is dropped, and the caller counts and releases it. On a closed slot v itself
// comes back.
func (s *Slot[T]) Put(v T) (dropped T, wasDropped bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return v, true
	}
	dropped, wasDropped = s.value, s.full
	s.value, s.full = v, true
	s.signal()
	return dropped, wasDropped
}

// Take waits for a value. It returns ctx's error when ctx is done, even where there is a value:
// who puts fast must not keep a taker from ending. It returns the error of Close once the slot is
// closed and empty. It is for one goroutine at a time.
func (s *Slot[T]) Take(ctx context.Context) (T, error) {
	for {
		if err := ctx.Err(); err != nil {
			var zero T
			return zero, err
		}
		s.mu.Lock()
		if s.full {
			var zero T
			v := s.value
			s.value, s.full = zero, false
			s.mu.Unlock()
			return v, nil
		}
		if s.closed {
			err := s.err
			s.mu.Unlock()
			var zero T
			return zero, err
		}
		s.mu.Unlock()
		select {
		case <-s.ready:
		case <-ctx.Done():
		}
	}
}

// TryTake is Take that does not wait: it is false where there is no value. It is for the goroutine that
// takes.
func (s *Slot[T]) TryTake() (T, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var zero T
	v, was := s.value, s.full
	s.value, s.full = zero, false
	return v, was
}

// Close ends the slot: Take returns what is still in it, then err. The first Close counts.
func (s *Slot[T]) Close(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.closed, s.err = true, err
		s.signal()
	}
}

// signal is called with mu held. A closed slot must wake its taker every time: Take looks at
// closed before it waits, so one token is enough.
func (s *Slot[T]) signal() {
	select {
	case s.ready <- struct{}{}:
	default:
	}
}
