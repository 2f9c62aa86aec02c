package bus

import "time"

// How late is late. The first says that pictures pile up somewhere on the way; two in a row, so
// that one picture that was slow on its way does not count.
const (
	lateAfter  = 250 * time.Millisecond
	lateFrames = 2
	lateAtOnce = time.Second
	ageWindow  = 30 * time.Second
)

// lateness notices that frames pile up on the way: their age grows over the least that it was of
// late. Only differences count, so the publisher's clock may be off by any amount, and may drift:
// the least age is forgotten after one to two windows.
type lateness struct {
	least, leastBefore time.Duration // least age in this window and in the one before
	began              time.Time     // of this window
	over               int           // frames in a row that were late
	first              time.Time     // when the first frame came
	excess             time.Duration // by how much the newest frame is older than the least

	// Of the frames in a row that were late:
	since  time.Time     // when the first of them came, or growAgain was called
	lowest time.Duration // by how much the least late one was
	grown  time.Time     // since when that has grown by mustGrow and more; zero: it has not
}

// observe takes the age of a frame that arrived now and returns whether the link has fallen behind.
func (l *lateness) observe(now time.Time, age time.Duration) bool {
	switch {
	case l.began.IsZero():
		l.began, l.least, l.leastBefore = now, age, age
	case now.Sub(l.began) > ageWindow:
		l.began, l.leastBefore, l.least = now, l.least, age
	}
	if l.first.IsZero() {
		l.first = now
	}
	l.least = min(l.least, age)
	l.excess = age - min(l.least, l.leastBefore)
	if l.excess < lateAfter {
		l.over, l.since, l.grown = 0, time.Time{}, time.Time{}
		return false
	}
	l.over++
	l.grow(now)
	return l.over >= lateFrames || l.excess >= lateAtOnce
}

// How much later the frames must have become, one after the other, and for how long, that it is no accident.
const (
	mustGrow  = 2 * lateAfter
	growAfter = time.Second
)

// grow takes a frame that is late.
func (l *lateness) grow(now time.Time) {
	if l.since.IsZero() {
		l.growAgain(now)
	}
	l.lowest = min(l.lowest, l.excess)
	switch {
	case l.excess-l.lowest < mustGrow:
		l.grown = time.Time{}
	case l.grown.IsZero():
		l.grown = now
	}
}

// growAgain has growth count from now on.
func (l *lateness) growAgain(now time.Time) {
	l.since, l.lowest, l.grown = now, l.excess, time.Time{}
}

// grows says whether frames are later and later.
func (l *lateness) grows(now time.Time) bool {
	return !l.grown.IsZero() && now.Sub(l.since) >= growAfter
}

// capacity estimates what a link carries from single fetches, each timed from request to answer.
// The best of the last few counts: whatever disturbs a fetch makes it look slower, never faster.
type capacity struct {
	samples [8]float64 // bytes per second
	n       int
}

// leastTransfer is the least time that a fetch is taken to need beyond a round trip; below it the
// timer and the scheduler are measured, not the link.
const leastTransfer = 200 * time.Microsecond

func (c *capacity) observe(bytes int, took, roundTrip time.Duration) {
	transfer := max(took-roundTrip, leastTransfer)
	c.samples[c.n%len(c.samples)] = float64(bytes) / transfer.Seconds()
	c.n++
}

// bytesPerSecond is 0 while nothing is known.
func (c *capacity) bytesPerSecond() float64 {
	best := 0.0
	for _, s := range c.samples[:min(c.n, len(c.samples))] {
		best = max(best, s)
	}
	return best
}

// pace learns how often a camera sends, from the frames that were fetched of it.
type pace struct {
	epoch    string
	seq      uint64
	captured time.Time
	bytes    int
	interval time.Duration // between two of its frames; 0: not known
	least    time.Duration // what interval is at least, where that is known from the start
	repeats  int           // fetches in a row that brought nothing new
}

// What is assumed of a camera before its pace is known, and the bounds of what is believed.
const (
	assumedInterval = time.Second / 30
	leastInterval   = time.Millisecond
	mostInterval    = 10 * time.Second
	mostWait        = time.Second
)

// fetched takes the sequence and capture time of a frame and returns how long after the request
// for it the next one is worth asking for.
func (p *pace) fetched(epoch string, seq uint64, captured time.Time, bytes int) time.Duration {
	p.bytes = bytes
	switch {
	case epoch == p.epoch && seq == p.seq:
		p.repeats++
	case epoch == p.epoch && seq > p.seq:
		interval := captured.Sub(p.captured) / time.Duration(seq-p.seq)
		p.interval = min(max(interval, leastInterval, p.least), mostInterval)
		p.repeats = 0
	default:
		p.repeats = 0
	}
	p.epoch, p.seq, p.captured = epoch, seq, captured
	if p.repeats > 0 {
		return min(p.orAssumed()/2<<min(p.repeats, 8), mostWait)
	}
	// One interval after a request the camera has sent a newer frame: asking sooner would fetch
	// the same one twice.
	return p.orAssumed() + p.orAssumed()/20
}

func (p *pace) orAssumed() time.Duration {
	if p.interval == 0 {
		return max(assumedInterval, p.least)
	}
	return p.interval
}

// rate is what the camera sends, in bytes per second.
func (p *pace) rate() float64 { return float64(p.bytes) / p.orAssumed().Seconds() }
