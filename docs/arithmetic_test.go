package docs

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/lensbus/lensbus/auth"
	"github.com/lensbus/lensbus/frame"
)

// The tables of ten thousand cameras are computed here from what a camera sends, so that a figure that is
// altered in one place is altered in all.
func TestArithmeticOfTenThousandCameras(t *testing.T) {
	const (
		fps, picture = 10.0, 60e3
		rate         = fps * picture // bytes a second of one camera
		day, hour    = 86400.0, 3600.0
		mbit         = 8 / 1e6

		servers = 3.0
		// Each replica of a stream has every frame in its Raft log and in the stream's own files.
		toDisk = 2 * rate
		// The leader sends a frame to both others. And a publisher's server is not the leader's in two
		// cases of three, nor is a recorder's that of the consumer's leader.
		between = rate * (servers - 1 + 2*(servers-1)/servers)
	)
	all := []float64{1, 100, 1000, 10000} // cameras
	row := func(name string, of []float64, cell func(cameras float64) string) string {
		line := "| " + name + " |"
		for _, cameras := range of {
			line += strings.TrimRight(" "+cell(cameras), " ") + " |"
		}
		return line
	}
	in := []float64{10000, 1000, 20} // that are stored by a cluster of three
	lines := []string{
		row("frames a second", all, func(n float64) string { return thousands(n * fps) }),
		row("bytes a second", all, func(n float64) string { return decimal(n*rate, "B") }),
		row("bits a second", all, func(n float64) string { return decimal(n*rate*8, "bit") }),
		row("recorded in a day", all, func(n float64) string { return decimal(n*rate*day, "B") }),
		row("30 days", all, func(n float64) string { return decimal(n*rate*day*30, "B") }),
		row("frames confirmed a second", in, func(n float64) string { return thousands(n * fps) }),
		row("onto each disk of three servers", in, func(n float64) string { return decimal(n*toDisk, "B/s") }),
		row("between servers, in all", in, func(n float64) string { return decimal(n*between, "B/s") }),
		fmt.Sprintf("20 × 600 KB/s = %s from the sites, %s onto each disk and %s between the servers", decimal(20*rate, "B/s"), decimal(20*toDisk, "B/s"), decimal(20*between, "B/s")),
		fmt.Sprintf("800 × 4.8 Mbit/s = %.1f Gbit/s in and as much out", 800*rate*mbit/1000),
		fmt.Sprintf("two thirds of it, %.1f Gbit/s", 800*rate*mbit/1000*(servers-1)/servers),
		fmt.Sprintf("up to %d KB", siteLine(32, 32, auth.MostSiteCameras)/1000),
		fmt.Sprintf("ends at %d cameras", mostCameras(32, 32)),
		fmt.Sprintf("and at %d with names", mostCameras(8, 8)),
	}
	text, err := os.ReadFile("design/ten-thousand-cameras.md")
	if err != nil {
		t.Fatal(err)
	}
	page := strings.Join(strings.Fields(string(text)), " ")
	for _, line := range lines {
		if !strings.Contains(page, line) {
			t.Errorf("design/ten-thousand-cameras.md does not say what is computed: %s", line)
		}
	}
	if got := decimal(hour*rate*100, "B"); !strings.Contains(page, got) {
		t.Errorf("design/ten-thousand-cameras.md does not say that an hour of a site is %s", got)
	}
}

// siteLine is how long the line is in which a server says to a site what its rights are, but for some
// hundred bytes.
func siteLine(id, site, cameras int) int {
	u := auth.User{Name: strings.Repeat("s", site), Role: auth.Site}
	for i := range cameras {
		u.Cameras = append(u.Cameras, frame.CameraID(fmt.Sprintf("c%0*d", id-1, i)))
	}
	text, err := json.Marshal(u.Rights())
	if err != nil {
		panic(err) // it is a struct of strings
	}
	return len(text)
}

// mostCameras fit into a line of 64 KiB.
func mostCameras(id, site int) int {
	n := 1
	for siteLine(id, site, n+1) <= 64<<10 {
		n++
	}
	return n
}

// decimal is a number with two digits and more, as 600 KB, 1.6 TB, 155 TB.
func decimal(n float64, unit string) string {
	prefixes := []string{"", "K", "M", "G", "T", "P"}
	i := 0
	for n >= 999.5 && i < len(prefixes)-1 {
		n, i = n/1000, i+1
	}
	number := fmt.Sprintf("%.0f", n)
	if n < 9.95 {
		number = strings.TrimSuffix(fmt.Sprintf("%.1f", n), ".0")
	}
	return number + " " + prefixes[i] + unit
}

func thousands(n float64) string {
	text := fmt.Sprintf("%.0f", n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
