package publisher

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/publisher/source"
)

// state is what is known of a camera now. Every part of its life writes to it; its status is
// published from it.
type state struct {
	mu  sync.Mutex
	doc frame.Status
	// sentBytes are of all frames that were sent.
	sentBytes uint64
	own       []string // warnings that are not the open source\'s
	rate      rate
	changed   chan struct{} // holds a token when the state has changed and is not yet announced
}

func newState(doc frame.Status) *state {
	now := time.Now()
	doc.State, doc.Since, doc.Started = frame.StateOpening, now, now
	doc.Dropped = make(map[string]uint64)
	return &state{doc: doc, changed: make(chan struct{}, 1)}
}

// set changes the camera's state. An ended camera stays ended.
func (s *state) set(to frame.State, reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.doc.State == frame.StateEnded {
		return
	}
	if s.doc.State != to {
		s.doc.Since = time.Now()
	}
	if s.doc.State != to || s.doc.Reason != reason {
		s.doc.State, s.doc.Reason = to, reason
		s.announce()
	}
}

// announce is called with mu held.
func (s *state) announce() { signal(s.changed) }

func (s *state) epoch() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.doc.Epoch
}

// opened takes what an open source says of itself.
func (s *state) opened(info source.Info) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.doc.Format, s.doc.Untouched = info.Format, info.Untouched
	s.doc.Warnings = info.Warnings[:min(len(info.Warnings), mostWarnings)]
	s.announce()
}

// mostWarnings keeps a status small.
const mostWarnings = 20

func (s *state) warn(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.own) < mostWarnings && !slices.Contains(s.own, text) {
		s.own = append(s.own, text)
		s.announce()
	}
}

func (s *state) stored(where string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.doc.Stream != where {
		s.doc.Stream = where
		s.announce()
	}
}

// dropped counts pictures that are not sent.
func (s *state) dropped(reason string, n uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.doc.Dropped[reason] += n
}

// sent counts a frame that is on its way.
func (s *state) sent(f *frame.Frame, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.doc.Sent++
	s.sentBytes += uint64(len(f.Data))
	s.doc.LastFrame = f.Captured.UTC()
	if s.doc.Width != f.Width || s.doc.Height != f.Height {
		s.doc.Width, s.doc.Height = f.Width, f.Height
		s.announce()
	}
	s.rate.add(now, len(f.Data))
}

// status is the document as it is now.
func (s *state) status() frame.Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	doc := s.doc
	doc.Time, doc.Since, doc.Started = now.UTC(), doc.Since.UTC(), doc.Started.UTC()
	doc.FPS, doc.BitRate = s.rate.over(now)
	doc.Dropped = maps.Clone(doc.Dropped)
	doc.Warnings = append(slices.Clone(doc.Warnings), s.own...)
	return doc
}

// rate averages over the last seconds, in whole ones, so that it costs the same at any frame rate.
type rate struct {
	seconds [rateSeconds + 1]struct {
		unix   int64
		frames int
		bytes  int
	}
	began time.Time
}

const rateSeconds = 4

func (r *rate) add(now time.Time, bytes int) {
	if r.began.IsZero() || now.Before(r.began) { // the clock was set back: what was counted lies ahead
		*r = rate{began: now}
	}
	s := &r.seconds[now.Unix()%int64(len(r.seconds))]
	if s.unix != now.Unix() {
		s.unix, s.frames, s.bytes = now.Unix(), 0, 0
	}
	s.frames++
	s.bytes += bytes
}

// over returns frames and bits per second over the last whole seconds.
func (r *rate) over(now time.Time) (fps, bits float64) {
	frames, bytes := 0, 0
	for _, s := range r.seconds {
		if age := now.Unix() - s.unix; age >= 1 && age <= rateSeconds {
			frames += s.frames
			bytes += s.bytes
		}
	}
	over := min(float64(rateSeconds), now.Truncate(time.Second).Sub(r.began).Seconds())
	if over < 0.5 {
		return 0, 0
	}
	return float64(frames) / over, float64(bytes) * 8 / over
}
