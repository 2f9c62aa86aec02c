package recorder

import (
	"context"
	"errors"
	"syscall"
	"time"

	"github.com/lensbus/lensbus/recorder/index"
)

// roomStep is how much more room there has to be for another try.
const roomStep = 1 << 20

// noRoom says whether err is that the disk takes no more.
func noRoom(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, index.ErrFull)
}

// awaitRoom sleeps for d, and where err is that there is no room, no longer than until there is
// more. room is asked every second.
func awaitRoom(ctx context.Context, err error, room func() (Room, error), d time.Duration) {
	before, unknown := room()
	if !noRoom(err) || unknown != nil {
		sleep(ctx, d)
		return
	}
	least := before.Free
	enough := time.NewTimer(d)
	defer enough.Stop()
	look := time.NewTicker(sweepFull)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-enough.C:
			return
		case <-look.C:
			now, err := room()
			if err == nil && now.Free-least >= roomStep {
				return
			}
			if err == nil {
				least = min(least, now.Free) // somebody else may still be filling it
			}
		}
	}
}
