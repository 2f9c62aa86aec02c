package cluster

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/recorder/segment"
)

// figures are what the faults have cost, for people.
type figures struct {
	mu    sync.Mutex
	rows  []string
	notes []string
}

// table has those of all tests.
var table figures //nolint:gochecknoglobals // what TestMain prints at the end

// note adds a line that is of no fault.
func (f *figures) note(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.notes = append(f.notes, fmt.Sprintf(format, args...))
}

func (f *figures) print() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !long() {
		return
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 1, ' ', 0)
	head := []string{"fault", "nothing confirmed for", "no picture for", "lost live", "lost in recording", "confirmed and lost", "confirmed of shown", "memory peak"}
	_, _ = fmt.Fprintln(w, "| "+strings.Join(head, "\t| ")+"\t|")
	_, _ = fmt.Fprintln(w, "|"+strings.Repeat("---\t|", len(head)))
	for _, row := range f.rows {
		_, _ = fmt.Fprintln(w, row)
	}
	_ = w.Flush() // nobody is left to tell
	for _, note := range f.notes {
		fmt.Println(note)
	}
}

// suffering is a fault, and what a camera and who watches it had of it. It has the figures of the time from
// suffer to over.
type suffering struct {
	name   string
	camera *camera
	live   *viewer

	before, after counts
	memory        string
	comment       string
}

// counts are a camera's and a viewer's at one moment.
type counts struct {
	shown, sent uint64
	confirmed   int
	missed      uint64
	silence     time.Duration // for how long nothing was confirmed at most, and
	dark        time.Duration // nothing seen
}

func count(c *camera, v *viewer) counts {
	n := counts{silence: c.silence(), dark: v.dark(), missed: v.live.Stats().Missed}
	n.shown, n.sent, n.confirmed = c.counted()
	return n
}

func suffer(name string, c *camera, v *viewer, all ...*daemon) *suffering {
	memory(all...)
	return &suffering{name: name, camera: c, live: v, before: count(c, v)}
}

func (s *suffering) over(memory string) {
	s.after, s.memory = count(s.camera, s.live), memory
}

// report adds the fault to the table. All that is recorded is in the folder then.
func (s *suffering) report(t testing.TB, dir string) {
	t.Helper()
	there := recordedNumbers(t, dir, s.camera.id)
	recorded := 0
	for seq := s.before.sent + 1; seq <= s.after.sent; seq++ {
		if there[seq] {
			recorded++
		}
	}
	shown, sent := int(s.after.shown-s.before.shown), int(s.after.sent-s.before.sent)
	missing := s.camera.missing(there, s.before.sent, s.after.sent)
	if missing > 0 {
		t.Errorf("%s: %d frames of %s were confirmed and are not recorded", s.name, missing, s.camera.id)
	}
	table.mu.Lock()
	defer table.mu.Unlock()
	table.rows = append(table.rows, fmt.Sprintf("| %s\t| %.1f s\t| %.1f s\t| %d\t| %d\t| %d\t| %d of %d\t| %s\t|", s.name+s.comment,
		s.after.silence.Seconds(), s.after.dark.Seconds(), int(s.after.missed-s.before.missed)+max(0, shown-sent), max(0, shown-recorded), missing,
		s.after.confirmed-s.before.confirmed, shown, s.memory))
}

// recordedNumbers are the sequence numbers of the camera's frames in a recorder's folder.
func recordedNumbers(t testing.TB, dir string, id frame.CameraID) map[uint64]bool {
	t.Helper()
	folder, err := segment.OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = folder.Close() }() // was only read
	all := make(map[uint64]bool)
	for found, err := range folder.List(id) {
		if err != nil {
			t.Fatal(err)
		}
		reader, err := folder.Open(found.Path)
		if err != nil {
			t.Fatal(err)
		}
		for record, err := range reader.Frames(time.Time{}, time.Time{}) {
			if err != nil {
				t.Fatal(err)
			}
			all[record.Seq] = true
		}
		_ = reader.Close() // was only read
	}
	return all
}
