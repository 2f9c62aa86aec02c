// Package archive is, for tests, a recorder that has what a test gives it: it answers for a camera over
// the real bus. It writes no files: what a real recorder keeps, and how, is package recorder's.
package archive

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
)

// Archive answers for one camera. What it exports is its pictures, one after the other: no player
// opens that, and every byte is known.
type Archive struct {
	id frame.CameraID

	mu      sync.Mutex
	frames  []frame.Frame
	gaps    []frame.Gap
	refusal *bus.RecorderError // of replays and exports
	cut     int                // an export fails after so many frames; 0: never
	frozen  bool               // replays are granted and bring nothing
	asked   []frame.ReplayRequest
	running int // replays and exports
	more    chan struct{}
	stop    func()
}

// New returns an Archive that answers on conn until the end of the test, or until Stop.
func New(t testing.TB, conn *bus.Conn, id frame.CameraID) *Archive {
	t.Helper()
	r := &Archive{id: id, more: make(chan struct{})}
	stop, err := conn.ServeRecorder(context.Background(), bus.RecorderService{Camera: id, Version: "0.0.0", Verbs: bus.RecorderVerbs{
		Ranges: r.ranges, Replay: r.replay, Export: r.export,
	}})
	if err != nil {
		t.Fatal(err)
	}
	r.stop = stop
	t.Cleanup(stop)
	return r
}

// Add records frames.
func (r *Archive) Add(frames ...frame.Frame) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.frames = append(r.frames, frames...)
	close(r.more)
	r.more = make(chan struct{})
}

// Fill records n frames from a moment on, so many a second, with numbers from first.
func (r *Archive) Fill(from time.Time, fps float64, n int, first uint64, data func(seq uint64) []byte) {
	frames := make([]frame.Frame, n)
	for i := range frames {
		seq := first + uint64(i)
		picture := data(seq)
		info, err := frame.ScanJPEG(picture, frame.DefaultLimits())
		if err != nil {
			info.Width, info.Height = 64, 48 // what is no picture says something too
		}
		frames[i] = frame.Frame{
			Camera: r.id, Epoch: "e1", Seq: seq, Captured: from.Add(time.Duration(float64(i) * float64(time.Second) / fps)),
			Codec: frame.JPEG, Width: info.Width, Height: info.Height, Key: true, Data: picture,
		}
	}
	r.Add(frames...)
}

// Miss notes that frames are missing.
func (r *Archive) Miss(gap frame.Gap) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.gaps = append(r.gaps, gap)
}

// Refuse has replays and exports refused; nil takes that back.
func (r *Archive) Refuse(refusal *bus.RecorderError) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refusal = refusal
}

// Running is how many replays and exports run.
func (r *Archive) Running() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.running
}

func within(f frame.Frame, from, to time.Time) bool {
	return !f.Captured.Before(from) && (to.IsZero() || f.Captured.Before(to))
}

func (r *Archive) ranges(_ context.Context, q frame.RangesRequest) (frame.Ranges, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	answer := frame.Ranges{Camera: r.id, Time: time.Now()}
	for _, f := range r.frames {
		if answer.First.IsZero() || f.Captured.Before(answer.First) {
			answer.First = f.Captured
		}
		if last := f.Captured.Add(50 * time.Millisecond); last.After(answer.Last) {
			answer.Last = last
		}
		if !within(f, q.From, q.To) {
			continue
		}
		n := len(answer.Spans)
		if n == 0 || f.Captured.Sub(answer.Spans[n-1].To) > 1500*time.Millisecond {
			answer.Spans = append(answer.Spans, frame.Span{From: f.Captured, Width: f.Width, Height: f.Height, Kept: frame.KeptFile})
			n++
		}
		s := &answer.Spans[n-1]
		s.To, s.Frames, s.Bytes = f.Captured.Add(50*time.Millisecond), s.Frames+1, s.Bytes+int64(len(f.Data))
	}
	for _, gap := range r.gaps {
		if gap.To.After(q.From) && (q.To.IsZero() || gap.From.Before(q.To)) {
			answer.Gaps = append(answer.Gaps, gap)
		}
	}
	if over := len(answer.Spans) - frame.MaxRanges; over > 0 {
		answer.Spans, answer.Truncated = answer.Spans[over:], true
	}
	if over := len(answer.Gaps) - frame.MaxRanges; over > 0 {
		answer.Gaps, answer.Truncated = answer.Gaps[over:], true
	}
	return answer, nil
}

