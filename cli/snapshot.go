package cli

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/lensbus/lensbus/frame"
)

type snapshotCommand struct {
	ID     frame.CameraID `arg:"" help:"The camera."`
	Output string         `short:"o" required:"" placeholder:"F.jpg" help:"The file to write, or - for standard output."`
	fileFlag
	serverFlags
}

func (c *snapshotCommand) Run(ctx context.Context, s *session) error {
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
		ctx, cancel := context.WithTimeout(ctx, answerWait)
		defer cancel()
		picture, err := conn.Newest(ctx, c.ID)
		if err != nil {
			return err
		}
		if age := time.Since(picture.Captured); age > 2*frame.StatusInterval {
			s.log.Warn("the newest picture is not a live one", "camera", c.ID, "taken", picture.Captured.Local().Format(time.DateTime), "age", age.Round(time.Second))
		}
		if c.Output == "-" {
			_, err := s.Stdout.Write(picture.Data)
			return err
		}
		return writeFile(c.Output, picture.Data)
	})
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
