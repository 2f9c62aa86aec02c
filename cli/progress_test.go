package cli

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/recorder"
)

func TestProgressBar(t *testing.T) {
	at := time.Date(2026, 11, 22, 10, 0, 30, 0, time.Local)
	b := progressBar{camera: "front", from: at.Add(-30 * time.Second), to: at.Add(30 * time.Second)}
	for want, p := range map[string]bus.ExportProgress{
		"front [##########          ]  50 %  1.0 MB  10:00:30": {Bytes: 1e6, Total: 2e6, Captured: at},
		"front [####################] 100 %  9.0 MB":           {Bytes: 9e6, Total: 2e6},
		"front [                    ]   0 %  9.0 MB":           {Bytes: 9e6},
		"front [##########          ]  50 %  9.0 MB  10:00:30": {Bytes: 9e6, Captured: at},
	} {
		width := len(want)
		if got := b.line(p, width); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if got := b.line(bus.ExportProgress{Bytes: 1}, 10); strings.Contains(got, "[") {
		t.Errorf("no room: %q", got)
	}
	files := filesBar{what: "verify"}
	for want, p := range map[string]recorder.Progress{
		"verify [#####               ]  25 %  300 of 1200 files":  {Done: 300, Total: 1200},
		"verify [####################] 100 %  1200 of 1200 files": {Done: 1200, Total: 1200},
		"verify [                    ]   0 %  0 of 0 files":       {},
	} {
		if got := files.line(p, len(want)); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	quiet := newProgressBar(&bytes.Buffer{}, "front", at, at)
	quiet.show(bus.ExportProgress{Bytes: 1})
	quiet.clear()
}
