package cli

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
)

// stay does, beside NATS servers that lensbus does not run, what lensbus's own broker does: it keeps the
// file's streams, those of cameras that are not recorded too, and answers who may not ask JetStream for the
// newest frame, until it is ended. It follows its file, and who the recorders among the users are. Several may.
func (c *provisionCommand) stay(ctx context.Context, s *session, conn *bus.Conn, f file, names *durables) error {
	var wanted bus.Latest[bus.Recorded]
	var newest bus.Latest[[]frame.CameraID]
	want := func(f file) {
		recorded, others := shared(f)
		newest.Put(others) // first: a stream of another kind is in the way of one on file
		names.follow(f.Recorder.Durable)
		wanted.Put(recorded)
	}
	want(f)
	return s.life.run(ctx, role{"streams", func(ctx context.Context) error {
		var keeping sync.WaitGroup
		defer keeping.Wait()
		keeping.Go(func() { conn.ServeNewest(ctx, nil) })
		keeping.Go(func() { conn.KeepNewest(ctx, &newest) })
		s.log.Info("streams are kept, and newest frames are answered")
		conn.KeepStreams(ctx, &wanted, names.of)
		return nil
	}}, role{"users", func(ctx context.Context) error {
		s.followUsers(ctx, names)
		return nil
	}}, role{"configuration", func(ctx context.Context) error {
		s.reread(ctx, c.fileFlag, cameraFlags{}, s.life.hangups(), want, func(f *file) { f.Recorder.Durable = "" })
		return nil
	}})
}

// shared are a file's cameras: those that are recorded, and the others, sorted.
func shared(f file) (recorded bus.Recorded, others []frame.CameraID) {
	recorded = recordedOf(f)
	for id := range f.Cameras {
		if _, is := recorded[id]; !is {
			others = append(others, id)
		}
	}
	slices.Sort(others)
	return recorded, others
}

// followUsers looks at the users file until ctx is done. One that is wrong is logged, once, and changes
// nothing until it is right.
func (s *session) followUsers(ctx context.Context, names *durables) {
	tick := time.NewTicker(usersEvery)
	defer tick.Stop()
	for said := ""; ; {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		changed, err := names.look()
		switch {
		case err != nil && err.Error() != said:
			s.log.Error("the users are refused, the recorders of before stay", "error", err)
		case changed:
			s.log.Info("users read again", "file", names.usersFile)
		}
		if said = ""; err != nil {
			said = err.Error()
		}
	}
}
