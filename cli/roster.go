package cli

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/viewer"
)

// camera is one camera as the commands for people and their scripts show it. Its JSON is a status
// with more fields.
type camera struct {
	frame.Status
	// Age of the newest frame in seconds; absent before the first one, or where no clock is known.
	Age *float64 `json:"age_seconds,omitempty"`
	// AgeUncertainty says how wrong Age can be, and ClockOffset how far the publisher's clock is ahead
	// of this machine's, in seconds. Both are absent where the camera has not answered; then Age is
	// the publisher's own word, without the way from there.
	AgeUncertainty *float64 `json:"age_uncertainty_seconds,omitempty"`
	ClockOffset    *float64 `json:"clock_offset_seconds,omitempty"`
	// Uptime is how long the camera has been published in this epoch, in seconds.
	Uptime float64 `json:"uptime_seconds"`
	// Silent is true when nothing has been heard of the camera for three intervals of its status.
	Silent bool          `json:"silent"`
	quiet  time.Duration // since it was heard
}

// roster is which cameras there are and how they are, as they say when asked and by themselves.
type roster struct {
	conn *bus.Conn
	stop func()

	mu    sync.Mutex
	heard map[frame.CameraID]heard
	asked map[frame.CameraID]bool // one by one, in vain perhaps
}

type heard struct {
	status   frame.Status
	at       time.Time
	answered bool      // it has been found by asking, so it answers requests
	measured time.Time // when its clock was last asked for
}

// How the cameras are asked.
const (
	answersQuiet    = 300 * time.Millisecond // without a further answer, besides the way: all have answered
	answersMost     = 3 * time.Second        // a bus that never falls quiet is not waited for
	statusesWait    = 2500 * time.Millisecond
	exchangesAtOnce = 32
	exchangesWait   = time.Second
	exchangesEvery  = 5 * time.Second // of one camera
	mostCameras     = 10000           // what a hostile bus can make this remember
)

// newRoster begins to hear the statuses of all cameras. Close it after use.
func newRoster(conn *bus.Conn) (*roster, error) {
	r := &roster{conn: conn, heard: make(map[frame.CameraID]heard), asked: make(map[frame.CameraID]bool)}
	var err error
	r.stop, err = conn.Statuses(func(s frame.Status) { r.note(s, false) })
	return r, err
}

func (r *roster) close() { r.stop() }

func (r *roster) note(s frame.Status, answered bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	known, ok := r.heard[s.ID]
	switch {
	case s.State == frame.StateEnded:
		// The end of an epoch that another has already followed ends nothing.
		if known.status.Epoch == s.Epoch {
			delete(r.heard, s.ID)
		}
	case ok || len(r.heard) < mostCameras:
		r.heard[s.ID] = heard{status: s, at: time.Now(), answered: answered || known.answered, measured: known.measured}
	}
}

// ask asks all cameras, and returns how many have answered when no further one does. A user who may
// not ask all at once asks its own one by one, once each; their statuses tell the rest.
func (r *roster) ask(ctx context.Context) (answers int, err error) {
	ctx, cancel := context.WithTimeout(ctx, answersMost)
	defer cancel()
	quiet := answersQuiet
	began := time.Now()
	if r.conn.NATS().FlushWithContext(ctx) == nil { // one way there and back
		quiet += 3 * min(time.Since(began), time.Second)
	}
	err = r.conn.List(ctx, quiet, func(s frame.Status) { answers++; r.note(s, true) })
	if errors.Is(err, bus.ErrNotAllowed) {
		return r.askEach(ctx), ctx.Err()
	}
	if answers > 0 {
		err = nil // those that came are an answer, however it ended
	}
	return answers, err
}

