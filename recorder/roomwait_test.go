package recorder

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lensbus/lensbus/recorder/index"
)

// A disk that was full is tried again when there is room, and not only when it is time to.
func TestAwaitRoom(t *testing.T) {
	full := fmt.Errorf("write a part: %w", syscall.ENOSPC)
	for name, c := range map[string]struct {
		err  error
		free []int64 // at each look; the last one stays
		want time.Duration
	}{
		"room after three seconds":      {full, []int64{0, 0, 0, 5 << 20}, 3 * time.Second},
		"the index has no room":         {fmt.Errorf("add: %w", index.ErrFull), []int64{0, 5 << 20}, time.Second},
		"a quota":                       {fmt.Errorf("write: %w", syscall.EDQUOT), []int64{0, 0, 9 << 20}, 2 * time.Second},
		"never any":                     {full, []int64{0}, mostRetry},
		"a little":                      {full, []int64{0, 4096, 8192, 4096}, mostRetry},
		"it fills further, then room":   {full, []int64{6 << 20, 1 << 20, 1 << 20, 2 << 20}, 3 * time.Second},
		"another error":                 {syscall.EIO, []int64{0, 5 << 20}, mostRetry},
		"the volume cannot be asked":    {full, []int64{-1, 5 << 20}, mostRetry},
		"it cannot be asked for a time": {full, []int64{0, -1, -1, 5 << 20}, 3 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				looks := 0
				room := func() (Room, error) {
					free := c.free[min(looks, len(c.free)-1)]
					looks++
					if free < 0 {
						return Room{}, errors.New("not now")
					}
					return Room{Free: free, Total: 1 << 40}, nil
				}
				began := time.Now()
				awaitRoom(t.Context(), c.err, room, mostRetry)
				if took := time.Since(began); took != c.want {
					t.Errorf("tried again after %v, want %v", took, c.want)
				}
				ctx, cancel := context.WithCancel(t.Context())
				cancel()
				awaitRoom(ctx, c.err, room, mostRetry)
				if took := time.Since(began); took != c.want {
					t.Errorf("did not end with its context: %v", took-c.want)
				}
			})
		})
	}
}
