//go:build opencv && !linux

package opencv

import "time"

func monotonic() time.Duration { return 0 }
