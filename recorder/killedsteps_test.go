package recorder

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/recorder/segment"
)

// A recorder's life in short, in a process that kills itself before its n-th change to the disk:
// wherever that is, what was said to be safe is there afterwards, once.
func TestKilledBeforeEachStep(t *testing.T) {
	const variable = "LENSBUS_TEST_KILLED_BEFORE"
	if value := os.Getenv(variable); value != "" {
		step, dir, _ := strings.Cut(value, " ")
		n, err := strconv.Atoi(step)
		if err != nil {
			t.Fatal(err)
		}
		shortLife(t, dir, n)
		return
	}
	for n, ended := 1, false; !ended; n++ {
		dir := t.TempDir()
		out, err := helper(t, variable, fmt.Sprintf("%d %s", n, dir)).Output()
		if ended = err == nil; !ended && !strings.Contains(err.Error(), "killed") {
			t.Fatalf("step %d: %v\n%s", n, err, out)
		}
		if ended && n < 25 {
			t.Fatalf("it ended after %d steps", n)
		}
		folder := openTestFolder(t, dir)
		x := openTestIndex(t, folder)
		// No row ever promises what is not there, also before anything is put right.
		for info, err := range x.OldestFirst(t.Context(), "") {
			if err != nil {
				t.Fatal(err)
			}
			if _, err := os.Stat(onDisk(folder.Folder, info.Path)); err != nil {
				t.Errorf("step %d: a row without a file: %v", n, err)
			}
		}
		reconcile(t, folder, x)
		afterwards(t, folder, x)
		seen := map[uint64]int{}
		infos, err := x.Segments(t.Context(), "front", time.Time{}, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		for _, info := range infos {
			r, err := folder.Folder.Open(info.Path)
			if err != nil {
				t.Fatal(err)
			}
			for rec, err := range r.Frames(time.Time{}, time.Time{}) {
				if err != nil {
					t.Errorf("step %d: %v", n, err)
				}
				seen[rec.Seq]++
			}
			if err := r.Close(); err != nil {
				t.Fatal(err)
			}
		}
		for line := range strings.Lines(string(out)) {
			var from, to uint64
			if _, err := fmt.Sscanf(line, "safe %d %d", &from, &to); err == nil {
				for seq := from; seq <= to; seq++ {
					seen[seq] += 0
				}
			}
			if _, err := fmt.Sscanf(line, "removing %d %d", &from, &to); err == nil {
				for seq := from; seq <= to; seq++ {
					delete(seen, seq)
				}
			}
		}
		for seq, times := range seen {
			if times != 1 {
				t.Errorf("step %d: frame %d is there %d times", n, seq, times)
			}
		}
		if t.Failed() {
			return
		}
		if err := errors.Join(x.Close(), folder.Close()); err != nil {
			t.Fatal(err)
		}
	}
}

// shortLife records three segments, and retention removes the first two. Writing the bytes of a part
// is not a step: package segment has that.
func shortLife(t *testing.T, dir string, killBefore int) {
	folder := openTestFolder(t, dir)
	x := openTestIndex(t, folder)
	steps := 0
	folder.Before = func(op segment.Op, _ string) error {
		if op == segment.OpWrite {
			return nil
		}
		if steps++; steps == killBefore {
			self, err := os.FindProcess(os.Getpid())
			if err == nil {
				err = self.Kill()
			}
			if err != nil {
				return err
			}
			select {}
		}
		return nil
	}
	keep := Keep{}
	retention := newRetention(folder, x, func(frame.CameraID) Keep { return keep }, 0, silent())
	s := newShots("front", testNoon().Add(-10*time.Second))
	var last segment.Info
	for i := range 3 {
		s.at = s.at.Add(time.Duration(i) * 24 * time.Hour)
		var gaps []frame.Gap
		if gap, ok := gapBetween(lastEdge(last), edge{epoch: s.epoch, seq: s.seq + 1, stored: s.stored + 1, captured: s.at}, usualInterval(last)); ok && i > 0 {
			gaps = append(gaps, gap)
		}
		w := s.left(t, folder.Folder, 1, gaps...)
		fmt.Println("safe", s.seq-9, s.seq)
		info, err := w.Close()
		if err != nil {
			t.Fatal(err)
		}
		if err := x.Add(t.Context(), info); err != nil {
			t.Fatal(err)
		}
		keep.Bytes, last = info.Bytes, info
	}
	fmt.Println("removing 1 20")
	if done, err := retention.Sweep(t.Context()); err != nil || done.Removed[RemoveBytes].Segments != 2 {
		t.Fatal(done, err)
	}
}
