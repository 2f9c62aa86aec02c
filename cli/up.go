package cli

import (
	"context"
	"errors"

	"github.com/lensbus/lensbus/broker"
	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/publisher"
	"github.com/lensbus/lensbus/recorder"
	"github.com/lensbus/lensbus/viewer/web"
)

type upCommand struct {
	fileFlag
	cameraFlags
	BrokerListen string `env:"LENSBUS_BROKER_LISTEN" placeholder:"HOST:PORT" help:"Where NATS clients connect. Default 127.0.0.1:4222."`
	WebListen    string `env:"LENSBUS_WEB_LISTEN" placeholder:"HOST:PORT" help:"Where browsers connect. Default 127.0.0.1:8080. The page's address is printed."`
	brokerFlags
	controlFlags
	keyFlag
}

func (c *upCommand) Run(ctx context.Context, s *session) error {
	c.heed(s.life)
	f := file{Broker: broker.Config{Insecure: c.Insecure, Auth: c.Auth}, Web: web.Config{Insecure: c.Insecure, Auth: c.Auth}}
	if err := c.load(&f); err != nil {
		return err
	}
	if f.Server != "" || f.Context != "" {
		return usage(errors.New("the file names a server or context, and `lensbus up` runs a broker of its own: remove that, or use `lensbus publish` and `lensbus web`"))
	}
	if err := c.addTo(&f); err != nil {
		return err
	}
	if c.Config == "" && len(c.Camera) == 0 {
		s.log.Info("a demo with test pictures: give --camera ID=SOURCE or -c FILE for cameras of your own")
		f.Cameras = demoCameras()
	}
	c.brokerFlags.apply(c.BrokerListen, &f.Broker)
	applyWeb(c.WebListen, c.Auth, c.Insecure, &f.Web)
	if err := errors.Join(f.Broker.Validate(), f.published().Validate(), f.Web.Validate(), f.Recorder.Validate(), s.placeStreams(&f)); err != nil {
		return usage(err)
	}
	sealed, err := c.sealing(f)
	if err != nil {
		return err
	}
	return s.withBroker(ctx, f.Broker, func(server *broker.Server, conn *bus.Conn) error {
		cameras, recordings := publisher.NewMetrics(), recorder.NewMetrics()
		kept, reloads := s.newStreams(ctx, conn, f), make(reloads)
		roles := []role{
			s.page(conn, f, recordings.Ready, server.Metrics(), conn.Metrics(), cameras, recordings),
			kept.role(server, conn), s.recorderOf(conn, f, recordings, reloads),
		}
		// Without any it serves the cameras of other machines; a file may have some later.
		if len(f.Cameras) > 0 || c.Config != "" {
			roles = append(roles, s.publisher(conn, f, c.fileFlag, c.cameraFlags, c.controlFlags, sealed.own, cameras, func(f file) {
				kept.want(s, f)
				reloads.put(ctx, s, f, false)
			}))
		}
		return s.life.run(ctx, roles...)
	}, sealed.connecting)
}

// demoCameras differ in size and rate, so that the page shows what it can.
func demoCameras() map[frame.CameraID]publisher.CameraConfig {
	return map[frame.CameraID]publisher.CameraConfig{
		"door":  {Source: "test:?width=640&height=480&fps=15"},
		"front": {Source: "test:?width=1280&height=720&fps=25"},
		"yard":  {Source: "test:?width=960&height=540&fps=10"},
	}
}
