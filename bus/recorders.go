package bus

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/lensbus/lensbus/frame"
)

// How several recorders of one camera are asked at once. Nobody says how many there are: those that have
// answered before are waited for, and for others a moment, from time to time.
const (
	othersWithin  = 150 * time.Millisecond // after the first answer
	knownWithin   = 2 * time.Second        // after the first answer
	lastMoment    = 100 * time.Millisecond // after that: who was stopped itself sees its clock before its answers
	othersEvery   = 10 * time.Second
	lateWithin    = 5 * time.Second // who answers later than knownWithin is known again
	mostRecorders = 16              // of one camera
	oneFor        = time.Minute     // who may not ask all is told so, and tries it again after that
)

// recorders are those that have answered for cameras, by their instances.
type recorders struct {
	mu   sync.Mutex
	of   map[frame.CameraID]*recordersOf
	told bool // that only one is asked
}

// recordersOf are those of one camera.
type recordersOf struct {
	known  map[string]bool
	looked time.Time // when others were waited for
	one    time.Time // when only one could be asked, because a right is missing
}

// onlyOne says whether a right to ask all recorders of a camera was missing lately.
func (r *recorders) onlyOne(id frame.CameraID, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	of := r.of[id]
	return of != nil && !of.one.IsZero() && now.Sub(of.one) < oneFor
}

// oneOnly notes that a right to ask all recorders of a camera is missing; of cameras that are recorded.
func (r *recorders) oneOnly(id frame.CameraID, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.get(id).one = now
}

// tell says that a right is missing, once: these are rights that somebody has given by hand.
func (r *recorders) tell(log *slog.Logger, missing error) {
	r.mu.Lock()
	told := r.told
	r.told = true
	r.mu.Unlock()
	if !told {
		log.Warn("of several recorders of a camera only one is asked: what another one has is not shown", "error", missing)
	}
}

// due returns those that are known, and whether it is time to wait for others.
func (r *recorders) due(id frame.CameraID, now time.Time) (known map[string]bool, others bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	known = make(map[string]bool)
	of := r.of[id]
	if of == nil {
		return known, true
	}
	for instance := range of.known {
		known[instance] = true
	}
	return known, len(known) == 0 || now.Sub(of.looked) > othersEvery
}

// answered notes one that is there. What nobody records is never noted: somebody may try out names.
func (r *recorders) answered(id frame.CameraID, instance string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if known := r.get(id).known; len(known) < mostRecorders {
		known[instance] = true
	}
}

// get is those of a camera. mu is held.
func (r *recorders) get(id frame.CameraID) *recordersOf {
	if r.of == nil {
		r.of = make(map[frame.CameraID]*recordersOf)
	}
	if r.of[id] == nil {
		r.of[id] = &recordersOf{known: make(map[string]bool)}
	}
	return r.of[id]
}

// looked notes that others were waited for.
func (r *recorders) looked(id frame.CameraID, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if of := r.of[id]; of != nil {
		of.looked = now
	}
}

func (r *recorders) forget(id frame.CameraID, instance string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if of := r.of[id]; of != nil {
		delete(of.known, instance)
		if len(of.known) == 0 {
			delete(r.of, id)
		}
	}
}

// askEach asks every recorder of a camera for what it has, and returns the answers, of which there is one at
// least, by instance. Where none answers for all, or these credentials may not ask all, one is asked. Its errors are
// those of Ranges.
func (c *Conn) askEach(ctx context.Context, id frame.CameraID, request frame.RangesRequest) ([]frame.Ranges, error) {
	failed := func(err error) error { return fmt.Errorf("ask for what is recorded of camera %s: %w", id, err) }
	data, err := json.Marshal(request)
	if err != nil {
		return nil, failed(err)
	}
	var answers []frame.Ranges
	only := c.recorders.onlyOne(id, time.Now())
	if !only {
		answers, err = c.gather(ctx, id, data)
	}
	refused, said := new(refusedError), new(RecorderError)
	mayNot := errors.As(err, &refused)
	if only || mayNot || errors.Is(err, nats.ErrNoResponders) {
		missing := err
		var msg *nats.Msg
		if msg, err = c.request(ctx, id.RecorderSubject(frame.VerbRanges), data); err == nil {
			answers = make([]frame.Ranges, 1)
			answers[0], err = rangesOf(id, msg)
		}
		if mayNot && err == nil {
			c.recorders.oneOnly(id, time.Now())
			c.recorders.tell(c.log, missing)
		}
	}
	switch {
	case err == nil:
		slices.SortFunc(answers, func(a, b frame.Ranges) int { return cmp.Compare(a.Instance, b.Instance) })
		return answers, nil
	case errors.As(err, &refused):
		return nil, &notAllowedError{id, verbWords(frame.VerbRanges)}
	case errors.Is(err, nats.ErrNoResponders):
		return nil, failed(ErrNoRecorder)
	case errors.As(err, &said):
		return nil, said
	}
	return nil, failed(err)
}

