package config

import (
	"bytes"
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

// Watch calls changed whenever the content of the file may have changed, until ctx is done: the first time
// where it is not since, which is what the caller has [Read]. It watches the folder, because editors and
// Kubernetes replace the file instead of writing to it. What is no regular file, such as a pipe, has been read
// once and for all. changed is called from one goroutine. It returns ctx's error, or at once one that says that the
// folder cannot be watched.
func Watch(ctx context.Context, path string, since []byte, changed func()) error {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("watch %s: %w", path, err)
	}
	defer watcher.Close()
	if err := watcher.Add(filepath.Dir(path)); err != nil {
		return fmt.Errorf("watch %s: %w", path, err)
	}
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
			if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
				continue
			}
			now, err := read(path)
			if err != nil || bytes.Equal(now, since) {
				continue // between two steps of a replacement, or another file of the folder
			}
			since = now
			changed()
		}
	}
}
