package recorder

import (
	"context"
	"errors"
	"time"

	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
)

// followEvery is how often a replay that follows looks for new frames once it has sent all there are.
const followEvery = 100 * time.Millisecond

// replay sends the frames that were asked for to the asker.
func (a *archive) replay(ctx context.Context, r frame.ReplayRequest, job *bus.Job) error {
	s := replaySession{
		job: job, pace: pacer{speed: r.Speed}, every: time.Duration(r.EveryMS) * time.Millisecond,
		begin: func() error {
			frames, bytes, err := a.estimate(ctx, r.From, r.To)
			if err != nil {
				return err
			}
			return job.Begin(frames, bytes)
		},
	}
	walker := a.walk(r.From, r.To)
	for {
		if err := s.send(ctx, walker); err != nil {
			return err
		}
		if !r.Follow {
			break
		}
		if err := s.idle(ctx); err != nil {
			return err
		}
	}
	if !s.begun {
		return told(nothingBetween(r.From, r.To))
	}
	return s.sendGaps(walker.gaps) // a damaged end
}

// replaySession is what a replay has sent so far.
type replaySession struct {
	job   *bus.Job
	pace  pacer
	every time.Duration
	begin func() error

	begun bool
	gaps  []frame.Gap // before the next frame that is sent
	sent  time.Time   // capture time of the last one
}

// send sends what a walker finds.
func (s *replaySession) send(ctx context.Context, w *walker) error {
	for found, err := range w.frames(ctx) {
		if err != nil {
			return err
		}
		if err := s.start(); err != nil {
			return err
		}
		s.gaps = append(s.gaps, found.gaps...)
		captured := found.frame.Captured
		if apart := captured.Sub(s.sent); s.every > 0 && !s.sent.IsZero() && apart >= 0 && apart < s.every {
			continue
		}
		if err := s.sendGaps(s.gaps); err != nil {
			return err
		}
		s.gaps = nil
		if err := s.job.Ready(ctx); err != nil { // before the clock is looked at: the wait is no part of it
			return err
		}
		if err := s.pace.wait(ctx, captured); err != nil {
			return err
		}
		if err := s.job.Frame(ctx, &found.frame); err != nil {
			return err
		}
		s.sent = captured
	}
	return nil
}

// start tells the asker that there is something.
func (s *replaySession) start() error {
	if s.begun {
		return nil
	}
	s.begun = true
	return s.begin()
}

// mostGaps is how many gaps are told before one frame: each is a message that no credit bounds.
const mostGaps = 16

func (s *replaySession) sendGaps(gaps []frame.Gap) error {
	if len(gaps) > mostGaps {
		all := gaps[mostGaps-1]
		for _, gap := range gaps[mostGaps:] {
			all = all.And(gap)
		}
		gaps = append(gaps[:mostGaps-1:mostGaps-1], all)
	}
	for _, gap := range gaps {
		if err := s.job.Gap(gap); err != nil {
			return err
		}
	}
	return nil
}

// idle waits until it is time to look for new frames.
func (s *replaySession) idle(ctx context.Context) error {
	// A follower that has nothing yet is told that it will get what comes.
	if err := s.start(); err != nil && !errors.Is(err, ErrNothing) {
		return err
	}
	timer := time.NewTimer(followEvery)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
