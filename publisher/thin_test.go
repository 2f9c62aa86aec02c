package publisher

import (
	"testing"
	"time"

	"github.com/lensbus/lensbus/frame"
)

func TestThinner(t *testing.T) {
	for _, test := range []struct{ camera, asked, want float64 }{
		{30, 15, 15}, {30, 30, 30}, {25, 10, 10}, {30, 0, 30}, {5, 10, 5}, {30, 1, 1}, {60, 25, 25},
	} {
		var thin thinner
		thin.setRate(test.asked)
		start, passed := time.Now(), 0
		const seconds = 20
		for i := range int(test.camera * seconds) {
			jitter := time.Duration(i%3-1) * 2 * time.Millisecond
			at := start.Add(time.Duration(float64(i)/test.camera*float64(time.Second)) + jitter)
			if thin.pass(at) {
				passed++
			}
		}
		if got := float64(passed) / seconds; got < test.want*0.95 || got > test.want*1.1 {
			t.Errorf("camera of %v fps asked for %v: %.2f pass a second, want %v", test.camera, test.asked, got, test.want)
		}
	}
	var thin thinner
	thin.setRate(10)
	now := time.Now()
	thin.pass(now)
	if !thin.pass(now.Add(-time.Hour)) {
		t.Error("a clock that was set back an hour stops the camera")
	}
	if !thin.pass(now.Add(time.Hour)) {
		t.Error("a clock that was set forward an hour stops the camera")
	}
}

func TestLeases(t *testing.T) {
	l, now := newLeases(), time.Now()
	take := func(watcher string, seconds int, preview bool) time.Duration {
		holds, ok := l.take(frame.WatchRequest{Watcher: watcher, Seconds: seconds, Preview: preview}, now)
		if !ok {
			t.Fatal("refused")
		}
		return holds
	}
	if holds := take("a", 20, false); holds != 20*time.Second {
		t.Errorf("holds %v", holds)
	}
	if holds := take("b", 1<<40, true); holds != frame.LeaseLimit {
		t.Errorf("a lease of %v", holds)
	}
	take("c", -1, false)
	if all, preview := l.watchers(now); all != 2 || preview != 1 {
		t.Errorf("%d watchers, %d of the preview", all, preview)
	}
	now = now.Add(21 * time.Second)
	if all, preview := l.watchers(now); all != 1 || preview != 1 {
		t.Errorf("after 21 s %d watchers, %d of the preview", all, preview)
	}
	take("b", 0, false)
	if all, _ := l.watchers(now); all != 0 {
		t.Errorf("%d watchers after the last has gone", all)
	}
}
