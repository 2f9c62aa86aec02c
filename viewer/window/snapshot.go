package window

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"github.com/lensbus/lensbus/frame"
)

const snapshotTime = "20060102T150405.000Z"

// snapshotName is <camera>-<UTC capture time>.jpg; the second and later of one name have -2, -3, …
// before the dot.
func snapshotName(f *frame.Frame, nth int) string {
	name := string(f.Camera) + "-" + f.Captured.UTC().Format(snapshotTime)
	if nth > 1 {
		name += "-" + strconv.Itoa(nth)
	}
	return name + ".jpg"
}

// mostSameName bounds the search for a name that is free.
const mostSameName = 1000

// saveSnapshot writes the frame's bytes as they are into a new file in dir and returns its path. It
// never overwrites, and leaves no half file behind.
func saveSnapshot(dir string, f *frame.Frame) (string, error) {
	for nth := 1; nth <= mostSameName; nth++ {
		path := filepath.Join(dir, snapshotName(f, nth))
		file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return "", fmt.Errorf("save a picture of %s: %w", f.Camera, err)
		}
		_, err = file.Write(f.Data)
		if err := errors.Join(err, file.Close()); err != nil {
			return "", errors.Join(fmt.Errorf("save a picture of %s: %w", f.Camera, err), os.Remove(path))
		}
		return path, nil
	}
	return "", fmt.Errorf("save a picture of %s: %d files of its name exist in %s", f.Camera, mostSameName, dir)
}
