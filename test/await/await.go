// Package await waits, for tests, until a condition is true that only looking at can tell. Where there is
// something to wait on, as a channel or an answer, that is better.
package await

import "time"

// True looks at the condition now, with every tick, and once more when the limit is over, as a machine may
// have stood still until then. It is false where the condition was so each time.
func True(limit, tick time.Duration, condition func() bool) bool {
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for !condition() {
		select {
		case <-ticker.C:
		case <-deadline.C:
			return condition()
		}
	}
	return true
}
