package publisher

import "time"

// thinner lets pictures through at most at a rate, evenly: a camera that gives 30 a second and is
// asked for 15 gives every second one.
type thinner struct {
	interval time.Duration // 0: all pass
	due      time.Time
}

// setRate changes the rate; 0 lets all through.
func (t *thinner) setRate(fps float64) {
	interval := time.Duration(0)
	if fps > 0 {
		interval = time.Duration(float64(time.Second) / fps)
	}
	if interval != t.interval {
		*t = thinner{interval: interval} // what is due by the old rate may lie far ahead
	}
}

// pass says whether a picture that was captured then goes through. A quarter of an interval of
// jitter is let pass, or a camera of exactly the rate would lose pictures.
func (t *thinner) pass(captured time.Time) bool {
	if t.interval == 0 {
		return true
	}
	early := t.due.Sub(captured)
	if early > t.interval/4 && early < 2*t.interval { // further ahead: the clock was set back
		return false
	}
	t.due = t.due.Add(t.interval)
	if late := captured.Sub(t.due); late > 0 || early >= 2*t.interval {
		t.due = captured.Add(t.interval)
	}
	return true
}
