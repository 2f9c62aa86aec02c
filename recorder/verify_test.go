package recorder

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lensbus/lensbus/recorder/segment"
)

func TestVerifyAll(t *testing.T) {
	folder := openTestFolder(t, t.TempDir())
	s := newShots("front", testNoon())
	s.padding = 5000
	good, bad := s.closed(t, folder.Folder, 2), s.closed(t, folder.Folder, 2)
	writing := s.left(t, folder.Folder, 1)
	put(t, onDisk(folder.Folder, "front/readme.txt"), nil)
	empty := segment.Path("front", s.at.Add(time.Hour))
	put(t, onDisk(folder.Folder, empty), nil)
	file, err := os.OpenFile(onDisk(folder.Folder, bad.Path), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = file.WriteAt([]byte("one bit more or less"), bad.Bytes-3000)
	if err := errors.Join(err, file.Close()); err != nil {
		t.Fatal(err)
	}
	before := snapshotOf(t, folder.Dir())
	var told []Progress
	found, err := VerifyAll(t.Context(), folder.Dir(), func(p Progress) { told = append(told, p) })
	if err != nil {
		t.Fatal(err)
	}
	if found.Segments != 4 || found.Open != 1 || found.Foreign != 1 || found.Sound() || len(told) != 4 || told[3].Done != 4 || found.Frames < 20+10 {
		t.Errorf("%+v", found)
	}
	if len(found.Damaged) != 2 || found.Damaged[0].Path != bad.Path || found.Damaged[1].Path != empty || found.Damaged[0].Damage[0].Kind != segment.DamageFrame ||
		found.Damaged[0].Damage[0].FirstSeq != bad.LastSeq {
		t.Errorf("%+v", found.Damaged)
	}
	if diff := cmp.Diff(before, snapshotOf(t, folder.Dir())); diff != "" {
		t.Error("it changed something", diff)
	}
	data, err := json.Marshal(found)
	if err != nil || !strings.Contains(string(data), `"kind":"frame"`) {
		t.Error(string(data), err)
	}
	_ = good
	writing.Abort()
}

func TestVerifyMakesNoFolder(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "typing-mistake")
	if _, err := VerifyAll(t.Context(), missing, nil); !errors.Is(err, ErrFolder) {
		t.Error(err)
	}
	if _, err := os.Stat(missing); !os.IsNotExist(err) {
		t.Error("it made the folder", err)
	}
	put(t, missing, nil)
	if _, err := VerifyAll(t.Context(), missing, nil); !errors.Is(err, ErrFolder) {
		t.Error(err)
	}
	sound, err := VerifyAll(t.Context(), t.TempDir(), nil)
	if err != nil || !sound.Sound() {
		t.Error(sound, err)
	}
}
