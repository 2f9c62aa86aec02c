package web

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/lensbus/lensbus/frame"
)

// snapshotWait is how long a snapshot waits for a camera that has just been asked for.
const snapshotWait = 2 * time.Second

// snapshot answers with the newest picture of a camera that delivers, no older than one and a half
// intervals between frames (see newestNow), otherwise 503. With ?stale=1 it is the newest that there is, the
// one that the server has kept included, and the headers say how old: Lens-Captured (the publisher's clock)
// and Age in seconds. With ?width=N a wider picture is scaled down, by the camera's publisher: this server
// decodes nothing.
func (s *Server) snapshot(w http.ResponseWriter, r *http.Request, f *feed) {
	stale := r.URL.Query().Get("stale") == "1"
	width := 0
	if text := r.URL.Query().Get("width"); text != "" {
		var err error
		if width, err = strconv.Atoi(text); err != nil || width < 1 || width > frame.MaxSnapshotWidth {
			s.refuse(w, r, http.StatusBadRequest, "width: want 1 to "+strconv.Itoa(frame.MaxSnapshotWidth)+" pixels")
			return
		}
	}
	ctx, cancel := context.WithTimeout(r.Context(), snapshotWait)
	defer cancel()
	p := awaitPicture(ctx, f, stale)
	if p == nil && stale { // the feed looks for a kept picture too, but not while it only fetches others
		ctx, cancel := context.WithTimeout(r.Context(), snapshotWait)
		defer cancel()
		if kept, err := s.bus.Newest(ctx, f.id); err == nil {
			p = &picture{Frame: kept}
		}
	}
	if p == nil {
		reason := "it delivers none now"
		if signal, ok := f.signals.Newest(); ok && signal.Reason != "" {
			reason = signal.Reason
		}
		w.Header().Set("Retry-After", "2")
		s.refuse(w, r, http.StatusServiceUnavailable, "no picture of camera "+string(f.id)+": "+reason+" (?stale=1 gives the last one there is)")
		return
	}
	if width > 0 && p.Width > width {
		ctx, cancel := context.WithTimeout(r.Context(), detailWait)
		defer cancel()
		small, err := s.bus.Snapshot(ctx, f.id, width)
		if err != nil {
			status, reason := s.controlStatus(f.id, err)
			s.refuse(w, r, status, "camera "+string(f.id)+" gives no smaller picture: "+reason)
			return
		}
		p = &picture{Frame: small, clock: p.clock}
	}
	h := w.Header()
	for key, values := range p.Header(false) {
		h[key] = values
	}
	h.Set("Content-Type", "image/jpeg")
	h.Set("Content-Length", strconv.Itoa(len(p.Data)))
	h.Set("Content-Disposition", `inline; filename="`+string(f.id)+"-"+p.Captured.UTC().Format("20060102T150405.000Z")+`.jpg"`)
	age, _ := p.age(time.Now())
	h.Set("Age", strconv.Itoa(max(0, int(age.Seconds()))))
	h.Set("Last-Modified", p.Captured.UTC().Format(http.TimeFormat))
	if r.Method != http.MethodHead {
		_, _ = w.Write(p.Data) // a client that has gone
	}
}

// awaitPicture returns the newest picture of a camera that delivers, or with stale the newest of all,
// and waits for one where there is none; nil when ctx is done first.
func awaitPicture(ctx context.Context, f *feed, stale bool) *picture {
	reader := f.pictures.Reader()
	for {
		p, _, err := reader.Next(ctx)
		if err != nil {
			return nil
		}
		if stale || p.newestNow(time.Now()) {
			return p
		}
	}
}
