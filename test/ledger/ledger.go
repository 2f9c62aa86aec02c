// Package ledger checks recordings against what was published: every frame that the broker has
// confirmed is in the files exactly once, in order and byte for byte. It is for tests, also of
// processes that are killed: it reads a folder as it is.
package ledger

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/recorder/segment"
)

// Ledger is what was published of one camera. Its methods may be used from any goroutine.
type Ledger struct {
	mu     sync.Mutex
	frames map[key]*entry
}

type key struct {
	epoch string
	seq   uint64
}

type entry struct {
	sum       [sha256.Size]byte
	captured  time.Time
	confirmed bool
}

// New returns an empty ledger.
func New() *Ledger { return &Ledger{frames: make(map[key]*entry)} }

// Published notes a frame before it is published.
func (l *Ledger) Published(f *frame.Frame) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.frames[key{f.Epoch, f.Seq}] = &entry{sum: sha256.Sum256(f.Data), captured: f.Captured}
}

// Confirmed notes that the broker has stored a frame.
func (l *Ledger) Confirmed(epoch string, seq uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e := l.frames[key{epoch, seq}]; e != nil {
		e.confirmed = true
	}
}

// Count returns how many frames were published, and how many of them are confirmed.
func (l *Ledger) Count() (published, confirmed int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.frames {
		if e.confirmed {
			confirmed++
		}
	}
	return len(l.frames), confirmed
}

// Report is what a check has found.
type Report struct {
	Confirmed int // frames that have to be there
	Recorded  int // frames that are there
	// Unconfirmed are frames that are there although the broker's confirmation did not arrive: that
	// is allowed.
	Unconfirmed int
	Segments    int
	Open        int // of them, not closed
	Missing     int // confirmed frames that are not there
	// Faults are the first of all faults, one line each; none: everything is as it should be.
	Faults []string
}

// mostFaults keeps a report readable.
const mostFaults = 20

func (r *Report) fault(format string, args ...any) {
	if len(r.Faults) < mostFaults {
		r.Faults = append(r.Faults, fmt.Sprintf(format, args...))
	}
}

// Check reads all segments of the camera in a recorder's folder. A recorder may be at work there;
// then frames that are not written yet count as missing. What is stored twice, out of order, changed
// or was never published is a fault, as is a confirmed frame that is missing. The error is one of
// reading the folder.
func (l *Ledger) Check(dir string, id frame.CameraID) (Report, error) {
	folder, err := segment.OpenFolder(dir)
	if err != nil {
		return Report{}, err
	}
	defer func() { _ = folder.Close() }() // was only read
	l.mu.Lock()
	defer l.mu.Unlock()
	var report Report
	seen := make(map[key]string) // where it is
	var infos []segment.Info
	for found, err := range folder.List(id) {
		if err != nil {
			return report, err
		}
		if found.State == segment.StateDamaged || found.State == segment.StateStuck {
			report.fault("%s is damaged", found.Path)
			continue
		}
		if found.State == segment.StatePart {
			report.Open++
		}
		info, err := l.segment(folder, found, seen, &report)
		if errors.Is(err, segment.ErrDamaged) && found.State == segment.StatePart {
			continue // killed before its first part was whole
		}
		if err != nil {
			return report, err
		}
		report.Segments++
		infos = append(infos, info)
	}
	l.order(infos, &report)
	for k, e := range l.frames {
		if !e.confirmed {
			continue
		}
		report.Confirmed++
		if _, there := seen[k]; !there {
			report.Missing++
			report.fault("frame %d of epoch %.6s was confirmed and is not there", k.seq, k.epoch)
		}
	}
	return report, nil
}

// segment checks one file.
func (l *Ledger) segment(folder *segment.Folder, found segment.Entry, seen map[key]string, report *Report) (segment.Info, error) {
	reader, err := folder.Open(found.Path)
	if err != nil {
		return segment.Info{}, err
	}
	defer func() { _ = reader.Close() }() // was only read
	var before segment.Record
	for record, err := range reader.Frames(time.Time{}, time.Time{}) {
		if err != nil {
			report.fault("%v", err)
			continue
		}
		k := key{record.Epoch, record.Seq}
		report.Recorded++
		switch e := l.frames[k]; {
		case e == nil:
			report.fault("%s: frame %d of epoch %.6s was never published", found.Path, k.seq, k.epoch)
		case e.sum != sha256.Sum256(record.Data):
			report.fault("%s: frame %d of epoch %.6s is not what was published", found.Path, k.seq, k.epoch)
		case !e.captured.Equal(record.Captured):
			report.fault("%s: frame %d of epoch %.6s was captured %v and not %v", found.Path, k.seq, k.epoch, e.captured, record.Captured)
		case !e.confirmed:
			report.Unconfirmed++
		}
		if where, twice := seen[k]; twice {
			report.fault("frame %d of epoch %.6s is in %s and in %s", k.seq, k.epoch, where, found.Path)
		}
		seen[k] = found.Path
		if before.Epoch != "" && (record.Epoch != before.Epoch || record.Seq <= before.Seq || record.Captured.Before(before.Captured)) {
			report.fault("%s: frame %d after frame %d", found.Path, record.Seq, before.Seq)
		}
		before = record
	}
	return reader.Info(), nil
}

// order checks that the segments of an epoch follow each other.
func (l *Ledger) order(infos []segment.Info, report *Report) {
	slices.SortFunc(infos, func(a, b segment.Info) int {
		return cmp.Or(cmp.Compare(a.Epoch, b.Epoch), cmp.Compare(a.FirstSeq, b.FirstSeq))
	})
	for i := 1; i < len(infos); i++ {
		a, b := infos[i-1], infos[i]
		if a.Epoch == b.Epoch && b.FirstSeq <= a.LastSeq {
			report.fault("%s (frames %d to %d) and %s (frames %d to %d) overlap", a.Path, a.FirstSeq, a.LastSeq, b.Path, b.FirstSeq, b.LastSeq)
		}
	}
}
