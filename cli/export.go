package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"time"

	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/recorder"
)

type exportCommand struct {
	ID     frame.CameraID `arg:"" help:"The camera."`
	From   moment         `required:"" placeholder:"T" help:"From when: 2026-11-22T10:00:00Z, -10m (ago)."`
	To     moment         `placeholder:"T" help:"Until when: like --from, +90s (after --from), or now. Default: the newest there is."`
	Output string         `short:"o" required:"" placeholder:"F.mp4" help:"The file to write, or - for standard output."`
	Format string         `enum:"mp4,h264" default:"mp4" placeholder:"FORMAT" help:"mp4: the pictures as they are, Motion JPEG. h264: smaller, for players that want it; encoded here, by ffmpeg. Default mp4."`
	Dir    string         `placeholder:"DIR" help:"Read this folder of a recorder's; without a recorder and a broker."`
	Force  bool           `help:"Write over a file that exists."`
	fileFlag
	serverFlags
	keyFlag
}

func (c *exportCommand) Run(ctx context.Context, s *session) error {
	from, to, err := period(c.From, c.To, time.Now())
	if err != nil {
		return err
	}
	var encoder string
	if c.Format == "h264" {
		if encoder, err = exec.LookPath("ffmpeg"); err != nil {
			return errors.New("--format h264 needs ffmpeg, which is not installed here; without it the pictures are exported as they are")
		}
	}
	job := exportJob{
		command: c, log: s.log, bar: newProgressBar(s.Stderr, c.ID, from, to), encoder: encoder, stdout: s.Stdout,
		options: bus.ExportOptions{From: from, To: to, Split: c.Output != "-"},
	}
	var f file
	if err := c.load(&f); err != nil {
		return err
	}
	sealed, err := c.sealing(f)
	if err != nil {
		return err
	}
	if c.Dir != "" {
		job.source = func(ctx context.Context, o bus.ExportOptions, w io.Writer) (bus.ExportResult, error) {
			return recorder.ExportFolder(ctx, c.Dir, c.ID, o, sealed.opener, w, job.progress, s.log)
		}
		return c.nothingIn(job.run(ctx))
	}
	conn, err := s.connect(ctx, c.serverFlags, f, sealed.connecting)
	if err != nil {
		return err
	}
	job.source = func(ctx context.Context, o bus.ExportOptions, w io.Writer) (bus.ExportResult, error) {
		return recorder.Export(ctx, conn, c.ID, o, w, job.progress)
	}
	return s.use(conn, func() error {
		if err := s.reach(ctx, conn); err != nil {
			return err
		}
		err := job.run(ctx)
		if errors.Is(err, bus.ErrNoRecorder) {
			return fmt.Errorf("%w: start one with `lensbus record`, or read its folder with --dir", err)
		}
		return err
	})
}
