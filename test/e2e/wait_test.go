package e2e

import (
	"testing"
	"time"

	"github.com/lensbus/lensbus/test/await"
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
	return await.True(limit, 10*time.Millisecond, condition)
}
