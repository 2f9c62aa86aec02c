package recorder

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/lensbus/lensbus/recorder/segment"
)

// rowsDue are a camera's closed segments that are not in the index, because the disk does not let it or
// somebody holds it. Nothing is lost by it: who asks finds them here, and a start by their files.
type rowsDue struct {
	mu    sync.Mutex
	infos []segment.Info
	next  time.Time // when it is tried again; zero: at once
	wait  time.Duration
}

// mostUnindexed is how many rows wait for an index that does not take them.
const mostUnindexed = 1000

// unlisted are the closed segments that are not in the index, the oldest first.
func (c *camera) unlisted() []segment.Info {
	c.rows.mu.Lock()
	defer c.rows.mu.Unlock()
	return slices.Clone(c.rows.infos)
}

// list has a segment put into the index.
func (c *camera) list(info segment.Info) {
	c.rows.mu.Lock()
	defer c.rows.mu.Unlock()
	c.rows.infos = append(c.rows.infos, info)
	if over := len(c.rows.infos) - mostUnindexed; over > 0 {
		c.rows.infos = slices.Delete(c.rows.infos, 0, over)
	}
}

// index writes the rows that are due; where that has failed, only after a while, or now. It is for one
// goroutine.
func (c *camera) index(ctx context.Context, now bool) {
	c.rows.mu.Lock()
	wait := c.rows.next
	c.rows.mu.Unlock()
	if !now && time.Now().Before(wait) {
		return
	}
	for _, info := range c.unlisted() {
		err := c.r.index.Add(context.WithoutCancel(ctx), info)
		c.r.indexed(err)
		c.rows.mu.Lock()
		if err != nil {
			c.rows.wait = min(max(2*c.rows.wait, firstRetry), mostRetry)
			c.rows.next = time.Now().Add(c.rows.wait)
			c.rows.mu.Unlock()
			return
		}
		c.rows.next, c.rows.wait = time.Time{}, 0
		c.rows.infos = slices.DeleteFunc(c.rows.infos, func(i segment.Info) bool { return i.Path == info.Path })
		c.rows.mu.Unlock()
	}
}

// indexIdle writes the rows that are due of cameras that are not recorded any more.
func (r *recorder) indexIdle(ctx context.Context) {
	for _, c := range r.all() {
		if c.idle {
			c.index(ctx, false)
		}
	}
}

// indexed notes how writing to the index went, and says it where it has changed.
func (r *recorder) indexed(err error) {
	r.mu.Lock()
	was := r.lag
	r.lag = err
	r.mu.Unlock()
	switch {
	case err != nil && was == nil:
		r.log.Error("the index cannot be written: segments are safe, shown to those who ask, and written down later", "error", err)
	case err == nil && was != nil:
		r.log.Info("the index is written again")
	}
}
