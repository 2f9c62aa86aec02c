//go:build hosts

package hosts

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
	"time"
)

// row is the figures of one fault for those of one kind, or of one thin link for one viewer.
type row struct {
	fault  string        // empty in the rows after the first of a fault
	length time.Duration // of the fault
	who    string        // watched what
	nobody bool          // there is nobody whom it hits

	outage  time.Duration // longest time without a picture less than a second old
	back    time.Duration // from the fault's end to such a picture
	oldest  time.Duration // picture that was seen
	lost    int           // pictures that were not seen, of the camera of which they are most
	noticed time.Duration // from the fault's begin until a client said that its connection is lost; 0: none did

	spared         *row // all others who watch; nil: there are none
	recorded       *gap // of cameras that it hits
	recordedOthers *gap // of others
	memory         memory

	ages []time.Duration // of a thin link, sorted
	seen int
}

// gap is what a recording lacks of what the camera has shown.
type gap struct {
	pictures int
	hole     time.Duration
}

// add makes the row one of that, too.
func (r *row) add(b view) {
	r.outage, r.oldest, r.lost = max(r.outage, b.outage), max(r.oldest, b.oldest), max(r.lost, b.lost)
}

// table collects the figures of all tests.
var table struct { //nolint:gochecknoglobals // what TestMain prints at the end
	mu   sync.Mutex
	rows []row
}

func report(rows ...row) {
	table.mu.Lock()
	defer table.mu.Unlock()
	table.rows = append(table.rows, rows...)
}

// printTable writes all figures, in Markdown: a line a fault and who suffers it, with the memory's peak of
// each role from the begin of the fault until all was well again.
func printTable(to io.Writer) {
	table.mu.Lock()
	defer table.mu.Unlock()
	if len(table.rows) == 0 {
		return
	}
	w := tabwriter.NewWriter(to, 0, 0, 1, ' ', 0)
	line := func(cells ...string) { _, _ = fmt.Fprintln(w, "| "+strings.Join(cells, "\t| ")+"\t|") }
	head := func(cells ...string) {
		line(cells...)
		line(slices.Repeat([]string{"---"}, len(cells))...)
	}
	_, _ = fmt.Fprintf(w, "\nMEASURED, %d pictures of %d bytes a second and camera:\n\n", cameraFPS, cameraBytes)
	head("fault", "who", "noticed after s", "outage s", "back after s", "oldest seen s", "lost live", "others' outage s", "others lost",
		"lost in recording", "of other cameras", "memory peak MB: "+strings.Join(memoryRoles(), ", "))
	for _, r := range table.rows {
		if r.ages == nil {
			line(r.cells()...)
		}
	}
	_, _ = fmt.Fprintln(w)
	head("thin is the way", "age p50 s", "p99 s", "most s", "outage s", "seen", "not seen", "memory peak MB: "+strings.Join(memoryRoles(), ", "))
	for _, r := range table.rows {
		if n := len(r.ages); n > 0 {
			line(r.who, age(r.ages[n/2]), age(r.ages[n*99/100]), age(r.ages[n-1]), tenths(r.outage), fmt.Sprint(r.seen), fmt.Sprint(r.lost), r.memory.String())
		}
	}
	_ = w.Flush() // nobody is left to tell
}

func tenths(d time.Duration) string { return fmt.Sprintf("%.1f", d.Seconds()) }
func age(d time.Duration) string    { return fmt.Sprintf("%.2f", d.Seconds()) }

// cells of a fault.
func (r row) cells() []string {
	known := func(d time.Duration) string {
		if d == 0 {
			return ""
		}
		return tenths(d)
	}
	name := ""
	if r.fault != "" {
		name = fmt.Sprintf("%s, %s s", r.fault, tenths(r.length))
	}
	cells := []string{name, r.who, known(r.noticed), "", "", "", ""}
	if r.outage > 0 {
		cells = []string{name, r.who, known(r.noticed), tenths(r.outage), known(r.back), tenths(r.oldest), fmt.Sprint(r.lost)}
	}
	if r.nobody {
		cells[6] = "0"
	}
	if r.spared != nil {
		cells = append(cells, tenths(r.spared.outage), fmt.Sprint(r.spared.lost))
	} else {
		cells = append(cells, "", "")
	}
	for _, g := range []*gap{r.recorded, r.recordedOthers} {
		if g == nil {
			cells = append(cells, "")
			continue
		}
		cells = append(cells, fmt.Sprintf("%d (hole %s s)", g.pictures, tenths(g.hole)))
	}
	return append(cells, r.memory.String())
}

// memory is the most that a process of each role had, in bytes.
type memory map[string]int64

func memoryRoles() []string {
	return []string{"broker", "site", "page", "publisher", "recorder", "viewer"}
}

func (m memory) String() string {
	if m == nil {
		return ""
	}
	var all []string
	for _, role := range memoryRoles() {
		if bytes, is := m[role]; is {
			all = append(all, fmt.Sprintf("%s %d", role, bytes>>20))
		}
	}
	return strings.Join(all, ", ")
}

// with is the larger of both, role by role.
func (m memory) with(other memory) memory {
	both := make(memory)
	for _, one := range []memory{m, other} {
		for role, bytes := range one {
			both[role] = max(both[role], bytes)
		}
	}
	return both
}

// peaks are the memory peaks of all processes since the last measure, the largest of each role.
func (w *world) peaks() memory {
	most := make(memory)
	for name, p := range w.processes() {
		role, _, _ := strings.Cut(name, " ")
		most[role] = max(most[role], p.measure())
	}
	return most
}
