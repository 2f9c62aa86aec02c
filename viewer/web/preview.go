package web

import (
	"time"

	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/viewer"
)

// previewWait is how long a preview may take to come before the camera's frames are shown in its
// place.
const previewWait = 400 * time.Millisecond

// standIn is a camera's frames in the place of a preview that does not come: its publisher is
// another program that makes none, or cannot decode its pictures, or has none now and the server keeps
// the last. Once a preview has come, its publisher makes them, and silence means that there are no
// pictures.
type standIn struct {
	feed   *feed
	since  time.Time // the preview has been waited for since then
	asked  string    // the epoch that is waited for
	made   string    // the epoch of the last preview
	live   *bus.Live // nil: not needed
	reader *bus.Reader[frame.Frame]
	sealed viewer.Sealed
}

// ready is like Reader.Ready; it blocks for ever where nothing stands in.
func (s *standIn) ready() <-chan struct{} {
	if s.live == nil {
		return nil
	}
	return s.reader.Ready()
}

// consider begins to stand in when a preview has not come for too long.
func (s *standIn) consider(now time.Time) {
	if !s.feed.preview || s.live != nil || s.feed.unopened != "" { // frames could not be opened either
		return
	}
	camera, heard := s.feed.hub.cameras.Get(s.feed.id)
	if s.made != "" && (!heard || camera.Epoch == s.made) {
		return
	}
	if camera.Epoch != s.asked {
		s.asked, s.since = camera.Epoch, now
	}
	if now.Sub(s.since) < previewWait {
		return
	}
	live, err := s.feed.hub.conn.Live(s.feed.id)
	if err != nil { // closed
		return
	}
	s.live, s.reader, s.sealed = live, live.Reader(), viewer.Sealed{}
}

// unopened is why the frames that stand in cannot be opened; empty: they can, or none come.
func (s *standIn) unopened(now time.Time) string {
	if s.live == nil {
		return ""
	}
	return s.sealed.Why(s.live.Stats(), now)
}

// previewed takes note of a preview: nothing needs to stand in for it.
func (s *standIn) previewed(f *frame.Frame) {
	s.made = f.Epoch
	s.close()
}

func (s *standIn) close() {
	if s.live != nil {
		_ = s.live.Close() // returns no error
		s.live = nil
	}
}
