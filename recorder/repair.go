package recorder

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/lensbus/lensbus/recorder/segment"
)

// repair closes the segments that a failing disk has left open, while others are recorded: as
// Reconcile does for all at the start. Until it succeeds nothing more is recorded of the camera,
// because nobody knows what of the last part is on disk.
func (c *camera) repair(ctx context.Context) error {
	for len(c.left) > 0 {
		info, err := c.closeLeft(c.left[0])
		if err != nil {
			return err
		}
		if info.Frames > 0 {
			c.unindexed = append(c.unindexed, info)
			c.log.Info("segment closed after a failure", "segment", info.Path, "frames", info.Frames)
		}
		c.left = c.left[1:]
	}
	c.index(ctx)
	c.show(segment.Info{})
	return nil
}

// closeLeft closes one segment and returns what it holds: no frames where nothing of it was saved.
func (c *camera) closeLeft(path string) (segment.Info, error) {
	path = closedPath(path) + ".part"
	salvage, err := c.r.folder.Salvage(path)
	switch {
	case err == nil && salvage.Outcome == segment.Salvaged:
		return salvage.Info, nil
	case err == nil:
		return segment.Info{}, nil
	case !errors.Is(err, fs.ErrNotExist):
		return segment.Info{}, err
	}
	// Deleted, because there was nothing in it, or closed, and only that was not known to be safe.
	reader, err := c.r.folder.Open(closedPath(path))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return segment.Info{}, nil
	case err != nil:
		return segment.Info{}, fmt.Errorf("looking at a segment after a failure: %w", err)
	}
	defer func() { _ = reader.Close() }() // was only read
	return reader.Info(), nil
}

// index writes the rows of closed segments. Where the disk does not let it, that is tried again at
// every tick: nothing is lost by it, and a start finds them by their files.
func (c *camera) index(ctx context.Context) {
	for len(c.unindexed) > 0 {
		if err := c.r.index.Add(context.WithoutCancel(ctx), c.unindexed[0]); err != nil {
			if len(c.unindexed) > mostUnindexed {
				c.unindexed = c.unindexed[1:]
			}
			c.r.indexed(err)
			return
		}
		c.unindexed = c.unindexed[1:]
		c.r.indexed(nil)
	}
}

// mostUnindexed is how many rows wait for an index that does not take them.
const mostUnindexed = 1000

// indexed notes how writing to the index went, and says it where it has changed.
func (r *recorder) indexed(err error) {
	r.mu.Lock()
	was := r.lag
	r.lag = err
	r.mu.Unlock()
	switch {
	case err != nil && was == nil:
		r.log.Error("the index cannot be written: segments are safe, and found by it later", "error", err)
	case err == nil && was != nil:
		r.log.Info("the index is written again")
	}
}
