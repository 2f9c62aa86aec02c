package docs

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/lensbus/lensbus/publisher"
	"github.com/lensbus/lensbus/recorder"
)

// How much disk a camera takes is computed here, from the defaults.
func TestHowMuchDisk(t *testing.T) {
	const keptBytes, keptAge = publisher.DefaultBufferBytes, publisher.DefaultBufferAge
	text := strings.Join(strings.Fields(read(t, "guide/recording.md")), " ")
	gb := func(bytes float64) string {
		switch gb := bytes / 1e9; {
		case gb < 10:
			return fmt.Sprintf("%.1f GB", gb)
		case gb < 1000:
			return fmt.Sprintf("%.0f GB", gb)
		default:
			return fmt.Sprintf("%.1f TB", gb/1000)
		}
	}
	for _, c := range []struct {
		size         string
		fps, picture float64 // KB
	}{{"640×480", 15, 30}, {"1280×720", 25, 60}, {"1920×1080", 15, 200}} {
		rate := c.fps * c.picture * 1000
		row := fmt.Sprintf("| %s, %.0f/s of %.0f KB | %g MB | %s | %s | %s | %.0f minutes |", c.size, c.fps, c.picture, rate/1e6,
			gb(rate*3600), gb(rate*86400), gb(rate*86400*30), float64(keptBytes)/rate/60)
		if !strings.Contains(text, row) {
			t.Errorf("the page has no row %s", row)
		}
	}
	for _, says := range []string{
		fmt.Sprintf("`buffer_age` (%.0f hour)", keptAge.Hours()),
		fmt.Sprintf("`buffer_bytes` (%d GiB)", keptBytes>>30),
		fmt.Sprintf("`buffer_bytes: %.0fGiB`", 1.5e6*time.Hour.Seconds()/(1<<30)+0.5),
		fmt.Sprintf("| %d GiB stays free |", recorder.DefaultMinFree>>30),
	} {
		if !strings.Contains(text, says) {
			t.Errorf("the page does not say %s", says)
		}
	}
}
