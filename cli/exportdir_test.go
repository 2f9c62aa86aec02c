package cli

import (
	"errors"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/recorder"
)

// A folder that is not the recorder's, which one finds in it or above it.
func TestExportFromAnotherFolder(t *testing.T) {
	dir, first := recordedFolder(t, 20)
	c := exportCommand{From: moment(first.Format(time.RFC3339)), Output: filepath.Join(t.TempDir(), "clip.mp4")}
	empty := t.TempDir()
	for _, tried := range []struct {
		dir, says, never string
		id               frame.CameraID
	}{
		{filepath.Join(dir, "front"), "try --dir " + dir, "", "front"},
		{filepath.Join(dir, "front", "2026", "11", "22"), "try --dir " + dir, "", "front"},
		{dir, "has recordings of front", "try", "yard"},
		{empty, empty + " has no camera's folder in it", "try", "front"},
	} {
		c.Dir, c.ID = tried.dir, tried.id
		_, _, err := runExport(t, t.Context(), c)
		if !errors.Is(err, recorder.ErrNothing) || !strings.Contains(err.Error(), tried.says) || tried.never != "" && strings.Contains(err.Error(), tried.never) {
			t.Errorf("%s of %s: %v, want %q", tried.id, tried.dir, err, tried.says)
		}
	}
	c.Dir, c.ID, c.From, c.To = dir, "front", "2001-01-01T00:00:00Z", "+1s" // the right one, at another time
	if _, _, err := runExport(t, t.Context(), c); !errors.Is(err, recorder.ErrNothing) || strings.Contains(err.Error(), "folder") {
		t.Error(err)
	}
	var many []frame.CameraID
	for n := range 13 {
		many = append(many, frame.CameraID("c"+strconv.Itoa(n)))
	}
	if got := someOf(many); !strings.HasSuffix(got, ", c9 and 3 more") {
		t.Error(got)
	}
}
