package cli

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/lensbus/lensbus/broker"
	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/config/bytesize"
	"github.com/lensbus/lensbus/frame"
)

type benchCommand struct {
	fileFlag
	serverFlags
	EmbedBroker bool           `help:"Measure a broker in this process instead, at a free port of loopback."`
	Cameras     int            `default:"4" placeholder:"N" help:"How many cameras send. Default 4."`
	FPS         float64        `default:"15" placeholder:"N" help:"Frames a second of each camera. Default 15."`
	Bytes       bytesize.Bytes `default:"100KiB" placeholder:"SIZE" help:"Size of a frame, such as 60KiB or 2MiB. Default 100KiB."`
	Viewers     int            `default:"1" placeholder:"N" help:"How many watch all of the cameras. Default 1."`
	For         time.Duration  `default:"10s" placeholder:"TIME" help:"How long to measure. Default 10s."`
	ID          string         `placeholder:"PREFIX" help:"The cameras are PREFIX-1, PREFIX-2 and so on, of which the user of --creds needs all rights. Default: bench and a random word."`
	JSON        bool           `help:"Print a JSON object."`
}

// What a measurement may be at most: it is to load a server, not to break it by a slip of the keyboard.
const (
	mostBenchCameras = 1000
	mostBenchFPS     = 1000
	mostBenchViewers = 100
	mostBenchTime    = time.Hour
	mostBenchBytes   = 8<<20 - 1<<10 // what the broker takes as it is, with room for headers
)

// load is what is asked for.
func (c *benchCommand) load() (benchLoad, error) {
	prefix := cmp.Or(c.ID, "bench-"+strings.ToLower(rand.Text()[:8]))
	load := benchLoad{fps: c.FPS, bytes: int(c.Bytes), viewers: c.Viewers, lasts: c.For}
	switch {
	case c.Cameras < 1 || c.Cameras > mostBenchCameras:
		return load, fmt.Errorf("--cameras %d: want 1 to %d", c.Cameras, mostBenchCameras)
	case !(c.FPS >= 0.1 && c.FPS <= mostBenchFPS): // not a number neither
		return load, fmt.Errorf("--fps %g: want 0.1 to %d", c.FPS, mostBenchFPS)
	case c.Bytes < leastBenchBytes || c.Bytes > mostBenchBytes:
		return load, fmt.Errorf("--bytes %s: want %s to %s", c.Bytes, bytesize.Bytes(leastBenchBytes), bytesize.Bytes(mostBenchBytes))
	case c.Viewers < 1 || c.Viewers > mostBenchViewers:
		return load, fmt.Errorf("--viewers %d: want 1 to %d", c.Viewers, mostBenchViewers)
	case c.For < time.Second || c.For > mostBenchTime:
		return load, fmt.Errorf("--for %s: want 1s to %s", c.For, mostBenchTime)
	case c.EmbedBroker && (c.Server != os.Getenv("LENSBUS_SERVER") || c.Context != os.Getenv("LENSBUS_CONTEXT") || c.Creds != os.Getenv("LENSBUS_CREDS")):
		return load, errors.New("--embed-broker measures a broker in this process and --server, --context and --creds name another: give one of them")
	}
	for n := range c.Cameras {
		id, err := frame.ParseCameraID(fmt.Sprintf("%s-%d", prefix, n+1))
		if err != nil {
			return load, fmt.Errorf("--id: %w", err)
		}
		load.cameras = append(load.cameras, id)
	}
	return load, nil
}

func (c *benchCommand) Run(ctx context.Context, s *session) error {
	load, err := c.load()
	if err != nil {
		return usage(err)
	}
	var f file
	if err := c.fileFlag.load(&f); err != nil {
		return err
	}
	connect := func(ctx context.Context) (*bus.Conn, error) { return s.connect(ctx, c.serverFlags, f) }
	if !c.EmbedBroker {
		return c.measure(ctx, s, load, connect)
	}
	return s.withBroker(ctx, broker.Config{Listen: "127.0.0.1:0"}, func(server *broker.Server, _ *bus.Conn) error {
		return c.measure(ctx, s, load, func(ctx context.Context) (*bus.Conn, error) {
			return bus.Connect(ctx, bus.Options{Server: server.URL(), Log: s.log})
		})
	})
}

// measure connects, once for the cameras and once for each viewer as if they were other machines, and prints
// what came of the load.
func (c *benchCommand) measure(ctx context.Context, s *session, load benchLoad, connect func(context.Context) (*bus.Conn, error)) error {
	cameras, err := connect(ctx)
	if err != nil {
		return err
	}
	return s.use(cameras, func() (err error) {
		if err := s.reach(ctx, cameras); err != nil {
			return err
		}
		viewers := make([]*bus.Conn, 0, load.viewers)
		defer func() {
			for _, viewer := range viewers {
				err = errors.Join(err, viewer.Close())
			}
		}()
		for range load.viewers {
			viewer, err := connect(ctx)
			if err != nil {
				return err
			}
			viewers = append(viewers, viewer)
		}
		result, err := load.run(ctx, cameras, viewers)
		if err != nil {
			return err
		}
		if c.JSON {
			return printJSON(s.Stdout, result)
		}
		_, err = fmt.Fprint(s.Stdout, result)
		return err
	})
}
