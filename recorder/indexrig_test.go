package recorder

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/recorder/index"
)

func testNoon() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 123456789, time.UTC) }

func reconcile(t *testing.T, folder *Folder, x *index.Index) Reindexed {
	t.Helper()
	done, err := Reconcile(t.Context(), folder, x, nil)
	if err != nil {
		t.Fatal(err)
	}
	return done
}

func wholeFiles(t *testing.T, folder *Folder) string {
	t.Helper()
	l, err := list(t.Context(), folder.Folder)
	if err != nil {
		t.Fatal(err)
	}
	if len(l.Parts) > 0 {
		t.Fatalf("left open: %v", l.Parts)
	}
	var paths []string
	for _, e := range l.Whole {
		paths = append(paths, e.Path)
	}
	return strings.Join(paths, " ")
}

func allGaps(t *testing.T, x *index.Index, camera frame.CameraID) []frame.Gap {
	t.Helper()
	gaps, err := x.Gaps(t.Context(), camera, time.Time{}, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	return gaps
}

// afterwards a second start has nothing to do, and an index from the files alone is the same.
func afterwards(t *testing.T, folder *Folder, x *index.Index) {
	t.Helper()
	done := reconcile(t, folder, x)
	var want []string
	for path := range strings.FieldsSeq(wholeFiles(t, folder)) {
		if !slices.ContainsFunc(done.Damaged, func(b BadFile) bool { return b.Path == path }) {
			want = append(want, path)
		}
	}
	if got := indexed(t, x); got != strings.Join(want, " ") {
		t.Fatalf("the index has %s\nthe folder has %s", got, want)
	}
	if done.Read-len(done.Damaged)-len(done.Unreadable) > 0 || done.Forgotten+len(done.Salvaged)+len(done.Removed) > 0 {
		t.Errorf("a second start found %+v", done)
	}
	before := everything(t, x)
	if _, err := refill(t.Context(), folder, x, true, nil); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, everything(t, x)); diff != "" {
		t.Errorf("made anew from the files, it is another: - before, + after\n%s", diff)
	}
}

func everything(t *testing.T, x *index.Index) (all []any) {
	t.Helper()
	for info, err := range x.OldestFirst(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, info)
	}
	cameras, err := x.Cameras(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cameras {
		all = append(all, allGaps(t, x, c))
	}
	return all
}

func appendTo(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}

// snapshotOf is what is below a folder, with sizes and times.
func snapshotOf(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err == nil {
			all[path] = fmt.Sprint(info.Mode(), info.Size(), info.ModTime())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
