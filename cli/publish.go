package cli

import (
	"context"
	"errors"
	"os"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/lensbus/lensbus/broker"
	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/publisher"
	"github.com/lensbus/lensbus/seal"
)

type publishCommand struct {
	fileFlag
	cameraFlags
	serverFlags
	EmbedBroker bool   `env:"LENSBUS_EMBED_BROKER" help:"Run a broker in this process too, instead of using one."`
	Listen      string `env:"LENSBUS_BROKER_LISTEN" placeholder:"HOST:PORT" help:"With --embed-broker: where NATS clients connect. Default 127.0.0.1:4222."`
	brokerFlags
	controlFlags
	metricsFlags
	keyFlag
}

func (c *publishCommand) Run(ctx context.Context, s *session) error {
	c.heed(s.life)
	f := file{Broker: broker.Config{Insecure: c.Insecure, Auth: c.Auth}}
	if err := c.load(&f); err != nil {
		return err
	}
	if err := c.addTo(&f); err != nil {
		return err
	}
	if len(f.Cameras) == 0 {
		return usage(errors.New("no cameras: give --camera ID=SOURCE, or -c FILE with cameras in it"))
	}
	if err := f.published().Validate(); err != nil {
		return usage(err)
	}
	if err := c.metricsFlags.apply(c.Insecure, &f.Metrics); err != nil {
		return err
	}
	sealed, err := c.sealing(f)
	if err != nil {
		return err
	}
	if !c.EmbedBroker {
		conn, err := s.connect(ctx, c.serverFlags, f)
		if err != nil {
			return err
		}
		return s.use(conn, func() error { return c.publish(ctx, s, nil, conn, f, nil, sealed.own) })
	}
	// What the environment says is for commands that are not told anything else.
	if c.Server != os.Getenv("LENSBUS_SERVER") || c.Context != os.Getenv("LENSBUS_CONTEXT") {
		return usage(errors.New("--embed-broker runs a broker and --server or --context uses another: give one of them"))
	}
	c.brokerFlags.apply(c.Listen, &f.Broker)
	if err := errors.Join(f.Broker.Validate(), s.placeStreams(&f)); err != nil {
		return usage(err)
	}
	return s.withBroker(ctx, f.Broker, func(server *broker.Server, conn *bus.Conn) error {
		return c.publish(ctx, s, server, conn, f, s.newStreams(ctx, conn, f), sealed.own)
	})
}

// publish runs the cameras, and their numbers beside them. server and kept are nil where it is another
// process.
func (c *publishCommand) publish(ctx context.Context, s *session, server *broker.Server, conn *bus.Conn, f file, kept *streams, own seal.Key) error {
	cameras := publisher.NewMetrics()
	all := []prometheus.Collector{cameras, conn.Metrics()}
	if server != nil {
		all = append(all, server.Metrics())
	}
	return s.life.beside(ctx, s.numbers(f.Metrics, ready(conn, server), all...), func() error {
		publisher := s.publisher(conn, f, c.fileFlag, c.cameraFlags, c.controlFlags, own, cameras, func(f file) { kept.want(s, f) })
		run := func() error { return s.life.run(ctx, publisher) }
		if kept == nil {
			return run()
		}
		return s.life.beside(ctx, kept.role(server, conn), run) // which ends with the cameras
	})
}

// publisher is the role that publishes the file's cameras, and those that the file has later. also hears
// of a file that was read again.
func (s *session) publisher(conn *bus.Conn, f file, from fileFlag, more cameraFlags, control controlFlags, own seal.Key, metrics *publisher.Metrics, also func(file)) role {
	return role{"cameras", func(ctx context.Context) error {
		deps := publisher.Deps{Bus: conn, Log: s.log, Metrics: metrics, SealKey: own}
		control.complete(&deps, s.Version)
		if self, err := os.Executable(); err == nil {
			deps.Worker = []string{self, "capture-worker"}
		} else {
			s.log.Warn("cameras are not isolated from each other: this program's file is not found (no /proc?)", "error", err)
		}
		watching, stop := context.WithCancel(ctx)
		var reading sync.WaitGroup
		defer reading.Wait()
		defer stop()
		if from.Config != "" {
			reload := make(chan publisher.Config)
			deps.Reload = reload
			hangups := s.life.hangups()
			reading.Go(func() {
				s.reread(watching, from, more, hangups, func(f file) {
					also(f)
					select {
					case reload <- f.published():
					case <-watching.Done():
					}
				})
			})
		}
		return publisher.Run(ctx, f.published(), deps)
	}}
}
