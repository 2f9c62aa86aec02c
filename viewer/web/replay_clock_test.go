package web

import (
	"testing"
	"time"
)

func TestPlayhead(t *testing.T) {
	now := time.Unix(1000, 0)
	moment := time.Unix(50, 0)
	p := playhead{position: moment, since: now, speed: 1}
	if got := p.at(now.Add(time.Hour)); !got.Equal(moment) {
		t.Errorf("standing still it is at %v", got)
	}
	if due := p.due(moment); due.Sub(now) < time.Hour {
		t.Errorf("standing still a picture is due at %v", due)
	}
	now = now.Add(time.Hour)
	p.play(now)
	now = now.Add(3 * time.Second)
	if got := p.at(now).Sub(moment); got != 3*time.Second {
		t.Errorf("after 3 s it is %v on", got)
	}
	p.setSpeed(4, now)
	now = now.Add(time.Second)
	if got := p.at(now).Sub(moment); got != 7*time.Second {
		t.Errorf("after 1 s more at 4× it is %v on", got)
	}
	if got := p.due(moment.Add(15 * time.Second)).Sub(now); got != 2*time.Second {
		t.Errorf("8 s on are due in %v", got)
	}
	p.setSpeed(0.25, now)
	if got := p.due(moment.Add(8 * time.Second)).Sub(now); got != 4*time.Second {
		t.Errorf("1 s on is due in %v at 0.25×", got)
	}
	p.pause(now)
	if got := p.at(now.Add(time.Minute)).Sub(moment); got != 7*time.Second {
		t.Errorf("paused it is %v on", got)
	}
	p.set(moment, now)
	p.play(now)
	if got := p.due(moment.Add(-time.Second)); got.After(now) {
		t.Errorf("what is past is due %v", got)
	}
}

func TestEvery(t *testing.T) {
	for speed, want := range map[float64]time.Duration{0.25: 0, 1: 0, 2: 66 * time.Millisecond, 16: 533 * time.Millisecond} {
		if got := every(speed); got != want {
			t.Errorf("at %g× one frame in %v, want %v", speed, got, want)
		}
	}
}
