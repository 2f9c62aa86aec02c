package config

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"
)

// settle is how long a file must be quiet before it counts as written: editors write in several
// steps.
const settle = 200 * time.Millisecond

// Watch calls changed whenever the content of the file may have changed, until ctx is done. It
// watches the folder, because editors and Kubernetes replace the file instead of writing to it.
// changed is called from one goroutine. It returns ctx's error, or at once one that says that the
// folder cannot be watched.
func Watch(ctx context.Context, path string, changed func()) error {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("watch %s: %w", path, err)
	}
	defer watcher.Close()
	if err := watcher.Add(filepath.Dir(path)); err != nil {
		return fmt.Errorf("watch %s: %w", path, err)
	}
	before, _ := os.ReadFile(path) // one that cannot be read now differs from whatever comes
	quiet := time.NewTimer(settle)
	defer quiet.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case _, ok := <-watcher.Events:
			if !ok {
				return fmt.Errorf("watch %s: the watcher has ended", path)
			}
			quiet.Reset(settle)
		case err := <-watcher.Errors:
			return fmt.Errorf("watch %s: %w", path, err)
		case <-quiet.C:
			now, err := os.ReadFile(path)
			if err != nil || string(now) == string(before) {
				continue // between two steps of a replacement, or another file of the folder
			}
			before = now
			changed()
		}
	}
}
