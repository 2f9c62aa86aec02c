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
	own       []string // warnings that are not the open source's
	rate      rate
	clock     steps
	changed   chan struct{} // holds a token when the state has changed and is not yet announced
}

// newState is that of a camera that is being opened; now is the clock of what others are told, nil
// being this machine's.
func newState(now func() time.Time, doc frame.Status) *state {
	if now == nil {
		now = time.Now
	}
	s := &state{doc: doc, clock: steps{now: now}, changed: make(chan struct{}, 1)}
	began, _ := s.clock.look()
	s.doc.State, s.doc.Since, s.doc.Started = frame.StateOpening, began, began
	s.doc.Dropped = make(map[string]uint64)
	return s
}

// now is the clock's time. It is for anybody.
func (s *state) now() time.Time { return s.clock.now() }

// time is the clock's. Where it was set, all that was noted by it before is set with it: a camera that
// has run for a minute goes on having run for a minute. It is called with mu held.
func (s *state) time() time.Time {
	now, step := s.clock.look()
	if step != 0 {
		s.doc.Since, s.doc.Started = s.doc.Since.Add(step), s.doc.Started.Add(step)
		if !s.doc.LastFrame.IsZero() {
			s.doc.LastFrame = s.doc.LastFrame.Add(step)
		}
	}
	return now
}

// set changes the camera's state. An ended camera stays ended.
func (s *state) set(to frame.State, reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.doc.State == frame.StateEnded {
		return
	}
	if s.doc.State != to {
		s.doc.Since = s.time()
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

// sent counts a frame that is on its way; at is when by this machine's clock.
func (s *state) sent(f *frame.Frame, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.doc.Sent++
	s.sentBytes += uint64(len(f.Data))
	s.doc.LastFrame = f.Captured.UTC()
	if now := s.time(); s.doc.LastFrame.After(now) { // the clock was set back after it was captured
		s.doc.LastFrame = now
	}
	if s.doc.Width != f.Width || s.doc.Height != f.Height {
		s.doc.Width, s.doc.Height = f.Width, f.Height
		s.announce()
	}
	s.rate.add(at, len(f.Data))
}

// status is the document as it is now.
func (s *state) status() frame.Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.time()
	doc := s.doc
	doc.Time, doc.Since, doc.Started = now.UTC(), doc.Since.UTC(), doc.Started.UTC()
	doc.FPS, doc.BitRate = s.rate.over(time.Now())
	doc.Dropped = maps.Clone(doc.Dropped)
	doc.Warnings = append(slices.Clone(doc.Warnings), s.own...)
	return doc
}
