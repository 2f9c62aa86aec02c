package broker

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestSweepRemovesOnlyWhatKilledBrokersLeft(t *testing.T) {
	parent := t.TempDir()
	folder := func(name string, age time.Duration) string {
		path := filepath.Join(parent, name)
		if err := os.Mkdir(path, 0o700); err != nil {
			t.Fatal(err)
		}
		then := time.Now().Add(-age)
		if err := os.Chtimes(path, then, then); err != nil {
			t.Fatal(err)
		}
		return path
	}
	old := func(path string) {
		then := time.Now().Add(-time.Hour)
		if err := os.Chtimes(path, then, then); err != nil {
			t.Fatal(err)
		}
	}
	left, fresh, other := folder(temporaryStore+"1", time.Hour), folder(temporaryStore+"2", 0), folder("photos", time.Hour)
	used := folder(temporaryStore+"3", time.Hour)
	lock, err := lockStore(used)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	old(used) // the lock's file made it young
	sweep(parent, slog.New(slog.DiscardHandler))
	if _, err := os.Stat(left); !os.IsNotExist(err) {
		t.Errorf("what a killed broker left is still there: %v", err)
	}
	for _, path := range []string{fresh, other, used} {
		if _, err := os.Stat(path); err != nil {
			t.Errorf("removed too: %v", err)
		}
	}
}
