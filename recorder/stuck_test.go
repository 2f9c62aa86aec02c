package recorder

import (
	"strings"
	"testing"
	"time"
)

// A disk that neither fails nor returns is an alarm too.
func TestADiskThatDoesNotReturn(t *testing.T) {
	c := newCamera(&recorder{log: silent()}, "front")
	c.set(StateRecording, "")
	c.flushing(time.Now())
	if err := c.ready(); err != nil {
		t.Errorf("a disk that has just begun: %v", err)
	}
	c.flushing(time.Now().Add(-stuckAfter - time.Second))
	if err := c.ready(); err == nil || !strings.Contains(err.Error(), "the disk has not taken a part for 11s") {
		t.Error(err)
	}
	if state, _, _, _ := c.snapshot(); state != StateStopped {
		t.Error(state)
	}
	c.flushing(time.Time{})
	if err := c.ready(); err != nil {
		t.Error(err)
	}
}
