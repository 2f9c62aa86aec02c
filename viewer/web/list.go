package web

import (
	"bytes"
	"encoding/json"
	"net/http"
	"time"

	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/viewer"
)

// entry is one camera in /api/cameras and /api/events.
type entry struct {
	viewer.Camera
	// Live is true while its pictures are the present: by the pictures themselves where somebody
	// watches here, otherwise by what its publisher says.
	Live bool `json:"live"`
	// Viewers is how many watch it through this server now.
	Viewers int `json:"viewers"`
	// Age is how old the newest picture here is, in ms; nil where nobody watches here.
	Age *float64 `json:"age_ms,omitempty"`
	// Offset is the publisher's clock minus this server's and Uncertainty how far that and Age may
	// be wrong, in ms; nil where the clocks have not been compared.
	Offset      *float64 `json:"clock_offset_ms,omitempty"`
	Uncertainty *float64 `json:"uncertainty_ms,omitempty"`
}

func millis(d time.Duration) *float64 {
	ms := float64(d.Round(10*time.Microsecond)) / float64(time.Millisecond)
	return &ms
}

// list makes the JSON array of the cameras that this request may see, sorted by id.
func (s *Server) list(r *http.Request) ([]byte, error) {
	entries := []entry{} // not null
	now := time.Now()
	for _, camera := range s.cameras.List() {
		if s.authorise(r, camera.ID) != nil {
			continue
		}
		viewers, live, watched, newest := s.hub.look(camera.ID)
		if !watched {
			live = camera.State == frame.StateLive && !camera.Silent && camera.Time.Sub(camera.LastFrame) < viewer.StaleAfter
		}
		e := entry{Camera: camera, Live: live, Viewers: viewers}
		clock, compared := s.bus.Offset(camera.ID)
		if compared {
			e.Offset, e.Uncertainty = millis(clock.Offset), millis(clock.Uncertainty)
		}
		if newest != nil {
			e.Age = millis(clock.Age(newest.Captured, now))
		}
		entries = append(entries, e)
	}
	return json.Marshal(entries)
}

func (s *Server) serveCameras(w http.ResponseWriter, r *http.Request) {
	data, err := s.list(r)
	if err != nil {
		s.log.Error("list of cameras", "error", err)
		s.refuse(w, r, http.StatusInternalServerError, "the list of cameras cannot be written")
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(append(data, '\n')) // a client that has gone
}

const (
	eventInterval = 500 * time.Millisecond
	// eventSilence is when a comment is sent in place of an event, so that a proxy does not end a
	// connection that seems dead.
	eventSilence = 15 * time.Second
)

// serveEvents sends the list as text/event-stream, at once and then whenever it has changed, at
// most twice a second.
func (s *Server) serveEvents(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // nginx would keep events back
	if r.Method == http.MethodHead {
		return
	}
	control := http.NewResponseController(w)
	tick := time.NewTicker(eventInterval)
	defer tick.Stop()
	var last []byte
	var lastAt time.Time
	for {
		data, err := s.list(r)
		if err != nil {
			s.log.Error("list of cameras", "error", err)
			return
		}
		var message []byte
		switch now := time.Now(); {
		case last == nil || !bytes.Equal(data, last):
			message = append(append([]byte("data: "), data...), "\n\n"...)
			last, lastAt = data, now
		case now.Sub(lastAt) > eventSilence:
			message, lastAt = []byte(": still here\n\n"), now
		}
		if message != nil {
			_ = control.SetWriteDeadline(time.Now().Add(s.cfg.Stall)) // not every writer can; then nothing is lost
			if _, err := w.Write(message); err != nil {
				return
			}
			if err := control.Flush(); err != nil {
				return
			}
		}
		select {
		case <-tick.C:
		case <-r.Context().Done():
			return
		}
	}
}
