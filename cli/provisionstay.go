package cli

import (
	"context"
	"slices"
	"sync"

	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
)

// stay does, beside NATS servers that lensbus does not run, what lensbus's own broker does: it keeps the
// file's streams, those of cameras that are not recorded too, and answers who may not ask JetStream for the
// newest frame, until it is ended. Several may.
func (c *provisionCommand) stay(ctx context.Context, s *session, conn *bus.Conn, f file, recorded bus.Recorded, durables func(frame.CameraID) []string) error {
	var wanted bus.Latest[bus.Recorded]
	wanted.Put(recorded)
	var newest bus.Latest[[]frame.CameraID]
	var others []frame.CameraID
	for id := range f.Cameras {
		if _, is := recorded[id]; !is {
			others = append(others, id)
		}
	}
	slices.Sort(others)
	newest.Put(others)
	return s.life.run(ctx, role{"streams", func(ctx context.Context) error {
		var keeping sync.WaitGroup
		defer keeping.Wait()
		keeping.Go(func() { conn.ServeNewest(ctx, nil) })
		keeping.Go(func() { conn.KeepNewest(ctx, &newest) })
		s.log.Info("streams are kept, and newest frames are answered")
		conn.KeepStreams(ctx, &wanted, durables)
		return nil
	}})
}
