package bus

import (
	"context"
	"sync"
	"sync/atomic"
)

// Latest passes values from one writer to any number of readers, each of which gets the newest
// whenever it is ready for one. Put costs the same with one reader or a thousand, never waits for
// any of them, and nothing queues: a reader that is slow skips values, and is told how many.
//
// The zero value is ready.
type Latest[T any] struct {
	mu   sync.Mutex // serialises writers
	cell atomic.Pointer[cell[T]]
}

// cell is a value and the promise of the next: readers wait for more to be closed.
type cell[T any] struct {
	value T
	n     uint64 // counts values; 0 is "none yet"
	more  chan struct{}
	err   error // set when the Latest was closed; value is the last one then
}

func (l *Latest[T]) current() *cell[T] {
	if c := l.cell.Load(); c != nil {
		return c
	}
	l.cell.CompareAndSwap(nil, &cell[T]{more: make(chan struct{})})
	return l.cell.Load()
}

// Put makes v the newest value. After Close it does nothing.
func (l *Latest[T]) Put(v T) { l.replace(v, nil, false) }

// Close ends the Latest: every reader gets the newest value that it has not had, then err.
// The first Close counts.
func (l *Latest[T]) Close(err error) {
	var zero T
	l.replace(zero, err, true)
}

func (l *Latest[T]) replace(v T, err error, closing bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	old := l.current()
	if old.err != nil {
		return
	}
	next := &cell[T]{value: v, n: old.n + 1, more: make(chan struct{})}
	if closing {
		next.value, next.n, next.err = old.value, old.n, err
	}
	l.cell.Store(next)
	close(old.more)
}

// Newest returns the newest value, and false where there is none yet.
func (l *Latest[T]) Newest() (T, bool) {
	c := l.current()
	return c.value, c.n > 0
}

// Reader returns a new reader. Its first value is the newest there is, or the first to come.
func (l *Latest[T]) Reader() *Reader[T] {
	r := &Reader[T]{latest: l}
	if n := l.current().n; n > 0 {
		r.seen = n - 1
	}
	return r
}

// Reader is one reader's place in a [Latest]. It is for one goroutine; there is nothing to close.
type Reader[T any] struct {
	latest *Latest[T]
	seen   uint64
}

// Next waits for a value newer than the last one it returned. It returns how many values in
// between this reader skipped, ctx's error when ctx is done, and Close's error at the end.
func (r *Reader[T]) Next(ctx context.Context) (v T, skipped uint64, err error) {
	for {
		c := r.latest.current()
		if c.n > r.seen {
			skipped = c.n - r.seen - 1
			r.seen = c.n
			return c.value, skipped, nil
		}
		if c.err != nil {
			return v, 0, c.err
		}
		select {
		case <-c.more:
		case <-ctx.Done():
			return v, 0, ctx.Err()
		}
	}
}

// Ready returns a channel that is closed as soon as Next would not wait: for a select that waits
// for other things too. It is good for one Next; ask again after it.
func (r *Reader[T]) Ready() <-chan struct{} {
	c := r.latest.current()
	if c.n > r.seen || c.err != nil {
		now := make(chan struct{})
		close(now)
		return now
	}
	return c.more
}
