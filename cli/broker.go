package cli

import (
	"context"

	"github.com/lensbus/lensbus/broker"
)

type brokerCommand struct {
	fileFlag
	Listen string `env:"LENSBUS_BROKER_LISTEN" placeholder:"HOST:PORT" help:"Where NATS clients connect. Default 127.0.0.1:4222; port 0 takes a free one."`
	brokerFlags
}

func (c *brokerCommand) Run(ctx context.Context, s *session) error {
	f := file{Broker: broker.Config{Insecure: c.Insecure}}
	if err := c.load(&f); err != nil {
		return err
	}
	c.apply(c.Listen, &f.Broker)
	if err := f.Broker.Validate(); err != nil {
		return usage(err)
	}
	return s.life.run(ctx, role{"broker", func(ctx context.Context) error { return broker.Run(ctx, f.Broker, s.log) }})
}
