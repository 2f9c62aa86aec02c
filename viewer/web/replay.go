package web

import (
	"context"
	"errors"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
)

// replay sends recorded pictures over a WebSocket, in pairs as live does, and heeds what the client
// says: pause, play, speed, seek, step. The protocol is docs/reference/http.md. Whether there is a
// recorder is found out before the handshake, so that a client gets a status for it.
func (s *Server) replay(w http.ResponseWriter, r *http.Request, id frame.CameraID) {
	asked, err := replayQuery(r.URL.Query(), time.Now())
	if err != nil {
		s.refuse(w, r, http.StatusBadRequest, err.Error())
		return
	}
	if !s.connected(w, r) {
		return
	}
	release, ok := s.share(w, r, s.replays, "replays")
	if !ok {
		return
	}
	defer release()
	opening, cancel := context.WithTimeout(r.Context(), sourceWait)
	first, err := s.bus.Replay(opening, id, sourceOptions(asked.from, asked.to, false, asked.speed))
	cancel()
	if err != nil && !nothingThere(err) {
		status, reason := s.recorderStatus(id, err)
		s.refuse(w, r, status, reason)
		return
	}
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(s.cfg.Stall))
	commands := make(chan clientMessage, mostCommands)
	s.serveSocket(w, r, id, "replay", func(m clientMessage) {
		select {
		case commands <- m:
		default: // they come faster than anybody can give them
		}
	}, func(ctx context.Context, c *client) error {
		v := newReplayViewer(s, id, c, asked, commands)
		defer v.close()
		return v.run(ctx, first)
	}, func() { // no handshake
		if first != nil {
			_ = first.Close()
		}
	})
}

// mostCommands is how many commands of a client may wait. A page that is dragged over sends a few.
const mostCommands = 64

// replayAsked is what a replay begins with.
type replayAsked struct {
	from, to time.Time // zero: no bound
	speed    float64
	paused   bool
	wait     bool // stretches without pictures are waited through
}

func replayQuery(q url.Values, now time.Time) (replayAsked, error) {
	a := replayAsked{speed: 1, paused: q.Get("paused") == "1"}
	var err error
	if a.from, a.to, err = period(q, now); err != nil {
		return a, err
	}
	if text := q.Get("speed"); text != "" {
		if a.speed, err = strconv.ParseFloat(text, 64); err != nil || !speedOK(a.speed) {
			return a, errors.New("speed: want " + strconv.FormatFloat(frame.MinSpeed, 'g', -1, 64) + " to " + strconv.Itoa(frame.MaxSpeed))
		}
	}
	switch q.Get("gaps") {
	case "", "skip":
	case "wait":
		a.wait = true
	default:
		return a, errors.New("gaps: want skip or wait")
	}
	return a, nil
}

func speedOK(speed float64) bool { return speed >= frame.MinSpeed && speed <= frame.MaxSpeed } // NaN is not

// mostMillis is the last moment that Unix nanoseconds can say, in ms.
const mostMillis = math.MaxInt64 / 1e6

// atMillis is a moment that a client names; false where it is none.
func atMillis(ms float64) (time.Time, bool) {
	if !(ms > 0 && ms < mostMillis) { // NaN is not
		return time.Time{}, false
	}
	return time.UnixMicro(int64(ms * 1e3)), true
}

// nothingThere says whether err means that there is nothing to replay.
func nothingThere(err error) bool {
	refused := new(bus.RecorderError)
	return errors.As(err, &refused) && refused.Code == http.StatusNotFound
}
