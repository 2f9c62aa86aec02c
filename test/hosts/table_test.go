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
	fault   string
	length  time.Duration // of the fault
	who     string        // who watched what
	outage  time.Duration // longest time without a picture less than a second old
	back    time.Duration // from the fault's end to such a picture
	oldest  time.Duration // picture that was seen
	lost    int           // pictures that were not seen, of the camera of which they are most; or not recorded
	noticed time.Duration // from the fault's begin until a client said that its connection is lost; 0: none did
	// isRecording: outage is the longest hole.
	isRecording bool
	memory      string // peaks, where nobody is meant
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
	known := func(d time.Duration) string {
		if d == 0 {
			return ""
		}
		return seconds(d)
	}
	w := tabwriter.NewWriter(to, 0, 0, 1, ' ', 0)
	_, _ = fmt.Fprintf(w, "\nMEASURED, %d pictures of %d bytes a second and camera:\n\n", cameraFPS, cameraBytes)
	_, _ = fmt.Fprintln(w, "| fault\t| who\t| noticed after s\t| outage s\t| back after s\t| oldest seen s\t| pictures lost\t|")
	_, _ = fmt.Fprintln(w, "|---\t|---\t|---\t|---\t|---\t|---\t|---\t|")
	line := func(cells ...string) { _, _ = fmt.Fprintln(w, "| "+strings.Join(cells, "\t| ")+"\t|") }
	for _, r := range table.rows {
		switch {
		case r.who == "":
			line(fmt.Sprintf("**%s**, %s s", r.fault, seconds(r.length)), "peaks in MB: "+r.memory, "", "", "", "", "")
		case r.outage == 0 && !r.isRecording:
			line("", r.who, known(r.noticed), "", "", "", "")
		case r.isRecording:
			line("", r.who, "", seconds(r.outage), "", "", fmt.Sprint(r.lost))
		default:
			line("", r.who, known(r.noticed), seconds(r.outage), known(r.back), seconds(r.oldest), fmt.Sprint(r.lost))
		}
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
