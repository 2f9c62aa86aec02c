package web

import "sync"

// share bounds how many of something there are at a time: of all together, and of one person.
type share struct {
	most, mostPerson int

	mu  sync.Mutex
	all int
	by  map[string]int // by the person's name; nobody in particular is not bounded by it
}

func newShare(most, mostPerson int) *share {
	return &share{most: most, mostPerson: mostPerson, by: make(map[string]int)}
}

// take takes one for the person, "" for nobody in particular. Where ok is true, release gives it back, once.
// greedy says that it is the person's own share that is used up.
func (s *share) take(name string) (release func(), ok, greedy bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.all >= s.most:
		return nil, false, false
	case name != "" && s.by[name] >= s.mostPerson:
		return nil, false, true
	}
	s.all++
	s.by[name]++
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.all--
		if s.by[name]--; s.by[name] == 0 {
			delete(s.by, name)
		}
	}, true, false
}