// Cut has an export fail after so many frames.
func (r *Archive) Cut(frames int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cut = frames
}

// Freeze has replays granted that bring nothing.
func (r *Archive) Freeze(frozen bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.frozen = frozen
}

// Stop takes the recorder off the bus. It is safe twice.
func (r *Archive) Stop() { r.stop() }

// Asked are the replays that were asked for so far.
func (r *Archive) Asked() []frame.ReplayRequest {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.asked)
}

// Frames are those between two moments; a zero to means no bound.
func (r *Archive) Frames(from, to time.Time) []frame.Frame {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(r.frames), func(f frame.Frame) bool { return !within(f, from, to) })
}

// job notes one that runs until the function that it returns is called.
func (r *Archive) job() (end func(), err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.refusal != nil {
		return nil, r.refusal
	}
	r.running++
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.running--
	}, nil
}

func (r *Archive) replay(ctx context.Context, q frame.ReplayRequest, job *bus.Job) error {
	end, err := r.job()
	if err != nil {
		return err
	}
	defer end()
	r.mu.Lock()
	r.asked = append(r.asked, q)
	r.mu.Unlock()
	begun := false
	var last time.Time
	for i := 0; ; {
		r.mu.Lock()
		frames, more, gaps, frozen := r.frames, r.more, r.gaps, r.frozen
		r.mu.Unlock()
		if frozen {
			if err := job.Begin(1, 1); err != nil {
				return err
			}
			<-ctx.Done()
			return ctx.Err()
		}
		for ; i < len(frames); i++ {
			f := frames[i]
			if !within(f, q.From, q.To) || !last.IsZero() && f.Captured.Sub(last) < time.Duration(q.EveryMS)*time.Millisecond {
				continue
			}
			if !begun {
				begun = true
				if err := job.Begin(1, 1); err != nil {
					return err
				}
			}
			for _, gap := range gaps {
				if gap.To.Equal(f.Captured) && !last.IsZero() {
					if err := job.Gap(gap); err != nil {
						return err
					}
				}
			}
			if err := job.Frame(ctx, &f); err != nil {
				return err
			}
			last = f.Captured
		}
		switch {
		case !begun && !q.Follow:
			return &bus.RecorderError{Code: 404, Text: "nothing is recorded then"}
		case !q.Follow:
			return nil
		case !begun:
			begun = true
			if err := job.Begin(0, 0); err != nil {
				return err
			}
		}
		select {
		case <-more:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (r *Archive) export(ctx context.Context, q frame.ExportRequest, job *bus.Job) error {
	end, err := r.job()
	if err != nil {
		return err
	}
	defer end()
	r.mu.Lock()
	frames, cut := r.frames, r.cut
	r.mu.Unlock()
	frames = slices.DeleteFunc(slices.Clone(frames), func(f frame.Frame) bool { return !within(f, q.From, q.To) })
	if len(frames) == 0 {
		return &bus.RecorderError{Code: 404, Text: "nothing is recorded then"}
	}
	if err := job.Begin(uint64(len(frames)), 1); err != nil {
		return err
	}
	for i, f := range frames {
		if cut > 0 && i == cut {
			return &bus.RecorderError{Code: 500, Text: "the disk is gone"}
		}
		if err := job.Data(ctx, f.Data, f.Captured); err != nil {
			return err
		}
	}
	job.Exported(uint64(len(frames)))
	return nil
}
