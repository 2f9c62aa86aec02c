//go:build unix

package auth

import (
	"errors"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// inherit gives what root has made in the folder to whom that belongs: he can replace it anyway.
func inherit(made *os.File, folder *os.Root) error {
	if os.Geteuid() != 0 {
		return nil
	}
	info, err := folder.Stat(".")
	if err != nil {
		return err
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	if err := made.Chown(int(owner.Uid), int(owner.Gid)); err != nil && !errors.Is(err, fs.ErrPermission) {
		return err
	}
	return nil
}

// asWritten says whether a file has the mode and the owner that [WriteFile] would give it in that folder.
func asWritten(info fs.FileInfo, dir string, mode fs.FileMode) bool {
	file, ok := info.Sys().(*syscall.Stat_t)
	if !ok || info.Mode() != mode {
		return false
	}
	if me := os.Geteuid(); me != 0 {
		return file.Uid == uint32(me)
	}
	above, err := os.Stat(dir)
	if err != nil {
		return false
	}
	folder, ok := above.Sys().(*syscall.Stat_t)
	return ok && file.Uid == folder.Uid && file.Gid == folder.Gid
}

// openFolder opens a folder that was made just now, and nothing that was put in its place.
func openFolder(above *os.Root, name string) (*os.File, error) {
	return above.OpenFile(name, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
}
