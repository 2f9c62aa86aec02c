package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/recorder"
)

// nothingIn is err with what may be wrong with --dir, where nothing was found in it of the camera at any time.
func (c *exportCommand) nothingIn(err error) error {
	if !errors.Is(err, recorder.ErrNothing) {
		return err
	}
	cameras := recordedIn(c.Dir)
	if slices.Contains(cameras, c.ID) {
		return err
	}
	if len(cameras) > 0 {
		return fmt.Errorf("%w: %s has recordings of %s", err, c.Dir, someOf(cameras))
	}
	// Too deep: in CAMERA, or in CAMERA/2026/11/22.
	if path, failed := filepath.Abs(c.Dir); failed == nil {
		for range 4 {
			if path = filepath.Dir(path); slices.Contains(recordedIn(path), c.ID) {
				return fmt.Errorf("%w: %s is not a recorder's folder, but in one: try --dir %s", err, c.Dir, path)
			}
		}
	}
	return fmt.Errorf("%w: %s has no camera's folder in it, as a recorder's folder has", err, c.Dir)
}

// recordedIn are the cameras that have recordings in a recorder's folder, by the names of folders alone:
// CAMERA/YEAR. There are none in what is not one, or cannot be read.
func recordedIn(dir string) []frame.CameraID {
	entries, _ := os.ReadDir(dir) // why it cannot be read, who looked for recordings in it has said
	var cameras []frame.CameraID
	for _, e := range entries {
		id, err := frame.ParseCameraID(e.Name())
		if err != nil || !e.IsDir() {
			continue
		}
		inside, _ := os.ReadDir(filepath.Join(dir, e.Name()))
		if slices.ContainsFunc(inside, func(e os.DirEntry) bool {
			year, err := strconv.ParseUint(e.Name(), 10, 16)
			return err == nil && year >= 1000 && e.IsDir()
		}) {
			cameras = append(cameras, id)
		}
	}
	return cameras
}

// someOf is a list of ids for people, not too long a one.
func someOf(ids []frame.CameraID) string {
	const most = 10
	var names []string
	for _, id := range ids[:min(len(ids), most)] {
		names = append(names, string(id))
	}
	text := strings.Join(names, ", ")
	if len(ids) > most {
		text += fmt.Sprintf(" and %d more", len(ids)-most)
	}
	return text
}
