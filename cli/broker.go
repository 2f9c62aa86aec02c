package cli

import (
	"context"
	"errors"

	"github.com/lensbus/lensbus/broker"
	"github.com/lensbus/lensbus/bus"
)

type brokerCommand struct {
	fileFlag
	Listen string `env:"LENSBUS_BROKER_LISTEN" placeholder:"HOST:PORT" help:"Where NATS clients connect. Default 127.0.0.1:4222; port 0 takes a free one."`
	brokerFlags
	metricsFlags
}

func (c *brokerCommand) Run(ctx context.Context, s *session) error {
	c.heed(s.life)
	f := file{Broker: broker.Config{Insecure: c.Insecure, Auth: c.Auth}}
	if err := c.load(&f); err != nil {
		return err
	}
	c.brokerFlags.apply(c.Listen, &f.Broker)
	if err := errors.Join(f.Broker.Validate(), s.placeStreams(&f)); err != nil {
		return usage(err)
	}
	if err := c.metricsFlags.apply(c.Insecure, &f.Metrics); err != nil {
		return err
	}
	return s.withBroker(ctx, f.Broker, func(server *broker.Server, conn *bus.Conn) error {
		kept := s.newStreams(ctx, conn, f)
		return s.life.beside(ctx, s.numbers(f.Metrics, server.Ready, server.Metrics()), func() error {
			return s.life.run(ctx, kept.role(server, conn), kept.reread(s, c.fileFlag))
		})
	})
}
