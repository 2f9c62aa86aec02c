package web

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
)

// export sends what is recorded of the camera between ?from and ?to as an MP4 file to be kept. Until
// the first byte an error has its status; after it the connection is cut, so that nobody takes half
// a file for a whole one.
func (s *Server) export(w http.ResponseWriter, r *http.Request, id frame.CameraID) {
	q := r.URL.Query()
	from, to, err := period(q, time.Now())
	if err != nil {
		s.refuse(w, r, http.StatusBadRequest, err.Error())
		return
	}
	if r.Method == http.MethodHead {
		s.exportHead(w, r, id, from, to)
		return
	}
	if !s.connected(w, r) {
		return
	}
	release, ok := s.share(w, r, s.exports, "exports")
	if !ok {
		return
	}
	defer release()
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	count := s.metrics.viewer(id, "export")
	defer count.leave()
	out := &exportWriter{
		w: w, control: http.NewResponseController(w), stall: s.cfg.Stall, count: count,
		begin: func() { exportHeader(w.Header(), id, from, to) },
	}
	result, err := s.file(ctx, s.bus, id, bus.ExportOptions{From: from, To: to, Split: q.Get("split") == "1"}, out, nil)
	switch {
	case err == nil && out.begun:
	case err == nil: // not a single byte
		s.refuse(w, r, http.StatusNotFound, "nothing is recorded of camera "+string(id)+" then")
	case !out.begun:
		status, reason := s.recorderStatus(id, err)
		if status == http.StatusServiceUnavailable {
			w.Header().Set("Retry-After", "10")
		}
		s.refuse(w, r, status, reason)
	default:
		if r.Context().Err() == nil && out.failed == nil {
			s.log.Warn("export cut short", "camera", id, "bytes", result.Bytes, "error", err)
		}
		panic(http.ErrAbortHandler) // net/http's way to end an answer that is not whole
	}
}

// exportHead says what export would, without the file.
func (s *Server) exportHead(w http.ResponseWriter, r *http.Request, id frame.CameraID, from, to time.Time) {
	ctx, cancel := context.WithTimeout(r.Context(), rangesWait)
	defer cancel()
	ranges, err := s.bus.Ranges(ctx, id, from, to)
	if err != nil {
		status, reason := s.recorderStatus(id, err)
		s.refuse(w, r, status, reason)
		return
	}
	if len(ranges.Spans) == 0 {
		s.refuse(w, r, http.StatusNotFound, "nothing is recorded of camera "+string(id)+" then")
		return
	}
	exportHeader(w.Header(), id, from, to)
}

func exportHeader(h http.Header, id frame.CameraID, from, to time.Time) {
	h.Set("Content-Type", "video/mp4")
	h.Set("Content-Disposition", `attachment; filename="`+exportName(id, from, to)+`"`)
	h.Set("X-Accel-Buffering", "no") // nginx would take the file faster than its client
}

// exportName is the name of an exported file: the camera and the times that were asked for. Neither
// has a character that means something to a shell, a header or a file system.
func exportName(id frame.CameraID, from, to time.Time) string {
	const layout = "20060102T150405.000Z"
	name := string(id)
	if !from.IsZero() {
		name += "-" + from.UTC().Format(layout)
	}
	if !to.IsZero() {
		name += "-to-" + to.UTC().Format(layout)
	}
	return name + ".mp4"
}

// exportWriter begins the answer with the first byte, and gives a client that takes some more time.
type exportWriter struct {
	w       http.ResponseWriter
	control *http.ResponseController
	stall   time.Duration
	count   *viewerCount
	begin   func()
	begun   bool
	failed  error
	until   time.Time
}

var errNoExport = errors.New("the client took no more")

func (e *exportWriter) Write(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if !e.begun {
		e.begun = true
		e.begin()
	}
	if now := time.Now(); e.until.Sub(now) < e.stall*3/4 {
		e.until = now.Add(e.stall)
		_ = e.control.SetWriteDeadline(e.until) // not every writer can; then nothing is lost
	}
	n, err := e.w.Write(p)
	e.count.bytes.Add(float64(n))
	if err != nil {
		e.failed = errors.Join(errNoExport, err)
		return n, e.failed
	}
	return n, nil
}
