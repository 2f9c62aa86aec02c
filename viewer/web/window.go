package web

import "time"

// window decides how many frames may be on their way to one viewer. It is the same for a browser
// that acknowledges what it shows and for a kernel that says what has arrived.
//
// One frame on its way cannot queue behind another, so a viewer whose link takes 0.3 s for a frame
// sees pictures that are 0.3 s old, for ever. But over a long way one frame at a time leaves the
// link idle while the acknowledgement travels. So the window grows while frames have to wait for
// it and acknowledgements nevertheless come as quickly as before. Where they come later and stay
// late, frames wait for each other somewhere, and the window is one again; the next attempt is put
// off, twice as long each time. A short hitch is not that: the acknowledgement after it is in time.
//
// The zero value is ready. It is pure logic: times come from the caller.
type window struct {
	size    int       // 0 counts as 1
	flight  []flight  // sent and not acknowledged, oldest first
	blocked bool      // a frame has waited since the window last changed
	good    int       // acknowledgements in time since then
	late    int       // acknowledgements in a row that were late
	since   time.Time // of the last change
	retry   time.Time // not to grow before
	pause   time.Duration

	least, leastBefore time.Duration // least delay in this period and in the one before
	period             time.Time     // beginning of this period
}

type flight struct {
	n  uint64
	at time.Time
}

const (
	mostInFlight = 8
	// quickAck is what an acknowledgement may take for the window to grow: with a second frame on
	// its way a slow link makes it twice that, and a picture must stay under 0.8 s of age.
	quickAck = 250 * time.Millisecond
	// lateBy is what an acknowledgement may be later than the quickest one without being a sign of
	// frames that wait for each other; over 100 ms, half of the quickest one.
	lateBy = 30 * time.Millisecond
	// lateTurns is how often the whole window must come late to be narrowed; by lateAtOnce, one
	// acknowledgement is enough.
	lateTurns  = 2
	lateAtOnce = 300 * time.Millisecond
	leastPause = time.Second
	mostPause  = time.Minute
	goodAfter  = 10 * time.Second // a window that held for so long may be tried again soon
	leastSpan  = 30 * time.Second // for how long a least delay counts, once to twice
)

// open says whether one more frame may leave.
func (w *window) open() bool { return len(w.flight) < max(w.size, 1) }

// wait notes that a frame is there and the window is not open.
func (w *window) wait() { w.blocked = true }

// sent notes that frame n has left. n grows.
func (w *window) sent(n uint64, now time.Time) { w.flight = append(w.flight, flight{n, now}) }

// oldest is when the oldest frame that is still on its way has left; zero: there is none.
func (w *window) oldest() time.Time {
	if len(w.flight) == 0 {
		return time.Time{}
	}
	return w.flight[0].at
}

// acked notes that every frame up to n has arrived. exact is false where that may have been
// earlier than now; such an acknowledgement can only speak for the link.
func (w *window) acked(n uint64, now time.Time, exact bool) {
	k := 0
	for k < len(w.flight) && w.flight[k].n <= n {
		k++
	}
	if k == 0 {
		return
	}
	delay := now.Sub(w.flight[k-1].at)
	w.flight = append(w.flight[:0], w.flight[k:]...)

	switch {
	case w.period.IsZero():
		w.period, w.least, w.leastBefore = now, delay, delay
	case now.Sub(w.period) > leastSpan:
		w.period, w.leastBefore, w.least = now, w.least, delay
	}
	w.least = min(w.least, delay)
	least := min(w.least, w.leastBefore)

	if excess := delay - least; excess > max(lateBy, least/2) {
		if exact {
			w.behind(excess, now)
		}
		return
	}
	w.late = 0
	w.good++
	if w.blocked && delay <= quickAck && w.good >= max(w.size, 1) && w.size < mostInFlight && !now.Before(w.retry) {
		w.change(max(w.size, 1)+1, now)
	}
}

// behind takes one late acknowledgement.
func (w *window) behind(excess time.Duration, now time.Time) {
	w.late++
	w.good = 0
	if w.size <= 1 || w.late < lateTurns*w.size && excess < lateAtOnce {
		return
	}
	if now.Sub(w.since) > goodAfter {
		w.pause = 0
	}
	w.pause = min(max(2*w.pause, leastPause), mostPause)
	w.retry = now.Add(w.pause)
	w.change(1, now)
}

func (w *window) change(size int, now time.Time) {
	w.size, w.since, w.blocked, w.good, w.late = size, now, false, 0, 0
}
