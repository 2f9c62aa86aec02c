package logbook

import (
	"fmt"
	"sync"
	"testing"
)

func TestBook(t *testing.T) {
	var b Book
	var writing sync.WaitGroup
	for camera := range 4 {
		writing.Go(func() {
			for n := range 100 {
				fmt.Fprintf(&b, "level=INFO msg=frame camera=c%d n=%d\n", camera, n)
			}
		})
	}
	writing.Wait()
	if n := b.Count("level=INFO"); n != 400 {
		t.Errorf("%d lines of 400", n)
	}
	if n := b.Count("camera=c2", "n=7"); n != 11 {
		t.Errorf("%d lines with both, want 11", n)
	}
	if b.Has("camera=c1", "camera=c2") || !b.Has("camera=c3", "n=99") {
		t.Errorf("what is in two lines is not in one, and what is in one is: %s", &b)
	}
}
