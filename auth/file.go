package auth

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Change runs change while no other process runs one in the same folder, which it makes where it is
// missing, 0700: two who read a file of users and write it would lose the one's. It waits for the other.
// What is changed inside must not be by Change again. Where there are no file locks it only runs change.
func Change(dir string, change func() error) error {
	if err := makeFolder(dir); err != nil {
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
// symbolic link at path is replaced, not followed. Its folder is made where it is missing, 0700.
//
// What root writes belongs, as the folders that it makes for it do, to whom the folder above belongs: a
// service of another user reads what root has made for it. Where that may not be, as in a container without
// the right to it, it belongs to root.
func WriteFile(path string, data []byte, mode os.FileMode) error {
	if err := writeFile(path, data, mode); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

func writeFile(path string, data []byte, mode os.FileMode) error {
	dir, name := filepath.Dir(path), filepath.Base(path)
	if err := makeFolder(dir); err != nil {
		return err
	}
	folder, err := os.OpenRoot(dir) // it stays this folder, whatever its owner puts in its place
	if err != nil {
		return err
	}
	defer func() { _ = folder.Close() }()
	temporary := "." + name + "." + rand.Text()
	file, err := folder.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = folder.Remove(temporary) }() // it is gone when all went well
	_, err = file.Write(data)
	if err = errors.Join(err, inherit(file, folder), file.Chmod(mode), file.Sync(), file.Close()); err != nil {
		return err
	}
	if err := folder.Rename(temporary, name); err != nil {
		return err
	}
	return syncFolder(dir)
}

// PutFile is [WriteFile] for a file that may be there already: one that has that content, mode and owner is
// left alone. It says whether it was written.
func PutFile(path string, data []byte, mode os.FileMode) (written bool, err error) {
	info, err := os.Lstat(path)
	if err == nil && asWritten(info, filepath.Dir(path), mode) {
		if there, err := os.ReadFile(path); err == nil && bytes.Equal(there, data) {
			return false, nil
		}
	}
	return true, WriteFile(path, data, mode)
}

// makeFolder makes a folder and those above that are missing, 0700.
func makeFolder(dir string) error {
	info, err := os.Stat(dir)
	switch above := filepath.Dir(dir); {
	case err == nil && info.IsDir(), above == dir:
		return nil // or it is said by who uses it
	case err == nil:
		return &fs.PathError{Op: "mkdir", Path: dir, Err: errors.New("there is a file of that name")}
	case !errors.Is(err, fs.ErrNotExist):
		return err
	default:
		if err := makeFolder(above); err != nil {
			return err
		}
		return makeFolderIn(above, filepath.Base(dir))
	}
}

func makeFolderIn(dir, name string) error {
	above, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer func() { _ = above.Close() }()
	if err := above.Mkdir(name, 0o700); errors.Is(err, fs.ErrExist) {
		return nil // somebody else was quicker, or will be told by who uses it
	} else if err != nil {
		return err
	}
	made, err := openFolder(above, name)
	if err != nil {
		return err
	}
	return errors.Join(inherit(made, above), made.Close())
}
