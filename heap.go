package main

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// spare is how much garbage may gather before it is collected, in bytes. Frames are large and short-lived:
// with Go's default, as much as is kept, a process that keeps little collects at every third frame; and one that
// keeps much, such as a broker that records 64 cameras, had gigabytes of garbage if it were a multiple
// of that. Collecting is cheap here, because frames have no pointers in them.
const spare = 64 << 20

// keepHeapSmall sets Go's percentage so that there is room for spare, and sets it anew after each
// collection, for as long as the process runs.
func keepHeapSmall() {
	setPercent := func(before int) int {
		live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
		metrics.Read(live)
		percent := percentFor(live[0].Value.Uint64())
		// Setting it stops the world for a moment.
		if percent*4 > before*5 || percent*5 < before*4 {
			debug.SetGCPercent(percent)
			return percent
		}
		return before
	}
	var afterNext func(percent int)
	afterNext = func(percent int) {
		// Nothing holds it: it is gone with the next collection. It has a pointer, because small things
		// without any share their memory with others.
		type sentinel struct{ _ *byte }
		runtime.AddCleanup(&sentinel{}, func(percent int) { afterNext(setPercent(percent)) }, percent)
	}
	afterNext(setPercent(100))
}

// percentFor is how much of what is kept, live, may be gathered as garbage. A quarter at least: else a large
// process would do little else.
func percentFor(live uint64) int {
	const least, most = 25, 400
	return int(max(least, min(most, spare*100/max(live, 1))))
}
