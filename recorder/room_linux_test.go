//go:build amd64 || arm64

package recorder

import (
	"testing"

	"golang.org/x/sys/unix"
)

// A file system in user space may say that a mebibyte is best moved at a time, and count what is free in smaller pieces.
func TestRoomIsCountedInFragments(t *testing.T) {
	for _, c := range []struct {
		bsize, frsize, free int64
	}{{4096, 4096, 4096_000}, {1 << 20, 4096, 4096_000}, {4096, 0, 4096_000}} {
		var s unix.Statfs_t
		s.Bavail, s.Blocks = 1000, 2000
		s.Bsize, s.Frsize = c.bsize, c.frsize
		if room := roomIn(&s); room.Free != c.free || room.Total != 2*c.free {
			t.Errorf("%+v: %+v", c, room)
		}
	}
}
