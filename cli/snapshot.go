package cli

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
)

type snapshotCommand struct {
	ID     frame.CameraID `arg:"" help:"The camera."`
	Output string         `short:"o" required:"" placeholder:"F.jpg" help:"The file to write, or - for standard output."`
	Stale  bool           `help:"Where the camera delivers no picture now, take the last one that the server has kept."`
	Width  int            `placeholder:"PIXELS" help:"Scale the picture down to this width. Default: as it is."`
	fileFlag
	serverFlags
	keyFlag
}

func (c *snapshotCommand) Run(ctx context.Context, s *session) error {
	if c.Width < 0 {
		return usage(fmt.Errorf("--width %d: want pixels, such as 640", c.Width))
	}
	var f file
	if err := c.load(&f); err != nil {
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
	return s.use(conn, func() error {
		if err := s.reach(ctx, conn); err != nil {
			return err
		}
		picture, err := c.take(ctx, s, conn)
		if err != nil {
			return err
		}
		if c.Output == "-" {
			_, err := s.Stdout.Write(picture.Data)
			return err
		}
		return writeFile(c.Output, picture.Data)
	})
}

// freshEnough is how old a picture may be that the server has kept, of a camera that this user cannot
// ask, to be taken for the present.
const freshEnough = 2 * time.Second

// take asks the camera for its newest frame. Where the camera does not answer, the newest that the
// server has kept will do if it is of now, and any with --stale.
func (c *snapshotCommand) take(ctx context.Context, s *session, conn *bus.Conn) (frame.Frame, error) {
	ctx, cancel := context.WithTimeout(ctx, answerWait)
	defer cancel()
	// A camera on demand is opened for this.
	stop := conn.Watch(c.ID, false)
	defer stop()
	picture, err := c.fresh(ctx, conn)
	refusal := new(bus.ControlError)
	if errors.As(err, &refusal) && refusal.Code < 500 {
		return picture, err // what is asked for makes no sense
	}
	if err != nil {
		kept, keptErr := conn.Newest(ctx, c.ID)
		age := ageOf(conn, kept)
		switch {
		case refusal.Code != 0 && (keptErr != nil || !c.Stale):
			return picture, err // the camera knows best why there is none
		case keptErr != nil && !errors.Is(keptErr, bus.ErrNotAllowed):
			return picture, explain(ctx, conn, fmt.Errorf("%w (%w)", keptErr, err))
		case keptErr != nil:
			return picture, keptErr
		case age.Abs() > freshEnough && !c.Stale:
			return picture, fmt.Errorf("%w, and the newest picture that the server has kept is from %s: --stale takes it", err, kept.Captured.Local().Format(time.DateTime))
		}
		picture = kept
		if c.Width > 0 && c.Width < picture.Width {
			s.log.Warn("the picture is as the server has kept it: the camera does not answer and cannot scale it down", "camera", c.ID, "width", picture.Width, "why", err)
		}
	}
	if age := ageOf(conn, picture); age > 2*frame.StatusInterval {
		s.log.Warn("the newest picture is not a live one", "camera", c.ID, "taken", picture.Captured.Local().Format(time.DateTime), "age", age.Round(time.Second))
	}
	return picture, nil
}

// ageOf is how old a picture is, by what is known of its publisher's clock.
func ageOf(conn *bus.Conn, picture frame.Frame) time.Duration {
	now := time.Now()
	if offset, ok := conn.Offset(picture.Camera); ok {
		return offset.Age(picture.Captured, now)
	}
	return now.Round(0).Sub(picture.Captured)
}

// fresh asks the camera, once where it is live. One that is being opened, because of this perhaps, is
// waited for until it has sent a new frame.
func (c *snapshotCommand) fresh(ctx context.Context, conn *bus.Conn) (frame.Frame, error) {
	ctx, cancel := context.WithTimeout(ctx, answerWait*4/5) // leaves time to ask the server
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	var begun time.Time // by the camera's clock; zero while it need not be waited for
	for {
		var detail frame.Detail
		if err := conn.Control(ctx, c.ID, frame.VerbGet, nil, &detail); err != nil {
			return frame.Frame{}, err
		}
		opening := detail.Status.State == frame.StateOpening || detail.Status.State == frame.StateIdle
		if opening && begun.IsZero() {
			begun = detail.Status.Time
		}
		picture, err := conn.Snapshot(ctx, c.ID, c.Width)
		refusal := new(bus.ControlError)
		switch {
		case errors.As(err, &refusal) && refusal.Code < 500, begun.IsZero():
			return picture, err
		case err == nil && picture.Captured.After(begun):
			return picture, nil
		case !opening && detail.Status.State != frame.StateLive: // it cannot be opened
			return picture, err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return picture, err
		}
	}
}

// writeFile writes data so that there is either the whole file or none: under another name in the
// same folder, then renamed. What exists and is no ordinary file (a pipe, a device) is written to.
func writeFile(path string, data []byte) error {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return os.WriteFile(path, data, 0o666)
	}
	part := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+"."+rand.Text()[:8]+".part")
	file, err := os.OpenFile(part, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o666)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	_, err = file.Write(data)
	err = errors.Join(err, file.Close())
	if err == nil {
		err = os.Rename(part, path)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, errors.Join(err, os.Remove(part)))
	}
	return nil
}
