package broker

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A client that is refused again and again does not fill the disk, and nothing is left out unsaid.
func TestFloodOfErrorsIsLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		l := &natsLog{log: slog.New(slog.NewTextHandler(&out, nil))}
		for range 10_000 {
			l.Errorf("cid:%d - Publish Violation - Subject %q", 7, "cam.x.frame")
		}
		if n := strings.Count(out.String(), "Publish Violation"); n != mostLines {
			t.Errorf("%d lines of 10000, want %d", n, mostLines)
		}
		out.Reset()
		time.Sleep(2 * lineEvery)
		l.Warnf("afterwards")
		if got := out.String(); !strings.Contains(got, "afterwards") || !strings.Contains(got, "lines_left_out=9970") {
			t.Errorf("later: %s", got)
		}
		l.Fatalf("%v", errors.New("first"))
		if err := l.failure(); err == nil || err.Error() != "first" {
			t.Errorf("%v", err)
		}
	})
}
