//go:build opencv

package opencv

import (
	"time"

	"golang.org/x/sys/unix"
)

// monotonic reads CLOCK_MONOTONIC, with which most drivers stamp their buffers.
func monotonic() time.Duration {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return 0 // makes every time stamp implausible, so pictures count as captured on arrival
	}
	return time.Duration(now.Nano())
}
