package cli

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Whatever fails at a file says which.
func TestErrorsOfAnExportedFile(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), ".clip.mp4.x.part"))
	if err != nil {
		t.Fatal(err)
	}
	f := named{file, "clip.mp4"}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	_, written := f.Write([]byte("x"))
	_, sought := f.Seek(0, io.SeekStart)
	for _, err := range []error{written, sought, f.Sync(), f.Close()} {
		if !errors.Is(err, os.ErrClosed) || !strings.Contains(err.Error(), "clip.mp4: ") || strings.Contains(err.Error(), ".part") {
			t.Error(err)
		}
	}
}
