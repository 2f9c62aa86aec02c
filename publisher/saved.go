package publisher

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/lensbus/lensbus/frame"
)

// saved is the file that keeps a camera's settings across restarts.
type saved struct {
	Settings frame.Settings   `json:"settings"`
	Controls map[string]int64 `json:"controls,omitempty"`
}

func (s saved) isSome() bool { return s.Settings != (frame.Settings{}) || len(s.Controls) > 0 }

func savedPath(dir string, id frame.CameraID) string { return filepath.Join(dir, string(id)+".json") }

// loadSaved returns what was saved; nothing where nothing was.
func loadSaved(dir string, id frame.CameraID) (saved, bool, error) {
	var s saved
	if dir == "" {
		return s, false, nil
	}
	data, err := os.ReadFile(savedPath(dir, id))
	if errors.Is(err, os.ErrNotExist) {
		return s, false, nil
	}
	if err != nil {
		return s, false, fmt.Errorf("saved settings of camera %s: %w", id, err)
	}
	if err := json.Unmarshal(data, &s); err != nil {
		return saved{}, false, fmt.Errorf("saved settings of camera %s: %s: %w", id, savedPath(dir, id), err)
	}
	return s, true, nil
}

// save replaces the file in one step, so that a crash leaves the old or the new one.
func (s saved) save(dir string, id frame.CameraID) error {
	data, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("save settings of camera %s: %w", id, err)
	}
	temporary := savedPath(dir, id) + ".new"
	if err := writeSynced(temporary, append(data, '\n')); err != nil {
		return fmt.Errorf("save settings of camera %s: %w", id, err)
	}
	if err := os.Rename(temporary, savedPath(dir, id)); err != nil {
		return fmt.Errorf("save settings of camera %s: %w", id, err)
	}
	return nil
}

// writeSynced writes a file that is whole after a power cut once it has been renamed.
func writeSynced(path string, data []byte) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	return errors.Join(err, file.Sync(), file.Close())
}

// forgetSaved removes the file; that there is none is no error.
func forgetSaved(dir string, id frame.CameraID) error {
	if dir == "" {
		return nil
	}
	if err := os.Remove(savedPath(dir, id)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("forget the saved settings of camera %s: %w", id, err)
	}
	return nil
}
