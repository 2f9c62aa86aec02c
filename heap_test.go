package main

import "testing"

func TestPercentLeavesRoomForFrames(t *testing.T) {
	for _, c := range []struct {
		live uint64
		want int
	}{{0, 400}, {4 << 20, 400}, {16 << 20, 400}, {32 << 20, 200}, {64 << 20, 100}, {128 << 20, 50}, {256 << 20, 25}, {1 << 40, 25}} {
		if got := percentFor(c.live); got != c.want {
			t.Errorf("%d bytes live: %d %%, not %d %%", c.live, got, c.want)
		}
	}
}
