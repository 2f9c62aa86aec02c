package publisher

import (
	"sync"
	"time"
)

// quiet notices that no picture has come for as long as patience says when it is asked: a rate that
// is lowered meanwhile counts at once.
type quiet struct {
	patience func() time.Duration
	frozen   func(after time.Duration)

	mu    sync.Mutex
	last  time.Time // picture
	timer *time.Timer
}

// newQuiet begins to wait for a picture. End it with stop.
func newQuiet(patience func() time.Duration, frozen func(after time.Duration)) *quiet {
	q := &quiet{patience: patience, frozen: frozen, last: time.Now()}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.timer = time.AfterFunc(patience(), q.look)
	return q
}

func (q *quiet) look() {
	patience := q.patience()
	q.mu.Lock()
	left := patience - time.Since(q.last)
	if left > 0 {
		q.timer.Reset(left)
	}
	q.mu.Unlock()
	if left <= 0 {
		q.frozen(patience)
	}
}

// heard takes note of a picture.
func (q *quiet) heard() {
	patience := q.patience()
	q.mu.Lock()
	defer q.mu.Unlock()
	q.last = time.Now()
	q.timer.Reset(patience)
}

func (q *quiet) stop() { q.timer.Stop() }
