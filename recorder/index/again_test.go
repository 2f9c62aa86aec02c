package index

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/lensbus/lensbus/frame"
)

// What is to be recorded again is kept, from the lowest number on, until it is done; also in an index that was made
// before there was anything of the kind, which stays as it is otherwise.
func TestAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "index.sqlite")
	x := openAt(t, path)
	add(t, x, recorded("front", noon))
	_, err := x.write.ExecContext(t.Context(), `DROP TABLE again`)
	if err := errors.Join(err, x.Close()); err != nil {
		t.Fatal(err)
	}
	x = openAt(t, path)
	if cameras, err := x.Cameras(t.Context()); err != nil || len(cameras) != 1 {
		t.Errorf("%v, %v", cameras, err)
	}
	err = x.Update(t.Context(), func(tx *Tx) error {
		for _, after := range []uint64{30, 20, 1 << 63} {
			if err := tx.RecordAgain(t.Context(), "front", after); err != nil {
				return err
			}
		}
		return tx.RecordAgain(t.Context(), "back", 0)
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	x = openAt(t, path)
	again := func() map[frame.CameraID]uint64 {
		t.Helper()
		all, err := x.Again(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	equal(t, again(), map[frame.CameraID]uint64{"front": 20, "back": 0})
	if err := x.RecordedAgain(t.Context(), "front"); err != nil {
		t.Fatal(err)
	}
	equal(t, again(), map[frame.CameraID]uint64{"back": 0})
}
