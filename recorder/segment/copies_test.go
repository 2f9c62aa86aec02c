package segment

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// When all names of a moment are used up, it is the frame that is refused: the disk is in order.
func TestAllCopiesAreThere(t *testing.T) {
	dir := t.TempDir()
	d, err := OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	name := Name{Camera: "front", Start: time.Unix(1_700_000_000, 0).UTC(), Copy: maxCopies - 1, State: StatePart}
	for range 2 {
		free, err := d.free(name)
		if err != nil || free.Copy < name.Copy {
			t.Fatalf("%+v, %v", free, err)
		}
		path := filepath.Join(dir, filepath.FromSlash(free.with(StateDamaged).Path()))
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if free, err := d.free(name); !errors.Is(err, ErrRefused) {
		t.Errorf("%+v, %v", free, err)
	}
}