// askEach asks the cameras that the credentials name, and those that were heard, but for those that
// have answered before, and returns how many have now.
func (r *roster) askEach(ctx context.Context) int {
	ids := r.conn.Scope()
	r.mu.Lock()
	ids = slices.AppendSeq(ids, maps.Keys(r.heard))
	slices.Sort(ids)
	ids = slices.DeleteFunc(slices.Compact(ids), func(id frame.CameraID) bool { return r.heard[id].answered || r.asked[id] })
	for _, id := range ids {
		r.asked[id] = true
	}
	r.mu.Unlock()
	var answers atomic.Int64
	var asking sync.WaitGroup
	places := make(chan struct{}, exchangesAtOnce)
	for _, id := range ids {
		places <- struct{}{}
		asking.Go(func() {
			defer func() { <-places }()
			asking, cancel := context.WithTimeout(ctx, exchangesWait)
			defer cancel()
			var detail frame.Detail
			if r.conn.Control(asking, id, frame.VerbGet, nil, &detail) == nil && detail.Status.ID == id {
				answers.Add(1)
				r.note(detail.Status, true)
			}
		})
	}
	asking.Wait()
	return int(answers.Load())
}

// measure makes one exchange with every camera that answers, several at a time and none too often, so
// that the offset of its clock is known. Those that do not answer in time are left alone.
func (r *roster) measure(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, exchangesWait)
	defer cancel()
	// A lease given back that nobody holds changes nothing, and unlike get it asks no device. That
	// it may be refused does not matter: a refusal tells the time as well.
	request := frame.WatchRequest{Watcher: frame.NewEpoch()}
	var asking sync.WaitGroup
	places := make(chan struct{}, exchangesAtOnce)
	var due []frame.CameraID
	now := time.Now()
	r.mu.Lock()
	for id, h := range r.heard {
		if h.answered && now.Sub(h.measured) >= exchangesEvery {
			h.measured = now
			r.heard[id] = h
			due = append(due, id)
		}
	}
	r.mu.Unlock()
	for _, id := range due {
		places <- struct{}{}
		asking.Go(func() {
			defer func() { <-places }()
			_ = r.conn.Control(ctx, id, frame.VerbWatch, request, nil)
		})
	}
	asking.Wait()
}

// cameras returns what is known now, sorted by id.
func (r *roster) cameras(now time.Time) []camera {
	r.mu.Lock()
	known := maps.Clone(r.heard)
	r.mu.Unlock()
	list := make([]camera, 0, len(known)) // never nil: an empty list is [] in JSON
	for id, h := range known {
		quiet := now.Sub(h.at)
		if quiet > viewer.ForgetAfter {
			r.forget(id, h.at)
			continue
		}
		offset, ok := r.conn.Offset(id)
		list = append(list, newCamera(h.status, quiet, now, offset, ok))
	}
	slices.SortFunc(list, func(a, b camera) int { return cmp.Compare(a.ID, b.ID) })
	return list
}

// forget drops a camera that has not been heard since then.
func (r *roster) forget(id frame.CameraID, since time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.heard[id].at.Equal(since) {
		delete(r.heard, id)
	}
}

// newCamera works out what depends on clocks, for a status that was heard quiet ago.
func newCamera(s frame.Status, quiet time.Duration, now time.Time, offset bus.Offset, measured bool) camera {
	c := camera{Status: s, Silent: quiet > viewer.SilentAfter, quiet: quiet}
	// A status tells of the newest frame when it was made. Only when the next one is overdue is the
	// frame counted as growing older.
	overdue := quiet
	if quiet < frame.StatusInterval*3/2 {
		overdue = 0
	}
	if !s.Time.IsZero() && !s.Started.IsZero() {
		c.Uptime = max(0, s.Time.Sub(s.Started)+overdue).Seconds()
	}
	if measured {
		ahead := offset.Offset.Seconds()
		c.ClockOffset = &ahead
	}
	var age time.Duration
	switch {
	case s.LastFrame.IsZero():
		return c
	case measured:
		age = offset.Age(s.LastFrame, now.Add(overdue-quiet))
		wrong := offset.Uncertainty.Seconds()
		c.AgeUncertainty = &wrong
	case !s.Time.IsZero():
		age = s.Time.Sub(s.LastFrame) + overdue
	default:
		return c
	}
	seconds := max(0, age).Seconds()
	c.Age = &seconds
	return c
}
