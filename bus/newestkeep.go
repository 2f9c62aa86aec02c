package bus

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/lensbus/lensbus/frame"
)

// newestEvery is how often the streams of newest frames are looked after besides at every change and
// connect.
const newestEvery = 10 * time.Second

// KeepNewest makes sure that each of the newest wanted cameras has a stream (see [Conn.EnsureStream]),
// and again whenever one is missing, until ctx is done: for whoever runs a server whose publishers have
// not got the right to make streams. What it cannot do is logged.
func (c *Conn) KeepNewest(ctx context.Context, wanted *Latest[[]frame.CameraID]) {
	connected := c.control.StatusChanged(nats.CONNECTED)
	defer c.control.RemoveStatusListener(connected)
	reader := wanted.Reader()
	said := make(map[frame.CameraID]string) // the last error
	var now []frame.CameraID
	for {
		for _, id := range now {
			if !c.control.IsConnected() {
				break
			}
			asking, cancel := context.WithTimeout(ctx, keepDeadline)
			_, err := c.EnsureStream(asking, id)
			cancel()
			if ctx.Err() != nil {
				return
			}
			if err == nil {
				delete(said, id)
				continue
			}
			if text := err.Error(); text != said[id] {
				c.log.Warn("newest pictures are not kept", "camera", id, "error", text)
				said[id] = text
			}
			if errors.Is(err, ErrNoJetStream) || errors.Is(err, context.DeadlineExceeded) {
				break // the others would fare no better
			}
		}
		select {
		case <-time.After(newestEvery):
		case <-connected:
		case <-reader.Ready():
			next, _, err := reader.Next(ctx)
			if err != nil {
				return
			}
			now = next
			maps.DeleteFunc(said, func(id frame.CameraID, _ string) bool { return !slices.Contains(now, id) })
		case <-ctx.Done():
			return
		}
	}
}

// lookForMade is how often a user that may not make streams looks for one that is made for it.
const lookForMade = 200 * time.Millisecond

// awaitStream returns the camera's stream, which is made for this user by who runs the server, as soon
// as it is as wanted; ctx bounds the wait. Its stream is nil where there is none.
func (c *Conn) awaitStream(ctx context.Context, js jetstream.JetStream, id frame.CameraID, wanted func(jetstream.StreamConfig) bool) (jetstream.Stream, error) {
	asking, cancel := context.WithCancel(ctx)
	if deadline, ok := ctx.Deadline(); ok { // time to say so
		cancel()
		asking, cancel = context.WithDeadline(ctx, deadline.Add(-time.Until(deadline)/4))
	}
	defer cancel()
	var last jetstream.Stream
	for {
		stream, err := js.Stream(asking, id.StreamName())
		switch {
		case err == nil && wanted(stream.CachedInfo().Config):
			return stream, nil
		case err == nil:
			last = stream
		case asking.Err() != nil:
		case !errors.Is(err, jetstream.ErrStreamNotFound):
			return nil, err
		}
		sleep(asking, lookForMade)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if asking.Err() != nil {
			return last, fmt.Errorf("%w: nobody has made it, and these credentials may not", errNoStream)
		}
	}
}
