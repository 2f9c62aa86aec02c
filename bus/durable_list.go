package bus

import (
	"context"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/lensbus/lensbus/frame"
)

// mostRecorded bounds how many cameras are looked for, and with them what strangers on the bus can
// make a recorder do.
const mostRecorded = 1024

// StoredCameras returns the cameras whose frames the broker keeps on file, at most 1024; for a user with
// rights for some cameras, those. It asks for all streams, which only an administrator may where there
// are users: [ErrNotAllowed] for others.
func (c *Conn) StoredCameras(ctx context.Context) ([]frame.CameraID, error) {
	if c.scope != nil {
		return c.Scope(), nil
	}
	if c.narrow.Load() {
		return nil, fmt.Errorf("look for recorded cameras: %w", ErrNotAllowed)
	}
	js, err := jetstream.New(c.control)
	if err != nil {
		return nil, fmt.Errorf("look for recorded cameras: %w", err)
	}
	var ids []frame.CameraID
	watched, stop := c.refused.watch(ctx, "$JS.API.STREAM.LIST")
	defer stop()
	streams := js.ListStreams(watched) // copies of a site's have no subjects to ask for
	for info := range streams.Info() {
		if id, is := fileStreamOf(info.Config); is && len(ids) < mostRecorded {
			ids = append(ids, id)
		}
	}
	if refusalOf(watched) != nil {
		return nil, fmt.Errorf("look for recorded cameras: %w", ErrNotAllowed)
	}
	if err := streams.Err(); err != nil {
		return nil, fmt.Errorf("look for recorded cameras: %w", err)
	}
	return ids, nil
}
