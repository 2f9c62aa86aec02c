//go:build unix

package broker

import "golang.org/x/sys/unix"

// freeSpace is how many bytes this user may still write to the volume of the folder.
func freeSpace(folder string) (bytes int64, known bool) {
	var fs unix.Statfs_t
	if err := unix.Statfs(folder, &fs); err != nil {
		return 0, false
	}
	return int64(fs.Bavail) * int64(fs.Bsize), true //nolint:unconvert // their types differ between systems
}
