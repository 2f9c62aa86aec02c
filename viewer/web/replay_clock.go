package web

import "time"

// playhead is where a replay is. It is pure logic: times come from the caller. Moments are capture
// times, by the publisher's clock; now is this machine's.
type playhead struct {
	position time.Time // at since
	since    time.Time
	speed    float64
	playing  bool
}

// at is where the playhead is now.
func (p *playhead) at(now time.Time) time.Time {
	if !p.playing {
		return p.position
	}
	return p.position.Add(time.Duration(float64(now.Sub(p.since)) * p.speed))
}

// due is when the playhead gets to a moment. Where it does not move, that is long from now.
func (p *playhead) due(moment time.Time) time.Time {
	if !p.playing {
		return p.since.Add(1 << 60)
	}
	return p.since.Add(time.Duration(float64(moment.Sub(p.position)) / p.speed))
}

func (p *playhead) set(position, now time.Time) { p.position, p.since = position, now }

func (p *playhead) play(now time.Time) {
	p.set(p.at(now), now)
	p.playing = true
}

func (p *playhead) pause(now time.Time) {
	p.set(p.at(now), now)
	p.playing = false
}

func (p *playhead) setSpeed(speed float64, now time.Time) {
	p.set(p.at(now), now)
	p.speed = speed
}
