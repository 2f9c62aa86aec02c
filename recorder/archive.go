package recorder

import (
	"cmp"
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
	// page returns the first of these that come after one of them, as the index does; nil: segments is asked.
	page func(ctx context.Context, from, to time.Time, after segment.Info, most int) ([]segment.Info, error)
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
	more := append(a.pending(), now)
	infos, err := a.segments(ctx, from, to)
	if err != nil {
		return nil, err
	}
	return withMore(infos, more, func(i segment.Info) bool { return overlaps(i, from, to) }), nil
}

// pageFiles is how many rows of the index are looked at in one go.
const pageFiles = 256

// filesAfter returns the first of what files returns, those that come after one of them, and which the last of them is
// to go on after; more says whether there may be others.
func (a *archive) filesAfter(ctx context.Context, from, to time.Time, after segment.Info) (infos []segment.Info, last segment.Info, more bool, err error) {
	if a.page == nil {
		infos, err = a.files(ctx, from, to)
		return infos, after, false, err
	}
	now, _ := a.writing() // first, as in files
	fresh := append(a.pending(), now)
	if infos, err = a.page(ctx, from, to, after, pageFiles); err != nil {
		return nil, after, false, err
	}
	if more = len(infos) == pageFiles; more {
		last = infos[len(infos)-1]
	}
	return withMore(infos, fresh, func(i segment.Info) bool {
		return overlaps(i, from, to) && inOrder(after, i) < 0 && (!more || inOrder(i, last) < 0)
	}), last, more, nil
}

// inOrder compares two segments as the index does.
func inOrder(a, b segment.Info) int {
	return cmp.Or(a.Start.Compare(b.Start), strings.Compare(closedPath(a.Path), closedPath(b.Path)))
}

// withMore adds the segments that the index may not have got, where they belong there and are not there, by Start.
func withMore(infos, more []segment.Info, belongs func(segment.Info) bool) []segment.Info {
	for _, info := range more {
		there := func(i segment.Info) bool { return closedPath(i.Path) == closedPath(info.Path) }
		if info.Frames > 0 && belongs(info) && !slices.ContainsFunc(infos, there) {
			infos = append(infos, info)
		}
	}
	slices.SortStableFunc(infos, func(a, b segment.Info) int { return a.Start.Compare(b.Start) })
	return infos
}

// pending returns the closed segments that the index has not got yet.
func (a *archive) pending() []segment.Info {
	if a.unlisted == nil {
		return nil
	}
	return a.unlisted()
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
