package publisher

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
)

// How often the stream is looked after besides at every connect: it may be deleted, and a server
// that has lost its memory comes back without it.
const (
	streamCheck    = 30 * time.Second
	streamGiveUp   = 10 * time.Minute // after a refusal that will last: no JetStream, no right
	streamDeadline = 5 * time.Second
	// recordedCheck is for a camera that is recorded, of which every frame counts that is not stored.
	recordedCheck  = 5 * time.Second
	recordedGiveUp = time.Minute // after a refusal that will last: no room, no right
)

// keepStream makes sure that the camera's newest frame is kept, and, of a recorded camera, all of its
// frames: after every connect, and as soon as they are not.
func (c *camera) keepStream(ctx context.Context) {
	nc := c.bus.NATS()
	connected := nc.StatusChanged(nats.CONNECTED)
	defer nc.RemoveStatusListener(connected)
	said := ""
	for {
		next := time.Second
		if nc.IsConnected() {
			var err error
			if next, err = c.ensureStream(ctx); err == nil {
				said = ""
			} else if text := err.Error(); ctx.Err() == nil && text != said {
				c.log.Warn(c.without(), "error", text)
				said = text
			}
		}
		select {
		case <-time.After(next):
		case <-connected:
		case <-c.unstored:
			// One look a second, however often that changes.
			select {
			case <-time.After(time.Second):
			case <-ctx.Done():
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

// without is what it means that there is no stream.
func (c *camera) without() string {
	if c.cfg.Recorded() {
		return "not recorded"
	}
	return "live only"
}

// ensureStream makes sure of the stream once, and returns when to look again.
func (c *camera) ensureStream(ctx context.Context) (next time.Duration, err error) {
	asking, cancel := context.WithTimeout(ctx, streamDeadline)
	defer cancel()
	var storage bus.Storage
	if c.cfg.Recorded() {
		storage, err = c.bus.EnsureRecorded(asking, c.id, c.cfg.Record.Limits())
		next = recordedCheck
		switch {
		case err != nil && c.sender.out.StoredStats().Storing():
			// It may not ask, as where there are accounts, and need not: frames are confirmed.
			storage, err, next = bus.StorageFile, nil, streamGiveUp
		case err == nil:
			c.sender.out.AskAgain()
		case !errors.Is(err, bus.ErrNoJetStream) && !errors.Is(err, context.DeadlineExceeded):
			next = recordedGiveUp
			if storage == bus.StorageNone { // better the newest frame than none
				storage, _ = c.bus.EnsureStream(asking, c.id) // the first error says it all
			}
		}
	} else {
		storage, err = c.bus.EnsureStream(asking, c.id)
		next = streamCheck
		if err != nil {
			next = streamGiveUp
		} else { // somebody else may have decided that it is recorded
			c.sender.recorded.Store(storage == bus.StorageFile)
		}
	}
	c.state.stored(string(storage))
	return next, err
}

// settleStoring is how long frames must be unstored before it is said: a stream that is being made, or
// a moment without one, is in the numbers.
const settleStoring = time.Second

// watchStoring says when a recorded camera's frames are stored no longer, and again.
func (c *camera) watchStoring(ctx context.Context) {
	out := c.sender.out
	said := false
	var lasting <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-lasting:
			lasting = nil
		case <-out.StoredChanged():
			if out.StoredStats().Stopped != "" {
				signal(c.unstored) // the stream may be gone
				if !said && lasting == nil {
					lasting = time.After(settleStoring)
				}
				continue
			}
		}
		s := out.StoredStats()
		switch {
		case s.Stopped != "" && !said:
			said = true
			c.log.Error("frames are not stored: live pictures go on, recordings have a hole from here", "reason", s.Stopped)
		case s.Stopped == "" && said:
			said = false
			c.log.Info("frames are stored again", "unstored", s.Sent-s.Stored-uint64(s.InFlight))
		}
	}
}

// addStored completes a status with what is known of the camera's storage.
func (c *camera) addStored(s *frame.Status) {
	if !c.sender.recorded.Load() {
		return
	}
	stats := c.sender.out.StoredStats()
	s.Recorded, s.Stored = true, stats.Stored
	if len(stats.Unstored) > 0 {
		s.Unstored = make(map[string]uint64, len(stats.Unstored))
		for reason, n := range stats.Unstored {
			s.Unstored[string(reason)] = n
		}
	}
}
