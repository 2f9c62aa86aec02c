package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/recorder"
)

type recordCommand struct {
	ID []frame.CameraID `arg:"" optional:"" help:"The cameras. Default: those of the file with record, without a file all that the broker keeps."`
	fileFlag
	Dir     string `env:"LENSBUS_RECORDINGS" placeholder:"DIR" help:"Folder for the recordings. Default: recordings in the folder of lensbus below the user's state; the log says which."`
	Durable string `env:"LENSBUS_DURABLE" placeholder:"NAME" help:"Name of the recorder's consumer in the broker; a second recorder of the same cameras needs another one. Default: that of the credentials, else rec."`
	Reindex bool   `help:"Make the index anew from the files, and end. Like a start of the recorder it first closes segments that were left open, deletes those of them that are empty, and puts those aside (.damaged) that cannot be read. No recorder may run on the folder."`
	Verify  bool   `help:"Read every segment, tell what is damaged, and end; nothing is changed. Exit code 1 where something is."`
	JSON    bool   `help:"With --verify or --reindex: print a JSON document."`
	serverFlags
	metricsFlags
	Insecure bool `env:"LENSBUS_INSECURE" help:"With --metrics-listen: serve other machines too, although there is no authentication."`
}

func (c *recordCommand) Run(ctx context.Context, s *session) error {
	if !c.Verify && !c.Reindex && len(c.ID) == 0 {
		c.heed(s.life)
	}
	var f file
	if err := c.load(&f); err != nil {
		return err
	}
	if c.Dir != "" {
		f.Recorder.Dir = c.Dir
	}
	if c.Durable != "" {
		f.Recorder.Durable = c.Durable
	}
	cfg, err := s.recorderConfig(f, c.ID)
	if err == nil {
		err = cfg.Validate()
	}
	if err != nil {
		return usage(err)
	}
	switch {
	case c.Verify && c.Reindex:
		return usage(errors.New("--verify changes nothing and --reindex does: give one of them"))
	case c.Verify:
		return c.verify(ctx, s, cfg.Dir)
	case c.Reindex:
		return c.reindex(ctx, s, cfg.Dir)
	case c.JSON:
		return usage(errors.New("--json is for --verify and --reindex"))
	}
	if err := c.apply(c.Insecure, &f.Metrics); err != nil {
		return err
	}
	conn, err := s.connect(ctx, c.serverFlags, f)
	if err != nil {
		return err
	}
	return s.use(conn, func() error {
		if may := conn.DurableName(); may != bus.DefaultDurable && cfg.Durable != "" && cfg.Durable != may {
			return usage(fmt.Errorf("these credentials are for the consumer %s, and not for %s: leave --durable away, or take other credentials", may, cfg.Durable))
		}
		metrics := recorder.NewMetrics()
		ready := both(ready(conn, nil), metrics.Ready)
		return s.life.beside(ctx, s.numbers(f.Metrics, ready, metrics, conn.Metrics()), func() error {
			reloads := make(reloads)
			roles := []role{s.recorder(conn, cfg, metrics, reloads)}
			if c.Config != "" && len(c.ID) == 0 {
				roles = append(roles, role{"configuration", func(ctx context.Context) error {
					all := cfg.Cameras == nil
					s.reread(ctx, c.fileFlag, cameraFlags{}, s.life.hangups(), func(f file) { reloads.put(ctx, s, f, all) })
					return nil
				}})
			}
			return s.life.run(ctx, roles...)
		})
	})
}

// both is ready where both are.
func both(a, b func() error) func() error {
	return func() error {
		if err := a(); err != nil {
			return err
		}
		return b()
	}
}

// recorderConfig is the recorder's part of a file. ids are the command line's; without any, they are
// those of the file, and without a file with recorded cameras nil: all that there are.
func (s *session) recorderConfig(f file, ids []frame.CameraID) (recorder.Config, error) {
	cfg := f.Recorder
	recorded := recordedOf(f)
	switch {
	case len(ids) > 0:
		cfg.Cameras = slices.Clone(ids)
	case cfg.Cameras == nil && len(recorded) > 0:
		cfg.Cameras = slices.Sorted(maps.Keys(recorded))
	}
	cfg.Keep = make(map[frame.CameraID]recorder.Keep)
	for id := range recorded {
		record := f.Cameras[id].Record
		cfg.Keep[id] = recorder.Keep{Age: record.KeepAge, Bytes: int64(record.KeepBytes)}
	}
	if cfg.Dir == "" {
		if cfg.Dir = recordingsFolder(os.Getenv); cfg.Dir == "" {
			return cfg, errors.New("there is no place for recordings: say where with --dir, LENSBUS_RECORDINGS or recorder.dir")
		}
	}
	return cfg, nil
}

