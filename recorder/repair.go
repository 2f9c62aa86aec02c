package recorder

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"syscall"
	"time"

	"github.com/lensbus/lensbus/recorder/segment"
)

// repair closes the segments that a failing disk has left open, while others are recorded: as
// Reconcile does for all at the start. Until it succeeds nothing more is recorded of the camera,
// because nobody knows what of the last part is on disk.
func (c *camera) repair(ctx context.Context) error {
	for len(c.left) > 0 {
		info, err := c.closeLeft(c.left[0])
		if err != nil {
			if !c.giveUp(&c.left[0], err) {
				return err
			}
			c.left = c.left[1:]
			continue
		}
		if info.Frames > 0 {
			c.list(info)
			c.log.Info("segment closed after a failure", "segment", info.Path, "frames", info.Frames)
		}
		c.left = c.left[1:]
	}
	c.index(ctx, true)
	c.show(segment.Info{})
	return nil
}

// stuckPart is a segment that could not be closed, and since when that has been tried.
type stuckPart struct {
	path string
	// flushed is how many bytes of it are on disk: what is after them may be in memory alone. math.MaxInt64
	// where that is not known, of a process that is gone.
	flushed int64
	since   time.Time // zero: it has not been
	tries   int
}

// What has to come together before a segment that cannot be closed is put aside.
const (
	giveUpAfter = time.Minute
	giveUpTries = 3
)

// giveUp puts a segment aside that nothing but itself keeps from being closed, so that the camera is
// recorded again, and says whether it did. Nothing of it is lost by that: every start tries to close it, and
// what the stream still has of it is recorded anew. Where the volume is full or read-only it is the volume's doing.
func (c *camera) giveUp(p *stuckPart, why error) bool {
	now := time.Now()
	if p.tries++; p.tries == 1 {
		p.since = now
	}
	after := c.r.deps.GiveUp
	if after <= 0 {
		after = giveUpAfter
	}
	if p.tries < giveUpTries || now.Sub(p.since) < after ||
		errors.Is(why, syscall.ENOSPC) || errors.Is(why, syscall.EDQUOT) || errors.Is(why, syscall.EROFS) {
		return false
	}
	path := closedPath(p.path)
	name, err := segment.ParsePath(path)
	if err != nil {
		return false
	}
	if aside, err := c.r.folder.SetAside(path + ".part"); err == nil {
		path = aside
	} else if !errors.Is(err, fs.ErrNotExist) {
		return false // the disk lets nothing be done
	}
	c.r.setAside(path)
	c.lost[c.id] = append(c.lost[c.id], name.Start)
	c.log.Error("a segment cannot be closed and is put aside, recording goes on: a start of the recorder tries again, and what is in it may be missing until then", "segment", path, "error", why)
	return true
}

// closeLeft closes one segment and returns what it holds: no frames where nothing of it was saved.
func (c *camera) closeLeft(p stuckPart) (segment.Info, error) {
	path := closedPath(p.path) + ".part"
	salvage, err := c.r.folder.SalvageFlushed(path, p.flushed)
	switch {
	case err == nil && salvage.Outcome == segment.Salvaged:
		return salvage.Info, nil
	case err == nil:
		c.r.setAside(salvage.Info.Path) // where it is not deleted
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
