package web

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
)

// How long a camera may take to answer. A change that it refuses takes it two openings of its
// source: one to try, one to go back.
const (
	detailWait = 5 * time.Second
	changeWait = 20 * time.Second
)

// detail answers with all that the camera says of itself, asked now.
func (s *Server) detail(w http.ResponseWriter, r *http.Request, id frame.CameraID) {
	s.ask(w, r, id, frame.VerbGet, nil, detailWait)
}

// change passes a change of settings on to the camera, which judges it, and answers with what holds
// after it.
func (s *Server) change(w http.ResponseWriter, r *http.Request, id frame.CameraID) {
	// A form of a foreign page cannot have this type without asking first.
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		s.refuse(w, r, http.StatusUnsupportedMediaType, "want Content-Type: application/json")
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, frame.MaxControlBytes))
	tooLong := new(http.MaxBytesError)
	switch {
	case errors.As(err, &tooLong):
		s.refuse(w, r, http.StatusRequestEntityTooLarge, "a change has at most "+strconv.FormatInt(tooLong.Limit, 10)+" bytes")
		return
	case errors.Is(err, os.ErrDeadlineExceeded):
		s.refuse(w, r, http.StatusRequestTimeout, "the request takes too long")
		return
	case err != nil: // the client has gone
		return
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{}) // it was for the body
	var object map[string]json.RawMessage
	if err := json.Unmarshal(body, &object); err != nil || object == nil {
		s.refuse(w, r, http.StatusBadRequest, `want a JSON object, such as {"quality":70}`)
		return
	}
	s.ask(w, r, id, frame.VerbSet, json.RawMessage(body), changeWait)
}

// ask passes a request on to the camera and its Detail back.
func (s *Server) ask(w http.ResponseWriter, r *http.Request, id frame.CameraID, verb string, request any, wait time.Duration) {
	ctx, cancel := context.WithTimeout(r.Context(), wait)
	defer cancel()
	var detail frame.Detail
	err := s.bus.Control(ctx, id, verb, request, &detail)
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(s.cfg.Stall))
	if err == nil && detail.Status.ID != id {
		err = errors.New("camera " + string(id) + " answers for another")
	}
	if err != nil {
		status, reason := s.controlStatus(id, err)
		s.refuse(w, r, status, reason)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(detail) // a client that has gone
}

// controlStatus is what HTTP says to an error of bus.Control, and in which words.
func (s *Server) controlStatus(id frame.CameraID, err error) (status int, reason string) {
	refused := new(bus.ControlError)
	switch {
	case errors.As(err, &refused) && refused.Code >= 400 && refused.Code <= 599:
		return refused.Code, refused.Text
	case errors.As(err, &refused):
		return http.StatusBadGateway, refused.Text
	case errors.Is(err, bus.ErrNotAllowed):
		return http.StatusForbidden, "this page's own credentials do not allow that: " + err.Error()
	case errors.Is(err, bus.ErrNoCamera):
		return http.StatusNotFound, "no camera " + string(id) + " answers"
	case !s.bus.NATS().IsConnected():
		return http.StatusServiceUnavailable, notConnected
	case errors.Is(err, context.DeadlineExceeded):
		return http.StatusGatewayTimeout, "camera " + string(id) + " does not answer in time"
	case errors.Is(err, context.Canceled): // the client has gone, or the server ends
		return http.StatusServiceUnavailable, "the server is ending"
	case errors.Is(err, nats.ErrMaxPayload):
		return http.StatusRequestEntityTooLarge, "more than the NATS server takes in one message"
	}
	s.log.Warn("ask a camera", "camera", id, "error", err)
	return http.StatusBadGateway, "camera " + string(id) + " cannot be asked"
}
