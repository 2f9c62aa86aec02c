package segment_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/lensbus/lensbus/recorder/segment"
)

// slowDisk lets no sync return before the function that it returns is called, and then with err.
func slowDisk(t *testing.T, d *segment.Folder, err error) (let func()) {
	t.Helper()
	gate := make(chan struct{})
	d.Before = func(op segment.Op, _ string) error {
		if op != segment.OpSync {
			return nil
		}
		<-gate
		return err
	}
	let = sync.OnceFunc(func() { close(gate) })
	t.Cleanup(let)
	return let
}

func TestAppendWhileAPartIsWritten(t *testing.T) {
	d := openFolder(t)
	all := shot(t, random(t, 40), 20)
	w := create(t, d, &all[0], segment.Options{})
	if w.Begun() != nil {
		t.Error("a part is being written before one was begun")
	}
	let := slowDisk(t, d, nil)
	appendAll(t, w, all[:5], 100)
	if err := w.Begin(); err != nil {
		t.Fatal(err)
	}
	appendAll(t, w, all[5:12], 100)
	if frames, bytes := w.Buffered(); frames != 7 || bytes <= 0 {
		t.Errorf("%d frames of %d bytes wait, want 7", frames, bytes)
	}
	select {
	case <-w.Begun():
		t.Error("the part is on disk before the sync has returned")
	default:
	}
	if n := w.Info().Frames; n != 0 {
		t.Errorf("%d frames are said to be on disk", n)
	}
	let()
	<-w.Begun()
	if err := w.Wait(); err != nil {
		t.Fatal(err)
	}
	if n := w.Info().Frames; n != 5 || w.Begun() != nil {
		t.Errorf("%d frames are said to be on disk, want 5", n)
	}
	for range 2 { // with nothing to write too
		if err := w.Begin(); err != nil {
			t.Fatal(err)
		}
	}
	appendAll(t, w, all[12:], 100)
	info, err := w.Close()
	if err != nil || info.Frames != 20 {
		t.Fatalf("%d frames, %v", info.Frames, err)
	}
	got, damage := read(t, d, info.Path, time.Time{}, time.Time{})
	same(t, all, got)
	if len(damage) > 0 {
		t.Error(damage)
	}
}

func TestAPartFailsWhileTheNextOneComes(t *testing.T) {
	for name, end := range map[string]func(*segment.Writer) error{
		"begin": (*segment.Writer).Begin,
		"wait":  (*segment.Writer).Wait,
		"flush": (*segment.Writer).Flush,
		"close": func(w *segment.Writer) error { _, err := w.Close(); return err },
	} {
		d := openFolder(t)
		all := shot(t, random(t, 41), 20)
		w := create(t, d, &all[0], segment.Options{})
		appendAll(t, w, all[:5], 5)
		let := slowDisk(t, d, errDisk)
		appendAll(t, w, all[5:10], 100)
		if err := w.Begin(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		appendAll(t, w, all[10:15], 100)
		let()
		if err := end(w); !errors.Is(err, errDisk) {
			t.Errorf("%s: %v", name, err)
		}
		if err := w.Begin(); !errors.Is(err, errDisk) {
			t.Errorf("%s, and then again: %v", name, err)
		}
		if err := w.Append(&all[15].Frame, all[15].Stored); !errors.Is(err, errDisk) {
			t.Errorf("%s, and then a frame: %v", name, err)
		}
		w.Abort()
		d.Before = nil
		s, err := d.Salvage(w.Info().Path)
		if err != nil || s.Info.Frames != 5 || s.Cut > 0 {
			t.Errorf("%s: %+v, %v", name, s, err)
		}
	}
}

// Abort does not leave a part behind that is still being written.
func TestAbortWaits(t *testing.T) {
	d := openFolder(t)
	all := shot(t, random(t, 42), 10)
	w := create(t, d, &all[0], segment.Options{})
	appendAll(t, w, all[:5], 5)
	let := slowDisk(t, d, nil)
	appendAll(t, w, all[5:8], 100)
	if err := w.Begin(); err != nil {
		t.Fatal(err)
	}
	appendAll(t, w, all[8:], 100)
	go let()
	w.Abort()
	if n := w.Info().Frames; n != 8 { // those are safe
		t.Errorf("%d frames, want 8", n)
	}
	d.Before = nil
	if s, err := d.Salvage(w.Info().Path); err != nil || s.Info.Frames != 8 || s.Cut > 0 {
		t.Errorf("%+v, %v", s, err)
	}
}
