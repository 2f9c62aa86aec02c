package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/viewer"
)

// rangesWait is how long a recorder may take to say what it has.
const rangesWait = 5 * time.Second

// rangesAnswer is what is recorded of a camera, in /api/cameras/{id}/ranges.
type rangesAnswer struct {
	// Recorder says whether one answers for the camera. Without one the rest is empty: a page asks
	// this of every camera, and most need not be recorded.
	Recorder bool `json:"recorder"`
	frame.Ranges
}

// ranges answers with what is recorded of the camera, and what is missing, between ?from and ?to.
func (s *Server) ranges(w http.ResponseWriter, r *http.Request, id frame.CameraID) {
	from, to, err := period(r.URL.Query(), time.Now())
	if err != nil {
		s.refuse(w, r, http.StatusBadRequest, err.Error())
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), rangesWait)
	defer cancel()
	ranges, err := s.bus.Ranges(ctx, id, from, to)
	if err == nil && ranges.Camera != id {
		err = errors.New("the recorder of camera " + string(id) + " answers for another")
	}
	answers := !errors.Is(err, bus.ErrNoRecorder)
	if !answers {
		err = nil
		ranges = frame.Ranges{Camera: id, Time: time.Now()}
	}
	if err != nil {
		status, reason := s.recorderStatus(id, err)
		s.refuse(w, r, status, reason)
		return
	}
	if ranges.Spans == nil {
		ranges.Spans = []frame.Span{} // not null
	}
	if ranges.Gaps == nil {
		ranges.Gaps = []frame.Gap{}
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(rangesAnswer{answers, ranges}) // a client that has gone
}

// period reads ?from and ?to, zero where they are not given. Each is a time as RFC 3339 writes it, or
// how long before now: -90s.
func period(q url.Values, now time.Time) (from, to time.Time, err error) {
	for name, t := range map[string]*time.Time{"from": &from, "to": &to} {
		values := q[name]
		switch {
		case len(values) == 0 || len(values) == 1 && values[0] == "":
			continue
		case len(values) > 1:
			return from, to, fmt.Errorf("%s: given %d times", name, len(values))
		}
		if *t, err = moment(values[0], now); err != nil {
			return from, to, fmt.Errorf("%s: %w", name, err)
		}
	}
	if err := (frame.RangesRequest{From: from, To: to}).Check(); err != nil {
		return from, to, err
	}
	return from, to, nil
}

// mostText is what a time can have, characters.
const mostText = 64

func moment(text string, now time.Time) (time.Time, error) {
	wrong := fmt.Errorf("%.*q is no time: want 2026-11-22T10:00:00Z, or -90s for so long ago", mostText, text)
	if len(text) > mostText {
		return time.Time{}, wrong
	}
	if ago, err := time.ParseDuration(text); err == nil {
		if ago > 0 || text[0] != '-' {
			return time.Time{}, wrong
		}
		return now.Add(ago), nil
	}
	// In a query, the + of a time zone stands for a space unless somebody has escaped it.
	t, err := time.Parse(time.RFC3339Nano, strings.Replace(text, " ", "+", 1))
	if err != nil {
		return time.Time{}, wrong
	}
	return t, nil
}

// recorderStatus is what HTTP says to an error of what a recorder was asked for, and in which words.
func (s *Server) recorderStatus(id frame.CameraID, err error) (status int, reason string) {
	refused, rejected := new(bus.RecorderError), new(frame.RejectError)
	switch {
	case errors.As(err, &rejected) && rejected.Reason == frame.ReasonSealed:
		return http.StatusLocked, viewer.NoKey
	case errors.As(err, &refused) && refused.Code == http.StatusTooManyRequests: // the page is the asker, not the person
		return http.StatusServiceUnavailable, "the recorder of camera " + string(id) + " has no room for another replay or export now"
	case errors.As(err, &refused) && refused.Code >= 400 && refused.Code <= 599:
		return refused.Code, refused.Text
	case errors.As(err, &refused):
		return http.StatusBadGateway, refused.Text
	case errors.Is(err, bus.ErrNotAllowed):
		return http.StatusForbidden, "this page's own credentials do not allow that: " + err.Error()
	case errors.Is(err, bus.ErrNoRecorder):
		return http.StatusNotFound, "camera " + string(id) + " is not recorded now: no recorder answers for it"
	case errors.Is(err, bus.ErrInterrupted):
		return http.StatusBadGateway, "the recorder of camera " + string(id) + " went away"
	case !s.bus.NATS().IsConnected():
		return http.StatusServiceUnavailable, notConnected
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, nats.ErrTimeout):
		return http.StatusGatewayTimeout, "the recorder of camera " + string(id) + " does not answer in time"
	case errors.Is(err, context.Canceled), errors.Is(err, bus.ErrClosed): // the client has gone, or the server ends
		return http.StatusServiceUnavailable, "the server is ending"
	}
	s.log.Warn("ask a recorder", "camera", id, "error", err)
	return http.StatusBadGateway, "the recorder of camera " + string(id) + " cannot be asked"
}
