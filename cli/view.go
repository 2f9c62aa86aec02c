package cli

import (
	"context"
	"slices"

	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/viewer/window"
)

type viewCommand struct {
	ID []frame.CameraID `arg:"" optional:"" help:"The cameras, in this order. Default: all that there are."`
	fileFlag
	serverFlags
	metricsFlags
	Insecure bool `env:"LENSBUS_INSECURE" help:"With --metrics-listen: serve other machines too, although there is no authentication."`
}

func (c *viewCommand) Run(ctx context.Context, s *session) error {
	var f file
	if err := c.load(&f); err != nil {
		return err
	}
	if len(c.ID) > 0 {
		f.View.Cameras = slices.Clone(c.ID)
	}
	if err := f.View.Validate(); err != nil {
		return usage(err)
	}
	if err := c.apply(c.Insecure, &f.Metrics); err != nil {
		return err
	}
	conn, err := s.connect(ctx, c.serverFlags, f)
	if err != nil {
		return err
	}
	metrics := window.NewMetrics()
	return s.use(conn, func() error {
		return s.life.beside(ctx, s.numbers(f.Metrics, ready(conn, nil), metrics, conn.Metrics()), func() error {
			defer s.life.begin("window")()
			// Here and not in a role's goroutine: a window wants the main one.
			return window.Run(ctx, f.View, window.Deps{Bus: conn, Log: s.log, Metrics: metrics})
		})
	})
}
