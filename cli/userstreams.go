package cli

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/lensbus/lensbus/broker"
	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
)

// How often the broker's users are looked at, and how many cameras one who may publish any can have.
const (
	usersEvery = time.Second
	mostHeard  = 1024
)

// keepNewest makes the streams of newest frames of all cameras that the broker's users publish, who have
// not got the right to make them, until ctx is done. Where nobody is asked who he is there is nothing to
// do: publishers make their own.
func (k *streams) keepNewest(ctx context.Context, server *broker.Server, conn *bus.Conn) {
	if server.Credentials() == nil {
		return
	}
	var newest bus.Latest[[]frame.CameraID]
	var keeping sync.WaitGroup
	defer keeping.Wait()
	keeping.Go(func() { conn.KeepNewest(ctx, &newest) })

	var mu sync.Mutex
	heard := make(map[frame.CameraID]bool)
	stop, err := conn.Statuses(func(s frame.Status) {
		mu.Lock()
		defer mu.Unlock()
		if len(heard) < mostHeard {
			heard[s.ID] = true
		}
	})
	if err == nil { // the connection is closed, else
		defer stop()
	}
	tick := time.NewTicker(usersEvery)
	defer tick.Stop()
	var before []frame.CameraID
	for {
		cameras, all := server.Publishes()
		if all {
			mu.Lock()
			cameras = slices.AppendSeq(cameras, maps.Keys(heard))
			mu.Unlock()
		}
		recorded, _ := k.wanted.Newest() // has streams of another kind
		// A stream here would have a site's pictures cross the link although nobody watches.
		elsewhere := server.Sites()
		cameras = slices.DeleteFunc(cameras, func(id frame.CameraID) bool {
			_, is := recorded[id]
			return is || slices.Contains(elsewhere, id)
		})
		slices.Sort(cameras)
		if cameras = slices.Compact(cameras); !slices.Equal(cameras, before) {
			newest.Put(cameras)
			before = cameras
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}
