package bus_test

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/lensbus/lensbus/bus"
)

// lockedLog is what was logged.
type lockedLog struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lockedLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lockedLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// has says whether one line has all of it.
func (l *lockedLog) has(all ...string) bool { return l.count(all...) > 0 }

// count is how many lines have all of it.
func (l *lockedLog) count(all ...string) int {
	lines := 0
	for line := range strings.Lines(l.String()) {
		found := 0
		for _, text := range all {
			if strings.Contains(line, text) {
				found++
			}
		}
		if found == len(all) {
			lines++
		}
	}
	return lines
}

// logged is a connection until the test ends, and what is logged of it.
func logged(t testing.TB, o bus.Options) (*bus.Conn, *lockedLog) {
	t.Helper()
	log := new(lockedLog)
	o.Log = slog.New(slog.NewTextHandler(log, nil))
	conn, err := bus.Connect(context20(t), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn, log
}
