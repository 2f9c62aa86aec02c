//go:build opencv && !linux

package opencv

import (
	"errors"
	"time"
)

// hasV4L2 says whether this system has V4L2 at all.
const hasV4L2 = false

func probe(string) ([]string, error) {
	return nil, errors.New("V4L2 is for Linux: use opencv:0 for the first camera of this machine")
}

func monotonic() time.Duration { return 0 }
