// Package logbook keeps, for tests, what a program logs while it runs.
package logbook

import (
	"bytes"
	"strings"
	"sync"
)

// Book is a text that one may read while others write it. Its zero value is empty and ready; it must not
// be copied.
type Book struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write adds to the text. It never fails.
func (b *Book) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

// String is all that was written so far.
func (b *Book) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// Has says whether one line has all of these in it.
func (b *Book) Has(all ...string) bool { return b.Count(all...) > 0 }

// Count is how many lines have all of these in them.
func (b *Book) Count(all ...string) (lines int) {
	for line := range strings.Lines(b.String()) {
		if has(line, all) {
			lines++
		}
	}
	return lines
}

func has(line string, all []string) bool {
	for _, text := range all {
		if !strings.Contains(line, text) {
			return false
		}
	}
	return true
}
