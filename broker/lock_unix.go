//go:build unix

package broker

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// lockStore makes this process the only broker on the folder. Two servers on the same files would
// each believe in their own indexes and destroy the other's; nats-server does not check. The lock
// goes with the process, however it ends. Closing the file releases it.
func lockStore(folder string) (*os.File, error) {
	file, err := os.OpenFile(filepath.Join(folder, "lensbus.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the broker's store: %w", err)
	}
	err = unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if err == nil {
		return file, nil
	}
	_ = file.Close()
	if errors.Is(err, unix.EWOULDBLOCK) {
		return nil, fmt.Errorf("%w: %s: another broker runs on it; stop that one or give another --store", ErrStoreInUse, folder)
	}
	return nil, fmt.Errorf("lock the broker's store %s: %w", folder, err)
}
