package auth

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Change runs change while no other process runs one in the same folder, which it makes where it is
// missing, 0700: two who read a file of users and write it would lose the one's. It waits for the other.
// What is changed inside must not be by Change again. Where there are no file locks it only runs change.
func Change(dir string, change func() error) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("change %s: %w", dir, err)
	}
	folder, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("change %s: %w", dir, err)
	}
	defer func() { _ = folder.Close() }() // which releases the lock
	if err := lock(folder); err != nil {
		return fmt.Errorf("change %s: %w", dir, err)
	}
	return change()
}

// WriteFile puts a file in place whole or not at all, with that mode, and on disk before it returns. A
// symbolic link at path is replaced, not followed.
func WriteFile(path string, data []byte, mode os.FileMode) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	temporary, err := os.CreateTemp(dir, "."+filepath.Base(path)+".*") // 0600
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer func() { _ = os.Remove(temporary.Name()) }() // it is gone when all went well
	_, err = temporary.Write(data)
	err = errors.Join(err, temporary.Chmod(mode), temporary.Sync(), temporary.Close())
	if err == nil {
		err = os.Rename(temporary.Name(), path)
	}
	if err == nil {
		err = syncFolder(dir)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}
