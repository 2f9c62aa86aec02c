package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
)

type camerasCommand struct {
	fileFlag
	serverFlags
	JSON bool          `help:"Print a JSON array of the cameras' statuses."`
	Wait time.Duration `default:"3s" help:"How long to listen. Every camera tells its status every 2s. Default 3s."`
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
		found, err := c.listen(ctx, conn)
		if err != nil {
			return err
		}
		if c.JSON {
			return printJSON(s.Stdout, found)
		}
		if len(found) == 0 {
			s.log.Warn("no camera was heard", "within", c.Wait)
		}
		return printTable(s.Stdout, found)
	})
}

// listen returns the newest status of each camera that is heard, sorted by id.
func (c *camerasCommand) listen(ctx context.Context, conn *bus.Conn) ([]frame.Status, error) {
	var mu sync.Mutex
	heard := make(map[frame.CameraID]frame.Status)
	stop, err := conn.Statuses(func(status frame.Status) {
		mu.Lock()
		defer mu.Unlock()
		heard[status.ID] = status
		if status.State == frame.StateEnded {
			delete(heard, status.ID)
		}
	})
	if err != nil {
		return nil, err
	}
	timer := time.NewTimer(c.Wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done(): // what was heard until now is still an answer
	}
	stop()
	mu.Lock()
	defer mu.Unlock()
	found := make([]frame.Status, 0, len(heard)) // never nil: an empty list is [] in JSON
	for _, id := range slices.Sorted(maps.Keys(heard)) {
		found = append(found, heard[id])
	}
	return found, nil
}

func printJSON(w io.Writer, statuses []frame.Status) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(statuses)
}

func printTable(w io.Writer, statuses []frame.Status) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "ID\tSTATE\tSIZE\tFPS\tKBIT/S\tHOST\tSOURCE\tREASON") // Flush tells
	for _, s := range statuses {
		size := "-"
		if s.Width > 0 {
			size = fmt.Sprintf("%dx%d", s.Width, s.Height)
		}
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%.1f\t%.0f\t%s\t%s\t%s\n",
			s.ID, plain(string(s.State)), size, s.FPS, s.BitRate/1000, plain(s.Host), plain(s.Source), plain(s.Reason))
	}
	return table.Flush()
}

// plain keeps what a stranger on the bus sends from moving a terminal's cursor or a table's columns.
func plain(text string) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || (r >= 0x80 && r < 0xa0) {
			return '?'
		}
		return r
	}, text)
	if short := []rune(text); len(short) > 80 {
		text = string(short[:79]) + "…"
	}
	return text
}