// recordingsFolder is where recordings go when nobody says where.
func recordingsFolder(env func(string) string) string {
	if first, _, _ := strings.Cut(env("STATE_DIRECTORY"), ":"); first != "" {
		return filepath.Join(first, "recordings")
	}
	return stateFolder("recordings", env)
}

// reloads bring a recorder the configuration file when it has changed.
type reloads chan recorder.Config

// put passes a file on. One that names no cameras means all where all says so, and else: none any more.
func (r reloads) put(ctx context.Context, s *session, f file, all bool) {
	cfg, err := s.recorderConfig(f, nil)
	if err != nil {
		s.log.Error("the recorder's configuration is refused, the old one stays", "error", err)
		return
	}
	if cfg.Cameras == nil && !all {
		cfg.Cameras = []frame.CameraID{}
	}
	select {
	case r <- cfg:
	case <-ctx.Done():
	}
}

// recorder is the role that records.
func (s *session) recorder(conn *bus.Conn, cfg recorder.Config, metrics *recorder.Metrics, reloads reloads) role {
	return role{"recorder", func(ctx context.Context) error {
		return recorder.Run(ctx, cfg, recorder.Deps{Bus: conn, Log: s.log, Version: semantic(s.Version), Metrics: metrics, Reload: reloads})
	}}
}

// recorderOf is the recorder of a process that has a broker and cameras too. It begins once the file has
// a camera that is recorded, or a section recorder with a folder, whose recordings are served then.
func (s *session) recorderOf(conn *bus.Conn, f file, metrics *recorder.Metrics, reloads reloads) role {
	return role{"recorder", func(ctx context.Context) error {
		for len(recordedOf(f)) == 0 && f.Recorder.Dir == "" { // nothing to do so far
			select {
			case <-ctx.Done():
				return nil
			case cfg := <-reloads:
				if len(cfg.Cameras) > 0 {
					return s.recorder(conn, cfg, metrics, reloads).run(ctx)
				}
			}
		}
		cfg, err := s.recorderConfig(f, nil)
		if err != nil {
			return err
		}
		return s.recorder(conn, cfg, metrics, reloads).run(ctx)
	}}
}

// verify tells what is damaged.
func (c *recordCommand) verify(ctx context.Context, s *session, dir string) error {
	bar := newFilesBar(s.Stderr, "verify")
	found, err := recorder.VerifyAll(ctx, dir, bar.show)
	bar.clear()
	if err != nil {
		return err
	}
	if c.JSON {
		err = printJSON(s.Stdout, found)
	} else {
		for _, bad := range found.Damaged {
			for _, d := range bad.Damage {
				if err == nil {
					_, err = fmt.Fprintf(s.Stdout, "%s: %s\n", bad.Path, d.Detail)
				}
			}
		}
		for _, bad := range found.Unreadable {
			if err == nil {
				_, err = fmt.Fprintf(s.Stdout, "%s: %s\n", bad.Path, bad.Problem)
			}
		}
		if err == nil {
			_, err = fmt.Fprintf(s.Stdout, "%d segments, %d frames, %d bytes read in %s\n", found.Segments, found.Frames, found.Bytes, dir)
		}
	}
	switch {
	case err != nil:
		return fmt.Errorf("write: %w", err)
	case !found.Sound():
		return fmt.Errorf("%d of %d segments are damaged, %d files could not be read", len(found.Damaged), found.Segments, len(found.Unreadable))
	}
	return nil
}

// reindex makes the index anew.
func (c *recordCommand) reindex(ctx context.Context, s *session, dir string) (err error) {
	if _, err := os.Stat(dir); err != nil {
		return fmt.Errorf("recordings: %w", err) // one that is missing is not made for this
	}
	folder, err := recorder.OpenFolder(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, folder.Close()) }()
	bar := newFilesBar(s.Stderr, "reindex")
	done, err := recorder.Reindex(ctx, folder, bar.show)
	bar.clear()
	if err != nil {
		return err
	}
	for _, path := range done.Salvaged {
		s.log.Info("a segment that a recorder had left open is closed", "file", path)
	}
	for _, path := range done.Removed {
		s.log.Info("a segment that a recorder had left open was empty and is removed", "file", path)
	}
	for _, bad := range append(done.Damaged, done.Unreadable...) {
		what := "a file cannot be read and is left as it is"
		if strings.HasSuffix(bad.Path, ".damaged") { // its name says so because of a salvage, this one or one before
			what = "a segment that a recorder had left open cannot be read: it is put aside under this name"
		}
		s.log.Warn(what, "file", bad.Path, "problem", bad.Problem)
	}
	if c.JSON {
		err = printJSON(s.Stdout, done)
	} else {
		_, err = fmt.Fprintf(s.Stdout, "%d segments, %d frames, %d bytes are in the index of %s\n", done.Segments, done.Frames, done.Bytes, dir)
	}
	if err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return nil
}
