package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"text/tabwriter"

	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
)

type provisionCommand struct {
	fileFlag
	serverFlags
	Cameras []string `arg:"" optional:"" name:"id" help:"Only these cameras of the file."`
	DryRun  bool     `help:"Say what would be done, and do nothing."`
	JSON    bool     `name:"json" help:"A JSON document instead of a table."`
}

// Help is the longer text of --help.
func (c *provisionCommand) Help() string {
	return "Makes the streams of the file's recorded cameras on a NATS server that lensbus does not run, or alters them to what the file says, and says what it has done. It needs the rights of an administrator of the account. It never deletes frames, but for those over new, lower limits."
}

// provisioned is what became of one camera's stream.
type provisioned struct {
	bus.StreamPlan
	Error string `json:"error,omitempty"`
}

// provisioning is the whole, as --json has it.
type provisioning struct {
	DryRun   bool                 `json:"dry_run"`
	Streams  []provisioned        `json:"streams"`
	Unwanted []bus.UnwantedStream `json:"unwanted"` // on file although their cameras are not recorded; left alone
}

func (c *provisionCommand) Run(ctx context.Context, s *session) error {
	if c.Config == "" {
		return usage(errors.New("which cameras are recorded? give -c FILE with cameras.ID.record in it"))
	}
	var f file
	if err := c.load(&f); err != nil {
		return err
	}
	recorded := recordedOf(f)
	if len(recorded) == 0 {
		return usage(fmt.Errorf("no camera of %s is recorded: give one record: true, or limits", c.Config))
	}
	chosen, err := c.choose(recorded)
	if err != nil {
		return usage(err)
	}
	conn, err := s.connect(ctx, c.serverFlags, f)
	if err != nil {
		return err
	}
	return s.use(conn, func() error {
		if err := s.reach(ctx, conn); err != nil {
			return err
		}
		done := provisioning{DryRun: c.DryRun, Streams: []provisioned{}, Unwanted: []bus.UnwantedStream{}}
		failed := 0
		for _, id := range slices.Sorted(maps.Keys(chosen)) {
			p := c.provision(ctx, conn, id, chosen[id])
			if p.Error != "" {
				failed++
			}
			done.Streams = append(done.Streams, p)
		}
		if unwanted, err := conn.UnwantedStreams(ctx, recorded); err == nil && unwanted != nil {
			done.Unwanted = unwanted
		}
		if err := c.show(s, done); err != nil {
			return err
		}
		if failed > 0 {
			return fmt.Errorf("%d of %d streams are not as they should be", failed, len(done.Streams))
		}
		return nil
	})
}

// choose returns those of the recorded cameras that are meant.
func (c *provisionCommand) choose(recorded bus.Recorded) (bus.Recorded, error) {
	if len(c.Cameras) == 0 {
		return recorded, nil
	}
	chosen := make(bus.Recorded)
	var faults []error
	for _, text := range c.Cameras {
		id, err := frame.ParseCameraID(text)
		limits, is := recorded[id]
		switch {
		case err != nil:
			faults = append(faults, err)
		case !is:
			faults = append(faults, fmt.Errorf("camera %s is not recorded in %s", id, c.Config))
		default:
			chosen[id] = limits
		}
	}
	return chosen, errors.Join(faults...)
}

func (c *provisionCommand) provision(ctx context.Context, conn *bus.Conn, id frame.CameraID, limits bus.StreamLimits) provisioned {
	ctx, cancel := context.WithTimeout(ctx, answerWait)
	defer cancel()
	do := conn.Provision
	if c.DryRun {
		do = conn.PlanStream
	}
	plan, err := do(ctx, id, limits)
	if err == nil && !c.DryRun {
		err = conn.MakeDurable(ctx, id)
	}
	if err != nil {
		if errors.Is(err, context.DeadlineExceeded) {
			err = fmt.Errorf("%w: the server does not answer, or this user may not look after streams", err)
		}
		return provisioned{bus.StreamPlan{Camera: id, Stream: id.StreamName()}, err.Error()}
	}
	return provisioned{StreamPlan: plan}
}

func (c *provisionCommand) show(s *session, done provisioning) error {
	if c.JSON {
		encoder := json.NewEncoder(s.Stdout)
		encoder.SetIndent("", "  ")
		if err := encoder.Encode(done); err != nil {
			return fmt.Errorf("write: %w", err)
		}
		return nil
	}
	table := tabwriter.NewWriter(s.Stdout, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "CAMERA\tSTREAM\tWHAT\tDETAILS") // a tabwriter keeps all until Flush
	for _, p := range done.Streams {
		what, details := string(p.Action), p.Error
		if p.Error != "" {
			what = "failed"
		} else if c.DryRun && p.Action != bus.StreamKept {
			what = "to be " + what
		}
		for _, change := range p.Changes {
			if details != "" {
				details += ", "
			}
			details += fmt.Sprintf("%s %s → %s", change.Setting, change.From, change.To)
		}
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", p.Camera, p.Stream, what, details)
	}
	for _, u := range done.Unwanted {
		_, _ = fmt.Fprintf(table, "%s\t%s\tleft alone\tnot recorded in %s any more; %d frames, %s\n", u.Camera, u.Stream, c.Config, u.Frames, size(int64(u.Bytes)))
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return nil
}
