package hitch

import (
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"
)

func TestWithin(t *testing.T) {
	at := func(ms int) time.Time { return time.UnixMilli(int64(ms)) }
	w := &Watch{all: []span{{at(100), at(150)}, {at(200), at(400)}}, last: time.Now().Add(time.Hour)} // it runs
	for _, c := range []struct{ from, to, want int }{
		{0, 50, 0}, {0, 1000, 250}, {120, 130, 10}, {140, 210, 20}, {300, 1000, 100}, {400, 1000, 0},
	} {
		if got := w.Within(at(c.from), at(c.to)); got != time.Duration(c.want)*time.Millisecond {
			t.Errorf("from %d to %d: %v, want %d ms", c.from, c.to, got, c.want)
		}
	}
	if got := w.longest(at(0)); got != 200*time.Millisecond {
		t.Errorf("longest %v", got)
	}
	if got := w.longest(at(400)); got != 0 {
		t.Errorf("longest afterwards %v", got)
	}
}

func TestJudgeEndsWithoutProblems(t *testing.T) {
	attempts := 0
	Judge(t, func(*testing.T) Problems { attempts++; return nil })
	if attempts != 1 {
		t.Errorf("%d attempts, and the first had no problems", attempts)
	}
}

// Only what a process was not let do is excused, and not for ever.
func TestExcused(t *testing.T) {
	for _, c := range []struct {
		n             int
		still, waited time.Duration
		want          bool
	}{
		{1, 0, 0, false},
		{1, enough - 1, enoughQueued - 1, false},
		{1, enough, 0, true},
		{1, 0, enoughQueued, true},
		{most - 1, time.Second, time.Second, true},
		{most, time.Second, time.Second, false},
	} {
		if got := excused(c.n, c.still, c.waited); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

// A process that was stopped knows it afterwards, and what was late meanwhile is tried again.
func TestAStoppedProcessIsExcused(t *testing.T) {
	attempts := 0
	Judge(t, func(t *testing.T) (found Problems) {
		if attempts++; attempts == 1 {
			began := time.Now()
			stopFor(t, 0.3)
			if took := time.Since(began); took > 300*time.Millisecond {
				found.Add("it took %v", took)
			}
		}
		return found
	})
	if attempts != 2 {
		t.Errorf("%d attempts", attempts)
	}
}

func TestHeldUp(t *testing.T) {
	heldUp := HeldUp()
	stopFor(t, 0.2)
	if !heldUp() {
		t.Error("it was stopped for 0.2 s and does not know")
	}
}

// stopFor stops this process for so many seconds.
func stopFor(t *testing.T, seconds float64) {
	t.Helper()
	stop := exec.Command("sh", "-c", fmt.Sprintf("kill -STOP %[1]d; sleep %[2]g; kill -CONT %[1]d", os.Getpid(), seconds))
	if out, err := stop.CombinedOutput(); err != nil {
		t.Skipf("NOT TESTED: a process that is stopped: %v, %s", err, out)
	}
}
