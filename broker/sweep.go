package broker

import (
	"log/slog"
	"os"
	"path/filepath"
	"time"
)

// temporaryStore begins the names of the folders of brokers that keep nothing.
const temporaryStore = "lensbus-broker-"

// sweepAge is how old an unlocked folder must be: one that has just been made is not locked yet.
const sweepAge = time.Minute

// sweep removes the temporary folders that brokers left behind which were killed: those that no
// process holds a lock on. One that cannot be removed is another user's.
func sweep(parent string, log *slog.Logger) {
	folders, _ := filepath.Glob(filepath.Join(parent, temporaryStore+"*")) // the pattern is a good one
	for _, folder := range folders {
		info, err := os.Lstat(folder)
		if err != nil || !info.IsDir() || time.Since(info.ModTime()) < sweepAge {
			continue
		}
		lock, err := lockStore(folder)
		if err != nil {
			continue
		}
		if err := os.RemoveAll(folder); err != nil {
			log.Debug("remove the folder of a broker that was killed", "folder", folder, "error", err)
		}
		_ = lock.Close() // of a file that is gone
	}
}
