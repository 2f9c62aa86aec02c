package e2e

import (
	"fmt"
	"math/rand/v2"
	"net"
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
