package recorder

import (
	"context"

	"github.com/lensbus/lensbus/recorder/segment"
)

// setNewest notes the segment that was written last.
func (c *camera) setNewest(info segment.Info) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.newest = info
}

// newestClosed is the closed segment that was written last. Until that is known, and where nothing is
// recorded any more, it is the one that starts last.
func (c *camera) newestClosed(ctx context.Context) (segment.Info, bool, error) {
	c.mu.Lock()
	info := c.newest
	c.mu.Unlock()
	if info.Frames > 0 {
		return info, true, nil
	}
	return c.r.index.Newest(ctx, c.id)
}

// lookBack reads from the index what is recorded, and returns the segment that was written last; one
// without frames where there is none.
func (c *camera) lookBack(ctx context.Context) (segment.Info, error) {
	// The one that starts last, or the one with the highest number in the stream: they differ where
	// the publisher's clock was put back, and where the stream was made anew. The file tells.
	var byTime, byNumber segment.Info
	look := func(i segment.Info) {
		c.known.addSegment(i)
		if byTime.Frames == 0 || i.Start.After(byTime.Start) {
			byTime = i
		}
		if byNumber.Frames == 0 || i.LastStored >= byNumber.LastStored {
			byNumber = i
		}
	}
	c.known.clear()
	for info, err := range c.r.index.OldestFirst(ctx, c.id) { // there may be very many
		if err != nil {
			return segment.Info{}, err
		}
		look(info)
	}
	for _, info := range c.unlisted() {
		look(info)
	}
	first, err := c.r.folder.written(byTime.Path)
	if byTime.Path != byNumber.Path {
		second, err2 := c.r.folder.written(byNumber.Path)
		if err2 == nil && (err != nil || second.After(first)) {
			byTime, first, err = byNumber, second, nil
		}
	}
	if err == nil {
		c.known.storedBy(byTime.Epoch, first)
	}
	return byTime, nil
}