// gather sends a request to all, and returns the answers of those that are known and, from time to time, of
// others. An error is that of the only ones that there were, ctx's, or the server's that nobody is there.
func (c *Conn) gather(ctx context.Context, id frame.CameraID, data []byte) ([]frame.Ranges, error) {
	subject := id.RecorderSubject(frame.VerbEach)
	watched, stop := c.refused.watch(ctx, subject)
	defer stop()
	type answer struct {
		ranges frame.Ranges
		err    error
	}
	came := make(chan answer, mostRecorders)
	inbox := c.control.NewInbox()
	sub, err := c.control.Subscribe(inbox, func(m *nats.Msg) {
		var a answer
		if a.ranges, a.err = rangesOf(id, m); a.err == nil && !isInstance(a.ranges.Instance) {
			a.err = fmt.Errorf("recorder of camera %s: its name is none: %.40q", id, a.ranges.Instance)
		}
		if a.err == nil {
			c.recorders.answered(id, a.ranges.Instance)
		}
		select {
		case came <- a:
		default: // more than anybody has
		}
	})
	if err != nil {
		return nil, err
	}
	end := func() { _ = sub.Unsubscribe() } // fails only where the connection has ended
	missing, others := c.recorders.due(id, time.Now())
	if err := c.control.PublishRequest(subject, inbox, data); err != nil {
		end()
		return nil, err
	}
	var all []frame.Ranges
	var refusal error
	var moment, limit, over <-chan time.Time
	for {
		if len(all) > 0 && len(missing) == 0 && !others {
			end()
			return all, nil
		}
		select {
		case a := <-came:
			switch {
			case errors.Is(a.err, nats.ErrNoResponders):
				end()
				return nil, a.err
			case a.err != nil:
				refusal = a.err
			case len(all) < mostRecorders && !slices.ContainsFunc(all, func(r frame.Ranges) bool { return r.Instance == a.ranges.Instance }):
				all = append(all, a.ranges)
				delete(missing, a.ranges.Instance)
			}
			if limit == nil {
				moment, limit = time.After(othersWithin), time.After(knownWithin)
			}
		case <-moment:
			c.recorders.looked(id, time.Now())
			others, moment = false, nil
			if len(all) == 0 && refusal != nil && len(missing) == 0 {
				end()
				return nil, refusal
			}
		case <-limit:
			over = time.After(lastMoment)
		case <-over:
			for instance := range missing {
				c.recorders.forget(id, instance)
			}
			time.AfterFunc(lateWithin, end) // one that was slow is known by its answer
			if len(all) == 0 {
				return nil, refusal
			}
			return all, nil
		case <-watched.Done():
			end()
			if err := refusalOf(watched); err != nil {
				return nil, err
			}
			return nil, ctx.Err()
		}
	}
}

// isInstance says whether a name can be part of a subject. It came from outside.
func isInstance(name string) bool {
	return name != "" && len(name) <= 64 && strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_") == ""
}

// rangesOf reads a recorder's answer.
func rangesOf(id frame.CameraID, msg *nats.Msg) (ranges frame.Ranges, err error) {
	if nobodyThere(msg) {
		return ranges, nats.ErrNoResponders
	}
	if err := refusal(id, frame.VerbRanges, msg); err != nil {
		return ranges, err
	}
	if err := json.Unmarshal(msg.Data, &ranges); err != nil {
		return ranges, fmt.Errorf("recorder of camera %s answers ranges: %w", id, err)
	}
	if len(ranges.Spans) > frame.MaxRanges || len(ranges.Gaps) > frame.MaxRanges { // each is compared with all of the others'
		return ranges, fmt.Errorf("recorder of camera %s answers ranges: %d spans and %d gaps are more than an answer holds", id, len(ranges.Spans), len(ranges.Gaps))
	}
	ranges.Camera = id
	return ranges, nil
}
