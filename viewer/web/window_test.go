package web

import (
	"testing"
	"time"
)

// link simulates a camera at 30 fps, a window and a way to the viewer: transfer is what a frame
// takes on the link, one after the other, and way the round trip.
type link struct {
	transfer, way time.Duration
	jitter        func(n uint64) time.Duration
}

// run returns how many frames arrived in the time, and the greatest age of one that did after
// settle.
func (l link) run(w *window, total, settle time.Duration) (frames int, worst time.Duration) {
	const step, interval = time.Millisecond, 33 * time.Millisecond
	start := time.Unix(1_000_000, 0)
	type onWay struct {
		n                   uint64
		captured, here, ack time.Time
	}
	var flying []onWay
	var linkFree, captured time.Time
	var n uint64
	fresh := false
	for at := time.Duration(0); at < total; at += step {
		now := start.Add(at)
		if at%interval == 0 {
			captured, fresh = now, true
		}
		for len(flying) > 0 && !now.Before(flying[0].ack) {
			f := flying[0]
			flying = flying[1:]
			w.acked(f.n, now, true)
			if at > settle {
				frames++
				worst = max(worst, f.here.Sub(f.captured))
			}
		}
		if !fresh {
			continue
		}
		if !w.open() {
			w.wait()
			continue
		}
		fresh = false
		n++
		begin := now
		if linkFree.After(begin) {
			begin = linkFree
		}
		linkFree = begin.Add(l.transfer)
		here := linkFree.Add(l.way / 2)
		ack := here.Add(l.way / 2)
		if l.jitter != nil {
			ack = ack.Add(l.jitter(n))
		}
		w.sent(n, now)
		flying = append(flying, onWay{n, captured, here, ack})
	}
	return frames, worst
}

func TestWindowKeepsSlowViewersCurrent(t *testing.T) {
	for _, transfer := range []time.Duration{50, 100, 200, 333, 500, 1000} {
		transfer *= time.Millisecond
		var w window
		const total = 10 * time.Minute
		frames, worst := link{transfer: transfer, way: time.Millisecond}.run(&w, total, 0)
		// One frame's own time, that of those before it while a wider window is tried, and an interval.
		bound := transfer + 40*time.Millisecond
		if transfer <= quickAck {
			bound += transfer
		}
		if transfer <= 2*lateBy { // too short to be noticed before a third has left
			bound += transfer
		}
		if worst > bound {
			t.Errorf("a frame takes %s: worst age %s, bound %s", transfer, worst, bound)
		}
		if least := int(total/(transfer+40*time.Millisecond)) * 9 / 10; frames < least {
			t.Errorf("a frame takes %s: %d frames, want %d at least", transfer, frames, least)
		}
	}
}

func TestWindowFillsLongWay(t *testing.T) {
	for _, way := range []time.Duration{1, 50, 100, 150, 200} {
		way *= time.Millisecond
		var w window
		frames, _ := link{transfer: time.Millisecond, way: way}.run(&w, 62*time.Second, 2*time.Second)
		if frames < 60*30*95/100 {
			t.Errorf("round trip of %s: %d frames in 60 s, want 30 a second", way, frames)
		}
	}
}

func TestWindowOutlivesJitter(t *testing.T) {
	var w window
	shaky := link{transfer: 2 * time.Millisecond, way: 100 * time.Millisecond, jitter: func(n uint64) time.Duration {
		if n%40 == 0 {
			return 120 * time.Millisecond
		}
		return time.Duration(n%20) * time.Millisecond
	}}
	frames, _ := shaky.run(&w, 62*time.Second, 2*time.Second)
	if frames < 60*30*3/4 {
		t.Errorf("%d frames in 60 s over a way of 100 to 220 ms, want most of 1800", frames)
	}
}

func TestWindowShrinksAtOnceAndBacksOff(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	w := window{size: 4, since: now}
	var n uint64
	exchange := func(delay time.Duration) {
		n++
		w.sent(n, now)
		w.wait()
		now = now.Add(delay)
		w.acked(n, now, true)
	}
	for range 5 {
		exchange(100 * time.Millisecond)
	}
	if w.size != 5 {
		t.Fatalf("size %d after quick acknowledgements, want 5", w.size)
	}
	pause := time.Duration(0)
	for round := range 8 {
		for w.size > 1 {
			exchange(200 * time.Millisecond)
		}
		shrunk := now
		for w.size == 1 {
			exchange(100 * time.Millisecond)
		}
		took := now.Sub(shrunk)
		if took < pause {
			t.Errorf("round %d: tried again after %s, before that after %s", round, took, pause)
		}
		pause = took
	}
	if pause < mostPause*9/10 || pause > mostPause*11/10 {
		t.Errorf("pause after eight failures %s, want about %s", pause, mostPause)
	}
}

func TestWindowIgnoresWhatItDidNotSend(t *testing.T) {
	var w window
	now := time.Now()
	w.acked(7, now, true)
	w.sent(8, now)
	w.acked(7, now, true)
	if w.open() {
		t.Error("an acknowledgement of an older frame opened the window")
	}
	w.acked(8, now, true)
	if !w.open() || !w.oldest().IsZero() {
		t.Error("acknowledged, and not open")
	}
}

// A late acknowledgement that was only seen late says nothing.
func TestWindowInexact(t *testing.T) {
	now := time.Now()
	w := window{size: 3, since: now}
	for n := range uint64(20) {
		w.sent(n, now)
		delay := 10 * time.Millisecond
		if n > 5 {
			delay = time.Second
		}
		now = now.Add(delay)
		w.acked(n, now, false)
	}
	if w.size < 3 {
		t.Errorf("size %d", w.size)
	}
}
