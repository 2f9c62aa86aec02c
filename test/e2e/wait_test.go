package e2e

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"testing"
	"time"
)

// eventually waits for a condition that only looking at can tell.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	if !within(patience, condition) {
		t.Fatalf("not within %v: %s", patience, what)
	}
}

// within looks again and again whether the condition has come true, until the limit.
func within(limit time.Duration, condition func() bool) bool {
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-tick.C:
		case <-deadline.C:
			return condition()
		}
	}
	return true
}

// freeAddress returns an address on which nobody listens. Its port lies outside the range from which
// systems take ports for outgoing connections, so that it stays free while a server on it is
// restarted: a client that tries to reach it would otherwise, now and then, connect to itself.
func freeAddress(t *testing.T) string {
	t.Helper()
	for range 100 {
		address := fmt.Sprintf("127.0.0.1:%d", 20000+rand.N(12000))
		listener, err := net.Listen("tcp", address)
		if err != nil {
			continue
		}
		if err := listener.Close(); err != nil {
			t.Fatal(err)
		}
		return address
	}
	t.Fatal("no free port")
	return ""
}

// atMostTwice runs a test whose bounds a busy machine can miss by itself, and once more where it
// had problems; then they count. The test's own Errorf and Fatalf count at once.
func atMostTwice(t *testing.T, attempt func(t *testing.T) (problems []string)) {
	t.Helper()
	for _, name := range []string{"first", "again"} {
		var problems []string
		var stalled time.Duration
		ran := t.Run(name, func(t *testing.T) {
			longest := watchStalls()
			problems = attempt(t)
			stalled = longest()
		})
		switch {
		case !ran || len(problems) == 0:
			return
		case name == "first":
			t.Logf("NOTE: once more, because of:\n\t%s\nMeanwhile this test's own process once had to wait %v for its turn.", strings.Join(problems, "\n\t"), stalled.Round(time.Millisecond))
		default:
			t.Errorf("twice in a row:\n\t%s\nMeanwhile this test's own process once had to wait %v for its turn.", strings.Join(problems, "\n\t"), stalled.Round(time.Millisecond))
		}
	}
}

// watchStalls measures how long this process does not run although it has something to do, until
// the function that it returns is called.
func watchStalls() (longest func() time.Duration) {
	const step = 5 * time.Millisecond
	quit, result := make(chan struct{}), make(chan time.Duration)
	go func() {
		tick := time.NewTicker(step)
		defer tick.Stop()
		var worst time.Duration
		for last := time.Now(); ; {
			select {
			case <-tick.C:
				now := time.Now()
				worst = max(worst, now.Sub(last)-step)
				last = now
			case <-quit:
				result <- worst
				return
			}
		}
	}()
	return func() time.Duration {
		close(quit)
		return <-result
	}
}

// problems collects what atMostTwice judges.
type problems []string

func (p *problems) add(format string, args ...any) { *p = append(*p, fmt.Sprintf(format, args...)) }
