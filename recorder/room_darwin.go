package recorder

import "golang.org/x/sys/unix"

func roomOf(folder string) (Room, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(folder, &s); err != nil {
		return Room{}, err
	}
	block := int64(s.Bsize)
	return Room{Free: int64(s.Bavail) * block, Total: int64(s.Blocks) * block}, nil
}
