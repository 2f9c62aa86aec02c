package recorder

import (
	"errors"
	"io/fs"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/lensbus/lensbus/recorder/segment"
)

// known says which frames are recorded, by the camera's own numbers: these stay true whatever happens
// to the broker's. It knows each number and not only the highest: one forged frame with a number ahead must
// not make those that the camera comes to later look recorded. The zero value knows nothing.
type known struct {
	// numbers reads those of a segment's frames, as far as it can be read. It is called while others wait.
	// An error is that the file is not there, or that of some frames nobody knows. nil: no segment has a hole.
	numbers func(path string) (runs, error)

	mu     sync.Mutex
	epochs map[string]*taken
	runs   int // of all epochs
	unread int // likewise
}

// taken is what is recorded of an epoch.
type taken struct {
	numbers runs
	unread  []unread
	highest uint64   // that may be recorded
	newest  numbered // that was recorded last
}

// unread is a segment with holes that was not looked into. That is done where a frame comes whose number
// may be in it, which is at a start, and then mostly of one file.
type unread struct {
	run
	path   string
	stored run  // the numbers in the stream of its first and last frame
	failed bool // the disk did not let it be read
}

// numbered is a number of an epoch, and when the broker stored it.
type numbered struct {
	seq uint64
	at  time.Time
}

// mostEpochs, mostRuns and mostUnread bound what a publisher that invents epochs, or leaves out numbers, can make
// a recorder keep: about 6 MB. Where there are more, some are forgotten: such a frame is recorded twice where
// the broker gives it a second time.
const (
	mostEpochs = 1 << 14
	mostRuns   = 1 << 16
	mostUnread = 1 << 14
)

// has says whether a frame is recorded. stored is its number in the stream; 0: that says nothing. It counts where
// the disk does not let a segment be read that may have the frame: what the stream has between two frames
// of a segment is in that segment, or was put aside.
func (k *known) has(epoch string, seq, stored uint64) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	e := k.epochs[epoch]
	if e == nil || seq > e.highest {
		return false
	}
	if e.numbers.has(seq) || k.read(e, seq) && e.numbers.has(seq) {
		return true
	}
	return stored > 0 && slices.ContainsFunc(e.unread, func(u unread) bool {
		return u.failed && u.holds(seq) && u.stored.holds(stored)
	})
}

// below is the highest recorded number of an epoch below another one; 0: there is none.
func (k *known) below(epoch string, seq uint64) uint64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	e := k.epochs[epoch]
	if e == nil {
		return 0
	}
	k.read(e, seq)
	below := e.numbers.below(seq)
	for _, u := range e.unread {
		if u.last < seq {
			below = max(below, u.last)
		}
	}
	return below
}

// read looks into the segments that may have a number, and says whether there were any. mu is held.
func (k *known) read(e *taken, seq uint64) (found bool) {
	rest := e.unread[:0]
	for _, u := range e.unread {
		if u.failed || !u.holds(seq) {
			rest = append(rest, u)
			continue
		}
		found = true
		all, err := k.numbers(u.path)
		switch {
		case errors.Is(err, fs.ErrNotExist): // removed: what retention took is not recorded again
			all = runs{u.run}
		case err != nil:
			u.failed = true
			rest = append(rest, u)
		}
		for _, r := range all {
			k.note(e, r)
		}
	}
	k.unread -= len(e.unread) - len(rest)
	clear(e.unread[len(rest):])
	e.unread = rest
	return found
}

// note adds numbers. mu is held.
func (k *known) note(e *taken, r run) {
	before := len(e.numbers)
	e.numbers = e.numbers.with(r)
	e.highest = max(e.highest, r.last)
	k.runs += len(e.numbers) - before
	if k.runs <= mostRuns {
		return
	}
	if n := len(e.numbers); n > mostRuns/2 {
		e.numbers = e.numbers.longer()
		k.runs -= n - len(e.numbers)
		return
	}
	k.forgetOthers(e, func() bool { return k.runs <= mostRuns*3/4 })
}

