package publisher

import "time"

// leastStep is by how much a clock must differ from what has really gone by to have been set. Less is
// its being steered, or this process's being put aside between two looks.
const leastStep = 500 * time.Millisecond

// steps notices a clock that is set.
type steps struct {
	now func() time.Time

	wall, real time.Time // at the last look
}

// look returns the clock's time, and by how much it was set since the last look.
func (s *steps) look() (now time.Time, step time.Duration) {
	wall, real := s.now().Round(0), time.Now() // Round leaves what people see of it
	if !s.real.IsZero() {
		step = wall.Sub(s.wall) - real.Sub(s.real)
	}
	s.wall, s.real = wall, real
	if step.Abs() < leastStep {
		step = 0
	}
	return wall, step
}
