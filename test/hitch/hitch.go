// Package hitch tells, for tests whose bounds are times, what a product does too late from what it was not
// let do: on a machine that does other things too, a process stands still now and then. It mends nothing
// for tests that could wait for a condition instead.
package hitch

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	tick = 5 * time.Millisecond
	// least is what counts as standing still.
	least = 3 * tick
	// enough and enoughQueued are what excuses a missed bound.
	enough       = 50 * time.Millisecond
	enoughQueued = 250 * time.Millisecond
	most         = 4 // attempts
)

// Watch notes when this process was not let run. Make one with [New].
type Watch struct {
	mu   sync.Mutex
	all  []span
	last time.Time // when it was seen to run
}

type span struct{ from, to time.Time }

// New watches until the end of the test.
func New(t testing.TB) *Watch {
	w, end := begin()
	t.Cleanup(end)
	return w
}

// begin watches until end is called.
func begin() (w *Watch, end func()) {
	w, stop := &Watch{last: time.Now()}, make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() { w.run(stop) })
	return w, func() { close(stop); running.Wait() }
}

// HeldUp watches until the function that it returns is called, once, which says whether a bound that was
// missed meanwhile may be the machine's.
func HeldUp() (heldUp func() bool) {
	began, before := time.Now(), queued()
	w, end := begin()
	return func() bool {
		defer end()
		return isHeldUp(w.longest(began), queued()-before)
	}
}

func (w *Watch) run(stop <-chan struct{}) {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for {
		select {
		case <-stop:
			return
		case <-ticker.C:
			w.look()
		}
	}
}

// look notes that the process runs, and that it did not where that is long ago.
func (w *Watch) look() {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	if now.Sub(w.last) > least {
		w.all = append(w.all, span{w.last, now})
	}
	w.last = now
}

// Within is for how long the process stood still between the two times, in all.
func (w *Watch) Within(from, to time.Time) (sum time.Duration) {
	w.look() // who asks may run before the one that looks
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := len(w.all) - 1; i >= 0 && w.all[i].to.After(from); i-- {
		begin, end := w.all[i].from, w.all[i].to
		if begin.Before(from) {
			begin = from
		}
		if end.After(to) {
			end = to
		}
		sum += max(0, end.Sub(begin))
	}
	return sum
}

// longest is for how long the process stood still at once since that time.
func (w *Watch) longest(since time.Time) (longest time.Duration) {
	w.look()
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := len(w.all) - 1; i >= 0 && w.all[i].to.After(since); i-- {
		longest = max(longest, w.all[i].to.Sub(w.all[i].from))
	}
	return longest
}

// Problems are bounds that an attempt of [Judge] has missed, one line each.
type Problems []string

// Add says which bound was missed.
func (p *Problems) Add(format string, args ...any) { *p = append(*p, fmt.Sprintf(format, args...)) }

// Judge runs attempt as a subtest. The problems that it returns fail the test where the process was let
// run. Where it was not, attempt runs anew, four times at most, and the last one's problems count in any
// case. What attempt says with the test's own Errorf and Fatalf counts at once.
func Judge(t *testing.T, attempt func(t *testing.T) Problems) {
	t.Helper()
	for n := 1; ; n++ {
		var found Problems
		var still, waited time.Duration
		ran := t.Run(fmt.Sprint("attempt", n), func(t *testing.T) {
			watch, began, before := New(t), time.Now(), queued()
			found = attempt(t)
			still, waited = watch.longest(began), queued()-before
		})
		if !ran || len(found) == 0 {
			return
		}
		text := fmt.Sprintf("%s\nMeanwhile this process stood still for %v at once, and its threads waited for %v.",
			strings.Join(found, "\n"), still.Round(time.Millisecond), waited.Round(time.Millisecond))
		if !excused(n, still, waited) {
			t.Error(text)
			return
		}
		t.Log("NOTE: once more: " + text)
	}
}

// excused says whether the problems of the nth attempt may be the machine's.
func excused(n int, still, waited time.Duration) bool {
	return n < most && isHeldUp(still, waited)
}

// isHeldUp says whether a process that stood still for so long at once, and whose threads waited for so long, was
// not let run.
func isHeldUp(still, waited time.Duration) bool { return still >= enough || waited >= enoughQueued }

// queued is for how long this process's threads have waited for a processor so far, all together. What
// one thread alone waits for holds up some goroutines and not others. It is 0 where that is not known.
func queued() (sum time.Duration) {
	files, _ := filepath.Glob("/proc/self/task/*/schedstat")
	for _, file := range files {
		data, err := os.ReadFile(file)
		if fields := strings.Fields(string(data)); err == nil && len(fields) == 3 { // or it has ended
			ns, _ := strconv.ParseInt(fields[1], 10, 64)
			sum += time.Duration(ns)
		}
	}
	return sum
}
