package recorder

import "time"

// What removal by age believes of clocks. A wrong one must not remove everything: it may be this
// machine's (no battery, no NTP yet), and jump by years; and on the machine of the cameras too,
// where capture times jump with it. docs/design/recording-index.md has the reasoning.

// doubtful is how far the clock may be ahead of what was recorded last without a word. A camera may
// be off for longer, so this is for the message, not for the rule.
const doubtful = time.Hour

// clock is the time of this machine: the wall's, which may jump, and how long the program has been
// running, which does not.
type clock func() (wall time.Time, steady time.Duration)

// machineClock is the real one.
func machineClock() clock {
	start := time.Now()
	return func() (time.Time, time.Duration) {
		now := time.Now()
		return now.Round(0), now.Sub(start)
	}
}

// trusted is the time that ages are counted against: the machine's clock, but never later than the
// capture time of the newest frame of all cameras plus the time that has passed, without jumps,
// since that frame was seen to be the newest.
type trusted struct {
	newest time.Time
	seen   time.Duration
	doubts bool
}

// look notes the newest frame that is recorded, and returns the time to count ages against. ahead is
// how far the clock is beyond what can be believed; 0 where it is not far.
func (t *trusted) look(wall time.Time, steady time.Duration, newest time.Time) (now time.Time, ahead time.Duration) {
	if !newest.Equal(t.newest) {
		t.newest, t.seen = newest, steady
	}
	now = t.newest.Add(steady - t.seen)
	if wall.Before(now) {
		now = wall
	}
	ahead = wall.Sub(now)
	if t.doubts = ahead > doubtful; !t.doubts {
		ahead = 0
	}
	return now, ahead
}

// pace bounds how much of one camera is removed by age, as recorded time, whatever clocks say: all
// that there is goes in no less than a day, or in half its own length where that is shorter. In
// ordinary life one second goes a second.
type pace struct {
	at     time.Duration // when pass was called last
	credit time.Duration // recorded time that may go; below 0 after a long segment
}

const (
	paceWhole = 24 * time.Hour   // in which everything may go
	paceSaved = 10 * time.Minute // for how long credit is saved up
	paceMost  = time.Hour        // what one segment costs at most
)

// pass gives credit for the time since the last call, to a camera of which so much is recorded.
func (p *pace) pass(steady, recorded time.Duration) {
	factor := max(2, float64(recorded)/float64(paceWhole))
	passed := min(steady-p.at, paceSaved)
	p.at = steady
	p.credit = min(p.credit+time.Duration(factor*float64(passed)), time.Duration(factor*float64(paceSaved)))
}

// may says whether a segment may go now: the first one at once.
func (p *pace) may() bool { return p.credit >= 0 }

// take pays for one that goes.
func (p *pace) take(recorded time.Duration) {
	p.credit -= min(max(recorded, time.Second), paceMost)
}
