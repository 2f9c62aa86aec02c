package recorder

import (
	"cmp"

	"golang.org/x/sys/unix"
)

func roomOf(folder string) (Room, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(folder, &s); err != nil {
		return Room{}, err
	}
	return roomIn(&s), nil
}

// roomIn counts in fragments, where there are any: Bsize is only how much is best moved at a time, which is more for
// file systems in user space.
func roomIn(s *unix.Statfs_t) Room {
	size := int64(cmp.Or(s.Frsize, s.Bsize)) //nolint:unconvert // their types differ between processors
	return Room{Free: int64(s.Bavail) * size, Total: int64(s.Blocks) * size}
}
