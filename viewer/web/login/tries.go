package login

import (
	"sync"
	"time"
)

// How many wrong tries there may be, from one address and for one name: freeTries at once, then one
// in each tryEvery. A name is slowed down less, so that somebody elsewhere cannot lock it out.
const (
	freeTries     = 5
	freeTriesName = 50
	tryEvery      = 10 * time.Second
	tryEveryName  = time.Second
	mostTries     = 10_000 // that are remembered
)

// tries counts wrong passwords: a bucket for each address and each name that fills with every wrong
// try and leaks with time.
type tries struct {
	mu      sync.Mutex
	buckets map[string]bucket
}

type bucket struct {
	level float64 // wrong tries
	at    time.Time
}

func (b bucket) now(now time.Time, every time.Duration) float64 {
	passed := max(0, now.Sub(b.at)) // a clock may jump back
	return max(0, b.level-float64(passed)/float64(every))
}

// may says whether another try is allowed.
func (t *tries) may(now time.Time, from, name string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.buckets["from "+from].now(now, tryEvery) <= freeTries-1 && t.buckets["name "+name].now(now, tryEveryName) <= freeTriesName-1
}

// wrong notes a wrong try.
func (t *tries) wrong(now time.Time, from, name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.buckets == nil {
		t.buckets = make(map[string]bucket)
	}
	if len(t.buckets) >= mostTries { // of so many, the harmless ones can go
		for key, b := range t.buckets {
			if b.now(now, tryEvery) < 1 {
				delete(t.buckets, key)
			}
		}
		if len(t.buckets) >= mostTries {
			clear(t.buckets)
		}
	}
	for key, every := range map[string]time.Duration{"from " + from: tryEvery, "name " + name: tryEveryName} {
		t.buckets[key] = bucket{t.buckets[key].now(now, every) + 1, now}
	}
}
