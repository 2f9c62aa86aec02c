package viewer_test

import (
	"testing"
	"time"

	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/viewer"
)

func TestSealedSaysWhy(t *testing.T) {
	var s viewer.Sealed
	now := time.Now()
	for i, step := range []struct {
		after        time.Duration
		noKey, other uint64
		want         string
	}{
		{0, 0, 0, ""},
		{0, 1, 0, viewer.NoKey},
		{viewer.StaleAfter - 1, 1, 0, viewer.NoKey},
		{1, 1, 0, ""},
		{0, 1, 3, viewer.BadSeal},
		{time.Second, 2, 4, viewer.NoKey},
		{viewer.StaleAfter, 2, 4, ""},
	} {
		now = now.Add(step.after)
		stats := bus.LiveStats{Rejected: map[frame.Reason]uint64{frame.ReasonSealed: step.noKey, frame.ReasonSeal: step.other}}
		if got := s.Why(stats, now); got != step.want {
			t.Errorf("step %d: %q, want %q", i, got, step.want)
		}
	}
}
