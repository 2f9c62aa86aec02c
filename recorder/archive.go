package recorder

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/recorder/segment"
)

// archive is one camera's recordings, wherever they are: in closed segments, in the one that is
// being written, and in the broker's stream.
type archive struct {
	id     frame.CameraID
	folder *segment.Folder
	// segments returns the closed ones that have something in a stretch of time, by Start; a zero
	// from or to is no limit on that side.
	segments func(ctx context.Context, from, to time.Time) ([]segment.Info, error)
	// last returns the closed one that was written last; false where there is none.
	last func(ctx context.Context) (segment.Info, bool, error)
	// writing is the segment that is being written, as far as it is on disk; false where there is none.
	writing func() (segment.Info, bool)
	// unlisted are closed segments that the index has not got yet; nil: there are none.
	unlisted func() []segment.Info
	shelf    *shelf // for ranges; nil: it is not asked for them
	// gaps returns those that reach into a stretch of time, whole; a zero from or to is no limit on that side. nil:
	// none are known but those in segments.
	gaps    func(ctx context.Context, from, to time.Time) ([]frame.Gap, error)
	history *bus.History // nil: only files
	log     *slog.Logger
}

// files returns the segments that have something in a stretch of time, the one that is being written
// included, by Start.
func (a *archive) files(ctx context.Context, from, to time.Time) ([]segment.Info, error) {
	// In this order: one that is closed meanwhile is there twice, not missing.
	now, _ := a.writing()
	return a.filesWith(ctx, now, from, to)
}

// pending returns the closed segments that the index has not got yet.
func (a *archive) pending() []segment.Info {
	if a.unlisted == nil {
		return nil
	}
	return a.unlisted()
}

// filesWith is files, where now is what writing has returned before.
func (a *archive) filesWith(ctx context.Context, now segment.Info, from, to time.Time) ([]segment.Info, error) {
	more := append(a.pending(), now)
	infos, err := a.segments(ctx, from, to)
	if err != nil {
		return nil, err
	}
	for _, info := range more {
		there := func(i segment.Info) bool { return closedPath(i.Path) == closedPath(info.Path) }
		if info.Frames > 0 && overlaps(info, from, to) && !slices.ContainsFunc(infos, there) {
			infos = append(infos, info)
		}
	}
	slices.SortStableFunc(infos, func(a, b segment.Info) int { return a.Start.Compare(b.Start) })
	return infos, nil
}

// overlaps says whether a segment has something between from (included) and to (excluded).
func overlaps(i segment.Info, from, to time.Time) bool {
	return (to.IsZero() || i.Start.Before(to)) && (from.IsZero() || until(i).After(from) || !i.Start.Before(from))
}

// until is until when the last frame of a segment stands.
func until(i segment.Info) time.Time { return i.Start.Add(i.Duration) }

// closedPath is the path that a segment has once it is closed.
func closedPath(path string) string { return strings.TrimSuffix(path, ".part") }

// open opens a segment that may have been closed since its path was noted. Its error is
// fs.ErrNotExist where it is gone: retention removes segments while others read.
func (a *archive) open(path string) (*segment.Reader, error) {
	r, err := a.folder.Open(path)
	if closed := closedPath(path); errors.Is(err, fs.ErrNotExist) && closed != path {
		return a.folder.Open(closed)
	}
	return r, err
}
