//go:build hosts

package hosts

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/recorder/segment"
	"github.com/lensbus/lensbus/test/ledger"
)

// recorded is what is in the files of a camera.
type recorded struct {
	at map[uint64]kept // by the picture's number
	// unrecorded are frames that were published, by the numbers that their publisher gave them, and are
	// not there: between others of one run of it.
	unrecorded int
}

// kept is a picture that is recorded.
type kept struct {
	shown time.Time
	epoch string
	seq   uint64
}

// read reads all segments of a camera, with every picture in them.
func (w *world) read(id frame.CameraID) recorded {
	w.t.Helper()
	folder, err := segment.OpenFolder(w.recordings)
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = folder.Close() }() // was only read
	r := recorded{at: make(map[uint64]kept)}
	published := make(map[string][]uint64) // by epoch
	for found, err := range folder.List(id) {
		if err != nil {
			w.t.Fatal(err)
		}
		reader, err := folder.Open(found.Path)
		if err != nil {
			w.t.Errorf("%s: %v", found.Path, err)
			continue
		}
		for record, err := range reader.Frames(time.Time{}, time.Time{}) {
			if err != nil {
				w.t.Errorf("%s: %v", found.Path, err)
				continue
			}
			p, ok := readPicture(record.Data)
			if _, twice := r.at[p.number]; !ok || p.camera != string(id) || twice {
				w.t.Errorf("%s: frame %d of %s is picture %d of %q, as it was shown: %v, recorded twice: %v", found.Path, record.Seq, id, p.number, p.camera, ok, twice)
			}
			r.at[p.number] = kept{p.shown, record.Epoch, record.Seq}
			published[record.Epoch] = append(published[record.Epoch], record.Seq)
		}
		if err := reader.Close(); err != nil {
			w.t.Error(err)
		}
	}
	for _, seqs := range published {
		slices.Sort(seqs)
		r.unrecorded += int(seqs[len(seqs)-1]-seqs[0]) + 1 - len(seqs)
	}
	return r
}

// lost is how many pictures that were shown in a stretch of time are not recorded, how many of them were
// published, and how long the longest hole is.
func (r recorded) lost(from, to time.Time) (pictures, published int, hole time.Duration) {
	var numbers []uint64
	for n := range r.at {
		numbers = append(numbers, n)
	}
	slices.Sort(numbers)
	for i := 1; i < len(numbers); i++ {
		before, after := r.at[numbers[i-1]], r.at[numbers[i]]
		if after.shown.Before(from) || before.shown.After(to) || numbers[i] == numbers[i-1]+1 {
			continue
		}
		pictures += int(numbers[i] - numbers[i-1] - 1)
		if after.epoch == before.epoch {
			published += int(after.seq - before.seq - 1)
		}
		hole = max(hole, after.shown.Sub(before.shown))
	}
	return pictures, published, hole
}

// checkProof holds the recording of a camera of publishProof against what the broker has confirmed.
func (w *world) checkProof(id frame.CameraID) ledger.Report {
	w.t.Helper()
	text, err := os.ReadFile(w.publishers[id].out)
	if err != nil {
		w.t.Fatal(err)
	}
	l := ledger.New()
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if len(f) < 3 || !strings.HasSuffix(line, "\n") { // killed while it wrote
			continue
		}
		seq, err := strconv.ParseUint(f[2], 10, 64)
		if err != nil {
			w.t.Fatalf("%q: %v", line, err)
		}
		if f[0] == "stored" {
			l.Confirmed(f[1], seq)
			continue
		}
		number, err1 := strconv.ParseUint(f[3], 10, 64)
		nanos, err2 := strconv.ParseInt(f[4], 10, 64)
		if err1 != nil || err2 != nil {
			w.t.Fatalf("%q: %v, %v", line, err1, err2)
		}
		captured := time.Unix(0, nanos)
		l.Published(&frame.Frame{Epoch: f[1], Seq: seq, Captured: captured, Data: newPicture(named{string(id), number, captured}, cameraBytes)})
	}
	report, err := l.Check(w.recordings, id)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, fault := range report.Faults {
		w.t.Errorf("%s: %s", id, fault)
	}
	if report.Confirmed == 0 {
		w.t.Errorf("%s: the broker has confirmed nothing", id)
	}
	return report
}
