package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/viewer/window"
)

type viewCommand struct {
	ID    []frame.CameraID `arg:"" optional:"" help:"The cameras, in this order. Default: all that there are."`
	From  moment           `placeholder:"T" help:"Recorded pictures from then on instead of live ones: 2026-11-22T10:00:00Z, -10m (ago)."`
	To    moment           `placeholder:"T" help:"With --from: until when; like that, +90s (after --from), or now. Default: the newest there is."`
	Speed float64          `default:"1" placeholder:"N" help:"With --from: how many times as fast, 0.1 to 64. Default 1."`
	fileFlag
	serverFlags
	keyFlag
	metricsFlags
	Insecure bool `env:"LENSBUS_INSECURE" help:"With --metrics-listen: serve other machines too, although there is no authentication."`
}

func (c *viewCommand) Run(ctx context.Context, s *session) error {
	if window.Built {
		s.limitOpenCV()
	}
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
	playback, err := c.playback(time.Now())
	if err != nil {
		return err
	}
	if err := c.apply(c.Insecure, &f.Metrics); err != nil {
		return err
	}
	sealed, err := c.sealing(f)
	if err != nil {
		return err
	}
	conn, err := s.connect(ctx, c.serverFlags, f, sealed.connecting)
	if err != nil {
		return err
	}
	if own := conn.Scope(); len(f.View.Cameras) == 0 && playback == nil {
		f.View.Cameras = own[:min(len(own), window.MostCameras)]
	}
	metrics := window.NewMetrics()
	return s.use(conn, func() error {
		if playback != nil && len(f.View.Cameras) == 0 {
			if f.View.Cameras, err = s.recordedCameras(ctx, conn); err != nil {
				return err
			}
		}
		return s.life.beside(ctx, s.numbers(f.Metrics, ready(conn, nil), metrics, conn.Metrics()), func() error {
			defer s.life.begin("window")()
			// Here and not in a role's goroutine: a window wants the main one.
			return window.Run(ctx, f.View, window.Deps{Bus: conn, Log: s.log, Metrics: metrics, Playback: playback})
		})
	})
}

// playback is what the flags say of a replay; nil: live.
func (c *viewCommand) playback(now time.Time) (*window.Playback, error) {
	if c.From == "" {
		if c.To != "" || c.Speed != 1 {
			return nil, usage(errors.New("--to and --speed go with --from"))
		}
		return nil, nil
	}
	from, to, err := period(c.From, c.To, now)
	if err != nil {
		return nil, err
	}
	if !(c.Speed >= frame.MinSpeed && c.Speed <= frame.MaxSpeed) { // NaN is not
		return nil, usage(fmt.Errorf("--speed %g: want %g to %d", c.Speed, frame.MinSpeed, frame.MaxSpeed))
	}
	return &window.Playback{From: from, To: to, Speed: c.Speed}, nil
}

// recordedCameras are those that recorders on the bus have.
func (s *session) recordedCameras(ctx context.Context, conn *bus.Conn) ([]frame.CameraID, error) {
	if err := s.reach(ctx, conn); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, answerWait)
	defer cancel()
	ids, err := conn.RecorderCameras(ctx, time.Second)
	if errors.Is(err, bus.ErrNotAllowed) {
		return nil, errors.New("these credentials may not ask all recorders which cameras they have: name the cameras")
	}
	if err != nil {
		return nil, err
	}
	if len(ids) == 0 {
		return nil, errors.New("no recorder answers: start one with `lensbus record`")
	}
	return ids[:min(len(ids), window.MostCameras)], nil
}
