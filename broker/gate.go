package broker

import (
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// accessEvery is how often the files are looked at.
const accessEvery = time.Second

// gate keeps a server to what the files of access say.
type gate struct {
	nats   *server.Server
	opts   *server.Options // that the server began with
	access *access
	reload func(*server.Options) error // the server's
	log    *slog.Logger

	stop chan struct{}
	done sync.WaitGroup
}

// keep looks at the files until close. A wrong one is logged and changes nothing, and neither does one that
// the server does not take: both are tried again each time, as they may be right with the same content: a
// mode, a moment.
func keep(nats *server.Server, opts *server.Options, a *access, log *slog.Logger) *gate {
	g := &gate{nats: nats, opts: opts, access: a, reload: nats.ReloadOptions, log: log, stop: make(chan struct{})}
	g.done.Go(func() {
		tick := time.NewTicker(accessEvery)
		defer tick.Stop()
		said := ""
		for {
			select {
			case <-g.stop:
				return
			case <-tick.C:
			}
			err := g.look()
			if err != nil && err.Error() != said {
				log.Error("who may use the broker: the files are wrong, what was before still holds", "error", err)
			}
			if said = ""; err != nil {
				said = err.Error()
			}
		}
	})
	return g
}

// look gives the server what the files say where that is not what it has.
func (g *gate) look() error {
	files, err := g.access.read()
	if err != nil || files.equal(g.access.taken) {
		return err
	}
	next := g.opts.Clone()
	people, err := g.access.options(files, next)
	if err != nil {
		return err
	}
	if err := g.reload(next); err != nil {
		return fmt.Errorf("give the NATS server who may use it: %w", err)
	}
	before := sites(g.access.now())
	g.access.hold(files, people)
	if !slices.Equal(sites(people), before) {
		dismissSites(g.nats)
	}
	g.log.Info("who may use the broker has changed", "users", len(people))
	return nil
}

// close waits. g may be nil.
func (g *gate) close() {
	if g == nil {
		return
	}
	close(g.stop)
	g.done.Wait()
}
