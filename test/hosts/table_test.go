//go:build hosts

package hosts

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// row is the figures of one fault, for who suffers it and for who should not.
type row struct {
	fault  string
	length time.Duration // of the fault
	who    string        // who watched what
	outage time.Duration // longest time without a picture less than a second old
	back   time.Duration // from the fault's end to such a picture
	oldest time.Duration // picture that was seen
	live   int           // pictures not seen
	// Of the recording; -1: it is not this row's.
	recorded int
	memory   string // peaks
}

func report(r row) {
	table.mu.Lock()
	defer table.mu.Unlock()
	table.rows = append(table.rows, r)
}

// printTable writes all figures, in Markdown.
func printTable(to io.Writer) {
	table.mu.Lock()
	defer table.mu.Unlock()
	if len(table.rows) == 0 {
		return
	}
	seconds := func(d time.Duration) string { return fmt.Sprintf("%.1f", d.Seconds()) }
	w := tabwriter.NewWriter(to, 0, 0, 1, ' ', 0)
	_, _ = fmt.Fprintf(w, "\nMEASURED, %d pictures of %d bytes a second and camera:\n\n", cameraFPS, cameraBytes)
	_, _ = fmt.Fprintln(w, "| fault\t| lasts s\t| seen by\t| outage s\t| back after s\t| oldest s\t| lost live\t| lost in recording\t| memory peak MB\t|")
	_, _ = fmt.Fprintln(w, "|---\t|---\t|---\t|---\t|---\t|---\t|---\t|---\t|---\t|")
	for _, r := range table.rows {
		back, recorded := "", ""
		if r.back > 0 {
			back = seconds(r.back)
		}
		if r.recorded >= 0 {
			recorded = fmt.Sprint(r.recorded)
		}
		_, _ = fmt.Fprintf(w, "| %s\t| %s\t| %s\t| %s\t| %s\t| %s\t| %d\t| %s\t| %s\t|\n",
			r.fault, seconds(r.length), r.who, seconds(r.outage), back, seconds(r.oldest), r.live, recorded, r.memory)
	}
	_ = w.Flush()
}

// peaks are the memory peaks of all processes since the last measure, the largest of each kind.
func (w *world) peaks() string {
	most := make(map[string]int64)
	for name, p := range w.processes() {
		kind, _, _ := strings.Cut(name, " ")
		most[kind] = max(most[kind], p.measure())
	}
	var all []string
	for kind, bytes := range most {
		all = append(all, fmt.Sprintf("%s %d", kind, bytes>>20))
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}
