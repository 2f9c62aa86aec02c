package cli

import (
	"math"
	"sync"
	"time"
)

// ages are how old frames were, in classes that are each 2 % wider than the one before: any number of them takes
// the same memory, and a quantile is right to 2 %. It is for many goroutines; the zero value has none.
type ages struct {
	mu      sync.Mutex
	classes [ageClasses]uint64
	n       uint64
	most    time.Duration
}

const (
	ageLeast   = 10 * time.Microsecond
	ageGrowth  = 1.02
	ageClasses = 1024 // up to 6000 s
)

// observe notes one. What is younger than ageLeast counts as that old: a clock may have been set.
func (a *ages) observe(age time.Duration) {
	class := 0
	if age > ageLeast {
		class = min(int(math.Log(float64(age)/float64(ageLeast))/math.Log(ageGrowth)), ageClasses-1)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.classes[class]++
	a.n++
	a.most = max(a.most, age)
}

func (a *ages) reset() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.classes, a.n, a.most = [ageClasses]uint64{}, 0, 0
}

// add notes all of others', which are not a's.
func (a *ages) add(others *ages) {
	others.mu.Lock()
	defer others.mu.Unlock()
	a.mu.Lock()
	defer a.mu.Unlock()
	for i, n := range others.classes {
		a.classes[i] += n
	}
	a.n += others.n
	a.most = max(a.most, others.most)
}

// quantile is the age that a part q of all are not above, 0 where there are none.
func (a *ages) quantile(q float64) time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	left := uint64(math.Ceil(q * float64(a.n)))
	for i, n := range a.classes {
		if n >= left && a.n > 0 {
			return min(time.Duration(float64(ageLeast)*math.Pow(ageGrowth, float64(i+1))), max(a.most, ageLeast))
		}
		left -= n
	}
	return 0
}
