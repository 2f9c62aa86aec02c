package recorder

import (
	"context"
	"sync"
	"time"

	"github.com/lensbus/lensbus/recorder/segment"
)

// known says which frames are recorded, by the camera's own numbers: these stay true whatever happens
// to the broker's. An epoch's frames are recorded in order, so that the last one tells.
type known struct {
	mu     sync.Mutex
	epochs map[string]numbered
}

// numbered is the newest number of an epoch, and when the broker stored it.
type numbered struct {
	seq uint64
	at  time.Time
}

// mostEpochs bounds what a publisher that invents epochs can make a recorder keep.
const mostEpochs = 1 << 16

func (k *known) has(epoch string, seq uint64) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return seq <= k.epochs[epoch].seq
}

// newest is the newest number of an epoch; false where nothing of it is recorded.
func (k *known) newest(epoch string) (numbered, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	n, ok := k.epochs[epoch]
	return n, ok
}

func (k *known) add(epoch string, seq uint64, at time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if _, there := k.epochs[epoch]; !there && len(k.epochs) >= mostEpochs {
		for old := range k.epochs {
			delete(k.epochs, old)
			break
		}
	}
	if seq > k.epochs[epoch].seq {
		k.epochs[epoch] = numbered{seq, at}
	}
}

// set makes the segments all that is known.
func (k *known) set(segments []segment.Info) {
	k.mu.Lock()
	k.epochs = make(map[string]numbered)
	k.mu.Unlock()
	for _, s := range segments {
		k.add(s.Epoch, s.LastSeq, s.End) // the broker's time is not in it
	}
}

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
	infos, err := c.r.index.Segments(ctx, c.id, time.Time{}, time.Time{})
	if err != nil {
		return segment.Info{}, err
	}
	infos = append(infos, c.unlisted()...)
	c.known.set(infos)
	// The one that starts last, or the one with the highest number in the stream: they differ where
	// the publisher's clock was put back, and where the stream was made anew. The file tells.
	var byTime, byNumber segment.Info
	for _, i := range infos {
		if byTime.Frames == 0 || i.Start.After(byTime.Start) {
			byTime = i
		}
		if byNumber.Frames == 0 || i.LastStored >= byNumber.LastStored {
			byNumber = i
		}
	}
	if byTime.Path == byNumber.Path {
		return byTime, nil
	}
	first, err := c.r.folder.written(byTime.Path)
	second, err2 := c.r.folder.written(byNumber.Path)
	if err2 == nil && (err != nil || second.After(first)) {
		return byNumber, nil
	}
	return byTime, nil
}
