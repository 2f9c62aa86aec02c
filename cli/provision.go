package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
)

type provisionCommand struct {
	fileFlag
	serverFlags
	Cameras []string `arg:"" optional:"" name:"id" help:"Only these cameras of the file."`
	Durable []string `sep:"none" placeholder:"NAME" help:"Make the consumers of a further recorder too, again for each. Those of the file (recorder.durable) and of the recorders among broker.auth's users are made anyway."`
	DryRun  bool     `help:"Say what would be done, and do nothing."`
	Stay    bool     `help:"Keep the streams as they should be, those of cameras that are not recorded too, and answer who asks for newest frames, until it is ended. Changes of the file and of its users are followed."`
	JSON    bool     `name:"json" help:"A JSON document instead of a table."`
}

// Help is the longer text of --help.
func (c *provisionCommand) Help() string {
	return "Makes the streams of the file's recorded cameras on a NATS server that lensbus does not run, or alters them to what the file says, and the consumers of their recorders, and says what it has done. A consumer that is ahead of its stream, as after an older copy of that was put back, is made anew. It needs the rights of an administrator of the account. It never deletes frames, but for those over new, lower limits."
}

// provisioned is what became of one camera's stream.
type provisioned struct {
	bus.StreamPlan
	Consumers []provisionedConsumer `json:"consumers"` // none with --dry-run
	Error     string                `json:"error,omitempty"`
}

// provisionedConsumer is what became of a recorder's consumer.
type provisionedConsumer struct {
	Name   string             `json:"name"`
	Action bus.ConsumerAction `json:"action"`
}

// provisioning is the whole, as --json has it.
type provisioning struct {
	DryRun   bool                 `json:"dry_run"`
	Streams  []provisioned        `json:"streams"`
	Unwanted []bus.UnwantedStream `json:"unwanted"` // on file although their cameras are not recorded; left alone
}

func (c *provisionCommand) Run(ctx context.Context, s *session) error {
	if c.Stay && (c.DryRun || len(c.Cameras) > 0) {
		return usage(errors.New("--stay is for all cameras of the file, and does something: leave --dry-run and the cameras away"))
	}
	if c.Config == "" {
		return usage(errors.New("which cameras are recorded? give -c FILE with cameras.ID.record in it"))
	}
	if c.Stay {
		c.heed(s.life)
	}
	var f file
	if err := c.load(&f); err != nil {
		return err
	}
	recorded := recordedOf(f)
	if len(recorded) == 0 && !c.Stay {
		return usage(fmt.Errorf("no camera of %s is recorded: give one record: true, or limits", c.Config))
	}
	chosen, err := c.choose(recorded)
	if err != nil {
		return usage(err)
	}
	names, err := newDurables(f, c.Durable)
	if err != nil {
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
		done := provisioning{DryRun: c.DryRun, Streams: []provisioned{}, Unwanted: []bus.UnwantedStream{}}
		failed := 0
		for _, id := range slices.Sorted(maps.Keys(chosen)) {
			p := c.provision(ctx, conn, id, chosen[id], names.of(id))
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
		if c.Stay {
			return c.stay(ctx, s, conn, f, names) // what is not as it should be is tried again
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

func (c *provisionCommand) provision(ctx context.Context, conn *bus.Conn, id frame.CameraID, limits bus.StreamLimits, durables []string) provisioned {
	ctx, cancel := context.WithTimeout(ctx, answerWait)
	defer cancel()
	do := conn.Provision
	if c.DryRun {
		do = conn.PlanStream
	}
	plan, err := do(ctx, id, limits)
	done := provisioned{StreamPlan: plan, Consumers: []provisionedConsumer{}}
	for _, name := range durables {
		if err != nil || c.DryRun {
			break
		}
		var action bus.ConsumerAction
		if action, err = conn.MakeDurable(ctx, id, name); err == nil {
			done.Consumers = append(done.Consumers, provisionedConsumer{name, action})
		}
	}
	if err != nil {
		if errors.Is(err, context.DeadlineExceeded) {
			err = fmt.Errorf("%w: the server does not answer, or this user may not look after streams", err)
		}
		done.StreamPlan, done.Error = bus.StreamPlan{Camera: id, Stream: id.StreamName()}, err.Error()
	}
	return done
}

func (c *provisionCommand) show(s *session, done provisioning) error {
	if c.JSON {
		if err := printJSON(s.Stdout, done); err != nil {
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
		for _, consumer := range p.Consumers {
			if consumer.Action == bus.ConsumerAnew {
				details = strings.TrimPrefix(details+fmt.Sprintf(", consumer %s made anew: it was ahead of the stream", consumer.Name), ", ")
			}
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
