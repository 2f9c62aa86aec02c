//go:build linux || darwin

package cli

import "golang.org/x/sys/unix"

// fileSystem is the room on the file system of a folder that is there.
func fileSystem(folder string) (room, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(folder, &s); err != nil {
		return room{}, err
	}
	block := int64(s.Bsize)
	return room{
		free: int64(s.Bavail) * block, total: int64(s.Blocks) * block,
		writable: unix.Access(folder, unix.W_OK) == nil,
	}, nil
}
