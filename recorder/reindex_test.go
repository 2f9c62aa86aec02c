package recorder

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/recorder/segment"
)

func TestReindexFromFilesAlone(t *testing.T) {
	folder := openTestFolder(t, t.TempDir())
	s := newShots("front", testNoon())
	a := s.closed(t, folder.Folder, 3)
	s.at, s.stored, s.seq = s.at.Add(time.Second), s.stored+7, s.seq+7
	b := s.closed(t, folder.Folder, 1) // 7 before it were stored, and nothing was noted
	s.at, s.seq = s.at.Add(time.Second), s.seq+3
	c := s.closed(t, folder.Folder, 1) // and 3 were not stored
	s.at, s.epoch, s.seq = s.at.Add(time.Minute), "ANOTHER", 0
	d := s.closed(t, folder.Folder, 1) // the publisher was started anew
	e := s.closed(t, folder.Folder, 1) // nothing is missing
	noted := frame.Gap{From: e.End, To: e.End.Add(5 * time.Second), Missing: 2, Reason: frame.GapRejected}
	s.at, s.stored, s.seq = noted.To, s.stored+2, s.seq+2
	f := s.closed(t, folder.Folder, 1, noted) // the recorder knew more than can be computed
	other := newShots("back", testNoon()).closed(t, folder.Folder, 1)

	var told []Progress
	done, err := Reindex(t.Context(), folder, func(p Progress) { told = append(told, p) })
	if err != nil {
		t.Fatal(err)
	}
	if done.Segments != 7 || done.Frames != 90 || done.Read != 7 || done.SetAside != "" || done.Bytes <= 0 {
		t.Errorf("%+v", done)
	}
	if len(told) != 7 || told[6].Done != 7 || told[0].Total != 7 || told[3].Path == "" {
		t.Errorf("%+v", told)
	}
	x := openTestIndex(t, folder)
	infos, err := x.Segments(t.Context(), "front", time.Time{}, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	f.Gaps = nil
	if diff := cmp.Diff([]segment.Info{a, b, c, d, e, f}, infos); diff != "" {
		t.Error("- written, + indexed", diff)
	}
	if diff := cmp.Diff([]frame.Gap{
		{From: a.End, To: b.Start, Missing: 7, Reason: frame.GapUnknown},
		{From: b.End, To: c.Start, Missing: 3, Reason: frame.GapUnstored},
		{From: c.End, To: d.Start, Reason: frame.GapCamera},
		noted,
	}, allGaps(t, x, "front")); diff != "" {
		t.Error("- expected gaps, + indexed", diff)
	}
	if got := allGaps(t, x, "back"); len(got) != 0 || other.Frames != 10 {
		t.Error(got)
	}
	afterwards(t, folder, x)
}

func TestIndexThatIsGoneOrGarbageIsMadeAnew(t *testing.T) {
	for name, spoil := range map[string]func(path string) error{
		"gone":    os.Remove,
		"garbage": func(path string) error { return os.WriteFile(path, []byte(strings.Repeat("garbage", 5000)), 0o600) },
		"cut":     func(path string) error { return os.Truncate(path, 5000) },
		"empty":   func(path string) error { return os.Truncate(path, 0) },
	} {
		t.Run(name, func(t *testing.T) {
			folder := openTestFolder(t, t.TempDir())
			s := newShots("front", testNoon())
			for range 3 {
				s.closed(t, folder.Folder, 1)
			}
			x := openTestIndex(t, folder)
			reconcile(t, folder, x)
			want := everything(t, x)
			if err := x.Close(); err != nil {
				t.Fatal(err)
			}
			if err := spoil(folder.IndexPath()); err != nil {
				t.Fatal(err)
			}
			x, aside, err := OpenIndex(t.Context(), folder)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = x.Close() })
			if _, err := os.Stat(aside); (name == "garbage" || name == "cut") != (aside != "") || (aside != "" && err != nil) {
				t.Errorf("set aside as %q, %v", aside, err)
			}
			if done := reconcile(t, folder, x); done.Read != 3 || done.Segments != 3 || done.Foreign != 0 {
				t.Errorf("%+v", done)
			}
			if diff := cmp.Diff(want, everything(t, x)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Every state that a recorder can be stopped in, made by hand.
func TestReconcile(t *testing.T) {
	folder := openTestFolder(t, t.TempDir())
	x := openTestIndex(t, folder)
	s := newShots("front", testNoon())
	note := func(info segment.Info) segment.Info {
		t.Helper()
		if err := x.Add(t.Context(), info); err != nil {
			t.Fatal(err)
		}
		return info
	}
	both := note(s.closed(t, folder.Folder, 1))
	noFile := note(s.closed(t, folder.Folder, 1)) // deletion: never in this order, but by hand
	if err := os.Remove(onDisk(folder.Folder, noFile.Path)); err != nil {
		t.Fatal(err)
	}
	noRow := s.closed(t, folder.Folder, 1) // closed, stopped before the row; or the row removed, before the file
	open := s.left(t, folder.Folder, 2).Info()
	torn := s.left(t, folder.Folder, 2).Info()
	if err := appendTo(onDisk(folder.Folder, torn.Path), []byte("half of a part")); err != nil {
		t.Fatal(err)
	}
	grown := note(s.closed(t, folder.Folder, 1)) // the row tells another size
	grown.Bytes--
	note(grown)
	// A .part beside a closed file of the same name: neither is lost.
	twin := s.closed(t, folder.Folder, 1)
	data, err := os.ReadFile(onDisk(folder.Folder, open.Path))
	if err != nil {
		t.Fatal(err)
	}
	put(t, onDisk(folder.Folder, twin.Path+".part"), data)
	// What a kill leaves of a segment that has just been made, and what no recorder makes.
	nothing := segment.Path("front", s.at.Add(time.Hour)) + ".part"
	put(t, onDisk(folder.Folder, nothing), nil)
	garbage := segment.Path("front", s.at.Add(2*time.Hour)) + ".part"
	put(t, onDisk(folder.Folder, garbage), []byte(strings.Repeat("garbage", 1000)))
	empty := segment.Path("front", s.at.Add(3*time.Hour))
	put(t, onDisk(folder.Folder, empty), nil)
	put(t, onDisk(folder.Folder, "front/readme.txt"), nil)

	done := reconcile(t, folder, x)
	if done.Forgotten != 1 || len(done.Salvaged) != 3 || !slices.Equal(done.Removed, []string{nothing}) || done.Foreign != 1 ||
		len(done.Damaged) != 2 || len(done.Unreadable) != 0 || done.Segments != 7 {
		t.Errorf("%+v", done)
	}
	for _, info := range []segment.Info{both, noRow, open, torn, grown, twin} {
		if path := strings.TrimSuffix(info.Path, ".part"); !strings.Contains(indexed(t, x), path) {
			t.Errorf("%s is not in the index", path)
		}
	}
	if _, err := os.Stat(onDisk(folder.Folder, garbage[:len(garbage)-len(".part")]+".damaged")); err != nil {
		t.Error(err)
	}
	// The one that vanished leaves a gap.
	if gaps := allGaps(t, x, "front"); !slices.ContainsFunc(gaps, func(g frame.Gap) bool {
		return g.From.Equal(both.End) && g.To.Equal(noRow.Start) && g.Missing == 10
	}) {
		t.Errorf("%+v", gaps)
	}
	// An empty file whose name says that it should have frames is read at each start.
	if _, err := json.Marshal(done); err != nil {
		t.Error(err)
	}
	if again := reconcile(t, folder, x); again.Forgotten+len(again.Salvaged)+len(again.Removed) > 0 || again.Read != 1 || len(again.Damaged) != 2 {
		t.Errorf("again: %+v", again)
	}
}

func TestDamageIsAGap(t *testing.T) {
	folder := openTestFolder(t, t.TempDir())
	x := openTestIndex(t, folder)
	s := newShots("front", testNoon())
	a := s.closed(t, folder.Folder, 3) // its second part cannot be read
	b := s.closed(t, folder.Folder, 1) // nothing of it can be read
	c := s.closed(t, folder.Folder, 3) // its end is cut off
	d := s.closed(t, folder.Folder, 1)
	overwrite := func(path string, at, n int64) {
		t.Helper()
		file, err := os.OpenFile(onDisk(folder.Folder, path), os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		_, err = file.WriteAt(make([]byte, n), at)
		if err := errors.Join(err, file.Close()); err != nil {
			t.Fatal(err)
		}
	}
	overwrite(a.Path, a.Bytes*2/5, a.Bytes/5)
	overwrite(b.Path, 0, b.Bytes)
	if err := os.Truncate(onDisk(folder.Folder, c.Path), c.Bytes*9/10); err != nil {
		t.Fatal(err)
	}
	done := reconcile(t, folder, x)
	if len(done.Damaged) != 1 || done.Damaged[0].Path != b.Path || done.Segments != 3 {
		t.Fatalf("%+v", done)
	}
	step := 100 * time.Millisecond
	want := []frame.Gap{
		{From: a.Start.Add(9 * step), To: a.Start.Add(20 * step), Missing: 10, Reason: frame.GapDamage},
		{From: a.End, To: c.Start, Missing: 10, Reason: frame.GapDamage},
		{From: c.Start.Add(19 * step), To: d.Start, Missing: 10, Reason: frame.GapDamage},
	}
	if diff := cmp.Diff(want, allGaps(t, x, "front")); diff != "" {
		t.Error("- expected, + noted", diff)
	}
	// A later start that reads only what is new knows it still.
	s.closed(t, folder.Folder, 1)
	reconcile(t, folder, x)
	if diff := cmp.Diff(want, allGaps(t, x, "front")); diff != "" {
		t.Error("- expected, + noted at the next start", diff)
	}
	afterwards(t, folder, x)
}

func TestReindexStopsWhenTold(t *testing.T) {
	folder := openTestFolder(t, t.TempDir())
	s := newShots("front", testNoon())
	for range 20 {
		s.closed(t, folder.Folder, 1)
	}
	x := openTestIndex(t, folder)
	reconcile(t, folder, x)
	want := everything(t, x)
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := refill(ctx, folder, x, true, func(Progress) { cancel() }); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if diff := cmp.Diff(want, everything(t, x)); diff != "" {
		t.Error("it is half made", diff)
	}
}
