package cli

import (
	"context"
	"errors"

	"github.com/lensbus/lensbus/broker"
)

type brokerCommand struct {
	fileFlag
	Listen string `env:"LENSBUS_BROKER_LISTEN" placeholder:"HOST:PORT" help:"Where NATS clients connect. Default 127.0.0.1:4222; port 0 takes a free one."`
	brokerFlags
	metricsFlags
}

func (c *brokerCommand) Run(ctx context.Context, s *session) error {
	f := file{Broker: broker.Config{Insecure: c.Insecure}}
	if err := c.load(&f); err != nil {
		return err
	}
	c.brokerFlags.apply(c.Listen, &f.Broker)
	if err := f.Broker.Validate(); err != nil {
		return usage(err)
	}
	if err := c.metricsFlags.apply(c.Insecure, &f.Metrics); err != nil {
		return err
	}
	server, err := broker.Start(ctx, f.Broker, s.log)
	if err != nil {
		if interrupted(ctx, err) {
			return nil
		}
		return err
	}
	err = s.life.beside(ctx, s.numbers(f.Metrics, server.Ready, server.Metrics()), func() error {
		<-ctx.Done()
		return nil
	})
	return errors.Join(err, s.life.end("broker", server.Close))
}
