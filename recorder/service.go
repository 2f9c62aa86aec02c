package recorder

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/recorder/index"
	"github.com/lensbus/lensbus/recorder/segment"
)

// served is what is needed to answer for the recordings of one camera.
type served struct {
	Bus     *bus.Conn
	ID      frame.CameraID
	Version string // of the program
	Folder  *segment.Folder
	Index   *index.Index
	// Writing returns the segment that is being written, its gaps included, as far as it is on disk;
	// false where there is none. It is called from other goroutines.
	Writing func() (segment.Info, bool)
	// Unlisted returns the closed segments that are not in the index yet, gaps included; nil: none ever are.
	// It is called from other goroutines.
	Unlisted func() []segment.Info
	// Last returns the closed segment that was written last; false where there is none. It is called from
	// other goroutines.
	Last func(context.Context) (segment.Info, bool, error)
	// Replays bounds how many replays and exports run at a time, all cameras together.
	Replays *replays
	Log     *slog.Logger
}

// serve answers rec.<id>.ranges, replay and export until ctx is done or stop is called, which waits
// for what is under way and is safe twice. The folder and the index must stay open until then.
func serve(ctx context.Context, s served) (stop func(), err error) {
	history, err := s.Bus.History(s.ID)
	if err != nil {
		return nil, err
	}
	a := &archive{
		id: s.ID, folder: s.Folder, history: history, log: s.Log, writing: s.Writing, unlisted: s.Unlisted, last: s.Last,
		segments: func(ctx context.Context, from, to time.Time) ([]segment.Info, error) {
			return s.Index.Segments(ctx, s.ID, from, to)
		},
		page: func(ctx context.Context, from, to time.Time, after segment.Info, most int) ([]segment.Info, error) {
			return s.Index.Page(ctx, s.ID, from, to, after, most)
		},
		gaps: func(ctx context.Context, from, to time.Time) ([]frame.Gap, error) {
			return s.Index.Gaps(ctx, s.ID, from, to)
		},
		shelf: &shelf{index: s.Index, id: s.ID},
	}
	return s.Bus.ServeRecorder(ctx, bus.RecorderService{
		Camera: s.ID, Version: s.Version,
		Verbs: bus.RecorderVerbs{
			Ranges: a.ranges,
			Replay: func(ctx context.Context, r frame.ReplayRequest, job *bus.Job) error {
				release, err := s.Replays.take(job.Asker())
				if err != nil {
					return err
				}
				defer release()
				return a.replay(ctx, r, job)
			},
			Export: func(ctx context.Context, r frame.ExportRequest, job *bus.Job) error {
				release, err := s.Replays.take(job.Asker())
				if err != nil {
					return err
				}
				defer release()
				return a.sendExport(ctx, r, job)
			},
		},
	})
}

// ErrNothing says that nothing is recorded in a stretch of time.
var ErrNothing = errors.New("nothing is recorded")

// nothingBetween is ErrNothing for people.
func nothingBetween(from, to time.Time) error {
	switch {
	case from.IsZero() && to.IsZero():
		return ErrNothing
	case from.IsZero():
		return fmt.Errorf("%w before %s", ErrNothing, said(to))
	case to.IsZero():
		return fmt.Errorf("%w from %s on", ErrNothing, said(from))
	}
	return fmt.Errorf("%w from %s to %s", ErrNothing, said(from), said(to))
}

func said(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// told is what an asker is told of err: nothing there is a code of its own.
func told(err error) error {
	if errors.Is(err, ErrNothing) {
		return &bus.RecorderError{Code: 404, Text: err.Error()}
	}
	if errors.Is(err, ErrSealed) {
		return &bus.RecorderError{Code: 423, Text: err.Error()}
	}
	return err
}