// forgetOthers leaves out epochs but for one, until it is enough. Those of which something was recorded last stay: the
// stream has what is newest. mu is held.
func (k *known) forgetOthers(e *taken, enough func() bool) {
	at := func(name string) time.Time { return k.epochs[name].newest.at }
	for _, name := range slices.SortedFunc(maps.Keys(k.epochs), func(a, b string) int { return at(a).Compare(at(b)) }) {
		if k.epochs[name] != e {
			k.forget(name)
		}
		if enough() {
			break
		}
	}
}

// noteUnread adds a segment with holes. Where there are too many, those that were noted first are forgotten. mu is held.
func (k *known) noteUnread(e *taken, u unread) {
	e.unread = append(e.unread, u)
	e.highest = max(e.highest, u.last)
	k.unread++
	if k.unread <= mostUnread {
		return
	}
	if n := len(e.unread); n > mostUnread/2 {
		e.unread = slices.Clone(e.unread[n/2:])
		k.unread -= n / 2
		return
	}
	k.forgetOthers(e, func() bool { return k.unread <= mostUnread*3/4 })
}

// forget leaves out an epoch. mu is held.
func (k *known) forget(epoch string) {
	k.runs -= len(k.epochs[epoch].numbers)
	k.unread -= len(k.epochs[epoch].unread)
	delete(k.epochs, epoch)
}

// newest is the number of an epoch that was recorded last; false where nothing of it is recorded.
func (k *known) newest(epoch string) (numbered, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if e := k.epochs[epoch]; e != nil {
		return e.newest, true
	}
	return numbered{}, false
}

// of is what is recorded of an epoch, made where there is nothing so far. mu is held.
func (k *known) of(epoch string) *taken {
	if e := k.epochs[epoch]; e != nil {
		return e
	}
	if k.epochs == nil {
		k.epochs = make(map[string]*taken)
	}
	if len(k.epochs) >= mostEpochs {
		for old := range k.epochs {
			k.forget(old)
			break
		}
	}
	e := new(taken)
	k.epochs[epoch] = e
	return e
}

func (k *known) add(epoch string, seq uint64, at time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	e := k.of(epoch)
	k.note(e, run{seq, seq})
	e.newest = numbered{seq, at}
}

// clear makes nothing known.
func (k *known) clear() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.epochs, k.runs, k.unread = nil, 0, 0
}

// addSegment notes all frames of a segment.
func (k *known) addSegment(s segment.Info) {
	k.mu.Lock()
	defer k.mu.Unlock()
	e, all := k.of(s.Epoch), run{s.FirstSeq, s.LastSeq}
	if s.LastSeq >= s.FirstSeq && s.Frames >= all.length() {
		k.note(e, all)
	} else {
		k.noteUnread(e, unread{run: all, path: s.Path, stored: run{s.FirstStored, s.LastStored}})
	}
	if s.LastSeq > e.newest.seq {
		e.newest = numbered{s.LastSeq, s.End} // the broker's time is not in it
	}
}

// storedBy says that the newest frame of an epoch was stored by a moment, where the publisher's clock says later.
func (k *known) storedBy(epoch string, at time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if e := k.epochs[epoch]; e != nil && at.Before(e.newest.at) {
		e.newest.at = at
	}
}

// numbersIn reads the numbers of a segment's frames, for known. What is damaged is not recorded.
func (c *camera) numbersIn(path string) (all runs, err error) {
	reader, err := c.r.folder.Open(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, err
	case errors.Is(err, segment.ErrDamaged):
		c.log.Warn("a segment is damaged: what the stream still has of it is recorded again", "segment", path, "error", err)
		return nil, nil
	case err == nil:
		defer func() { _ = reader.Close() }() // was only read
		for n, failed := range reader.Numbers() {
			if err = failed; err == nil {
				all = all.with(run{n, n})
			}
		}
	}
	if err != nil {
		c.log.Warn("a segment cannot be read: what the stream has between its first and its last frame is taken to be in it", "segment", path, "error", err)
	}
	return all, err
}
