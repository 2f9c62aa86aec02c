//go:build unix

package recorder

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// lockFolder makes this process the only recorder on the folder: two would write, save and delete
// each other's segments. The lock is the kernel's and goes with the process, however it ends; the
// file stays. Closing it releases the lock.
func lockFolder(folder string) (*os.File, error) {
	path := filepath.Join(folder, lockName)
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|unix.O_NOFOLLOW, 0o640)
	if err != nil {
		return nil, refused(folder, "write to it", err)
	}
	err = unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if err == nil {
		return file, nil
	}
	_ = file.Close()
	if errors.Is(err, unix.EWOULDBLOCK) {
		return nil, fmt.Errorf("%w: %s: another recorder runs on it; stop that one or give another folder", ErrFolderInUse, folder)
	}
	return nil, fmt.Errorf("%w %s: locking %s: %w", ErrFolder, folder, lockName, err)
}
