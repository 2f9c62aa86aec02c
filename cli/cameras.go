package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/lensbus/lensbus/bus"
)

type camerasCommand struct {
	fileFlag
	serverFlags
	JSON  bool          `help:"Print a JSON array of the cameras' statuses; with --watch one in a line, every second."`
	Watch bool          `help:"Again every second, until Ctrl+C."`
	Wide  bool          `help:"Tell more of each camera: sources, and all reasons for drops."`
	Wait  time.Duration `placeholder:"TIME" help:"How long to listen for cameras of other programs, which tell their status every 2s but do not answer. Where no camera answers, the default is to listen for 2.5s, else not to."`
}

func (c *camerasCommand) Run(ctx context.Context, s *session) error {
	var f file
	if err := c.load(&f); err != nil {
		return err
	}
	conn, err := s.connect(ctx, c.serverFlags, f)
	if err != nil {
		return err
	}
	return s.use(conn, func() error {
		if err := s.reach(ctx, conn); err != nil {
			return err
		}
		if c.Watch {
			return c.watch(ctx, s, conn)
		}
		cameras, err := findCameras(ctx, conn, c.Wait)
		if err != nil {
			return err
		}
		if c.JSON {
			return printJSON(s.Stdout, cameras)
		}
		if len(cameras) == 0 {
			s.log.Warn("no camera was heard: nobody answers, and nobody tells a status", "server", conn.NATS().ConnectedUrlRedacted())
		}
		return c.print(s.Stdout, cameras, 0)
	})
}

// findCameras asks all cameras how they are, and listens for statuses for wait; where that is 0, for
// as long as every camera tells one, but only if nobody has answered.
func findCameras(ctx context.Context, conn *bus.Conn, wait time.Duration) ([]camera, error) {
	r, err := newRoster(conn)
	if err != nil {
		return nil, err
	}
	defer r.close()
	began := time.Now()
	answers, err := r.ask(ctx)
	if ctx.Err() != nil {
		return nil, err
	}
	if wait == 0 && answers == 0 {
		wait = statusesWait
	}
	if left := wait - time.Since(began); left > 0 {
		timer := time.NewTimer(left)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done(): // what was heard until now is still an answer
		}
	}
	if answers == 0 {
		_, _ = r.ask(ctx) // who may only ask those that were heard
	}
	heard := time.Now()
	r.measure(ctx)
	return r.cameras(heard), nil
}

// watch prints the cameras every second until ctx is done.
func (c *camerasCommand) watch(ctx context.Context, s *session, conn *bus.Conn) error {
	r, err := newRoster(conn)
	if err != nil {
		return err
	}
	defer r.close()
	screen, onScreen := terminalOf(s.Stdout)
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for round := 0; ; round++ {
		// Without a server nobody answers; what was known is shown growing older.
		if conn.NATS().IsConnected() {
			_, _ = r.ask(ctx)
			r.measure(ctx)
		}
		if ctx.Err() != nil {
			return nil
		}
		cameras := r.cameras(time.Now())
		switch {
		case c.JSON:
			err = json.NewEncoder(s.Stdout).Encode(cameras)
		case onScreen:
			width, height := screen.size()
			if _, err = io.WriteString(s.Stdout, "\x1b[H\x1b[J"); err != nil {
				break
			}
			if room := height - 2; len(cameras) > room && room > 0 { // the head, and the line of the cursor
				more := len(cameras) - room + 1
				if err = c.print(s.Stdout, cameras[:room-1], width); err == nil {
					_, err = fmt.Fprintf(s.Stdout, "and %d more: lensbus top scrolls\n", more)
				}
				break
			}
			err = c.print(s.Stdout, cameras, width)
		default:
			if round > 0 {
				_, _ = io.WriteString(s.Stdout, "\n") // the next write tells
			}
			err = c.print(s.Stdout, cameras, 0)
		}
		if err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

func (c *camerasCommand) print(w io.Writer, cameras []camera, width int) error {
	columns := listColumns()
	if c.Wide {
		columns = slices.Concat(cameraColumns(), wideColumns())
	}
	sheet := lay(append(columns, reasonColumn()), cameras, width)
	if _, err := fmt.Fprintln(w, sheet.head(nil)); err != nil {
		return err
	}
	for _, camera := range cameras {
		line := sheet.line(camera, nil)
		if width > 0 {
			line = cut(line, width)
		}
		if _, err := fmt.Fprintln(w, line); err != nil {
			return err
		}
	}
	return nil
}

func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
