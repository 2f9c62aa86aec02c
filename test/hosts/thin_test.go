//go:build hosts

package hosts

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// A thin link carries half of what one camera sends: a picture takes 0.2 s on it. The router before it
// has room for a second of that, as those of slow lines do.
const (
	thinBits  = 1_600_000
	thinQueue = 200_000
)

// TestThinLinks: links that carry less than the cameras send, for long: to a viewer, to a browser, and from
// a camera's host. What is seen is the present all the time.
func TestThinLinks(t *testing.T) {
	t.Parallel()
	length := seconds(600, 60)
	w := fullWorld(t)
	w.watch("browser", w.hosts["page"], "browser", "yard") // in full size; of several a page shows the small ones
	w.allWell(time.Now())
	w.hosts["eye"].thin(in, thinBits, thinQueue)
	w.hosts["page"].thin(in, thinBits, thinQueue)
	w.hosts["one"].thin(out, thinBits, thinQueue)
	w.peaks()
	from := time.Now()
	var most memory
	for half := range 2 {
		pass(length / 2)
		peaks := w.peaks()
		t.Logf("MEASURED: memory peaks in the %d. half in MB: %s; broker: %s", half+1, peaks, w.heap())
		most = most.with(peaks)
	}
	to := time.Now()
	for _, name := range []string{"eye", "page", "one"} {
		w.hosts[name].widen()
	}
	w.allWell(time.Now())
	for _, c := range []struct {
		name  string
		sees  []sees
		bound time.Duration
	}{
		{"thin link to a viewer of three cameras", []sees{{"eye", "yard"}, {"eye", "proof"}}, time.Second},
		{"thin link to a browser", []sees{{"browser", "yard"}}, time.Second},
		{"thin link from a camera's host", []sees{{"desk", "hall"}}, time.Second},
		{"all others", []sees{{"desk", "yard"}, {"desk", "proof"}}, time.Second},
	} {
		for _, what := range c.sees {
			settled := from.Add(10 * time.Second)
			ages := w.ages(what, settled, to)
			b := w.viewers[what.viewer].between(what.camera, settled, to)
			early := w.ages(what, from, settled)
			if len(ages) == 0 || len(early) == 0 {
				t.Errorf("%s: %v sees nothing", c.name, what)
				continue
			}
			t.Logf("MEASURED: %s, %v: age p50 %v p95 %v p99 %v most %v, in the first 10 s %v; %d seen, %d not", c.name, what,
				ages[len(ages)/2], ages[len(ages)*95/100], ages[len(ages)*99/100], ages[len(ages)-1], early[len(early)-1], b.seen, b.lost)
			if p99 := ages[len(ages)*99/100]; p99 > c.bound {
				t.Errorf("%s: %v is %v old, at p99 from the 10th second on", c.name, what, p99)
			}
			report(row{
				who:    fmt.Sprintf("%s (%v), %.0f s", c.name, what, to.Sub(from).Seconds()),
				outage: b.outage, ages: ages, seen: b.seen, lost: b.lost, memory: most,
			})
		}
	}
	w.done()
}

// ages are how old the pictures were that a viewer saw, sorted, of those shown in a stretch of time.
func (w *world) ages(what sees, from, to time.Time) (all []time.Duration) {
	w.t.Helper()
	for _, s := range w.viewers[what.viewer].seen(what.camera) {
		if !s.arrived.Before(from) && !s.arrived.After(to) {
			all = append(all, s.old().Round(time.Millisecond))
		}
	}
	slices.Sort(all)
	return all
}

// heap is what the broker says of its memory.
func (w *world) heap() string {
	text := w.fetch(w.hosts["hub"], 9464, "/metrics")
	found := ""
	for _, name := range []string{"go_memstats_heap_inuse_bytes", "go_memstats_heap_idle_bytes", "process_resident_memory_bytes"} {
		if m := metric(text, name); m >= 0 {
			found += fmt.Sprintf("%s %.0f MB ", name, m/(1<<20))
		}
	}
	return found
}
