package index

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/recorder/segment"
)

func TestWhatIsNotedComesBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "index.sqlite")
	x := openAt(t, path)
	gap := frame.Gap{From: noon.Add(-time.Minute), To: noon, Missing: math.MaxUint64, Reason: frame.GapOverrun}
	info := recorded("front", noon, gap)
	info.FirstSeq, info.LastSeq = math.MaxUint64-100, math.MaxUint64 // as large as a publisher may say
	info.FirstStored, info.LastStored = math.MaxInt64, math.MaxInt64+99
	add(t, x, info)
	equal(t, segments(t, x, "front", time.Time{}, time.Time{}), []segment.Info{without(info)})
	equal(t, gaps(t, x, "front"), []frame.Gap{gap})
	equal(t, segments(t, x, "back", time.Time{}, time.Time{}), nil)

	// The same path again replaces it, gaps too.
	info.Frames, info.Bytes, info.Gaps[0].Reason, info.Gaps[0].From = 7, 8, frame.GapCamera, noon.Add(-time.Hour)
	add(t, x, info)
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	x = openAt(t, path)
	equal(t, segments(t, x, "front", time.Time{}, time.Time{}), []segment.Info{without(info)})
	equal(t, gaps(t, x, "front"), info.Gaps)

	was, ok, err := x.Remove(t.Context(), info.Path)
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	equal(t, was, info)
	equal(t, segments(t, x, "front", time.Time{}, time.Time{}), nil)
	equal(t, gaps(t, x, "front"), nil)
	if _, ok, err := x.Remove(t.Context(), info.Path); ok || err != nil {
		t.Fatal("removed twice", ok, err)
	}
}

func TestStretchesOfTime(t *testing.T) {
	x := open(t)
	at := func(s int) time.Time { return noon.Add(time.Duration(s) * time.Second) }
	first, second := recorded("front", at(0)), recorded("front", at(20))
	single := recorded("front", at(40)) // of one frame, of which nobody knows how long it stands
	single.End, single.Duration, single.Frames = single.Start, 0, 1
	long := recorded("front", at(-100_000)) // more than a day
	long.End, long.Duration = at(-5), 99_996*time.Second
	add(t, x, single, second, first, long, recorded("back", at(0)))
	for _, c := range []struct {
		from, to time.Time
		want     []segment.Info
	}{
		{time.Time{}, time.Time{}, []segment.Info{long, first, second, single}},
		{at(0), at(30), []segment.Info{first, second}},
		{at(0), at(20), []segment.Info{first}}, // to is not in it
		{at(10), at(20), nil},                  // a segment ends where its last frame stands no more
		{at(9), at(10), []segment.Info{first}},
		{at(40), at(41), []segment.Info{single}},
		{at(41), time.Time{}, nil},
		{at(-50_000), at(-49_999), []segment.Info{long}},
		{at(-50_000), at(1), []segment.Info{long, first}},
		{at(-4), at(0), nil},
		{time.Time{}, at(0), []segment.Info{long}},
		{at(30), at(0), nil}, // from after to
	} {
		if diff := cmp.Diff(c.want, segments(t, x, "front", c.from, c.to)); diff != "" {
			t.Errorf("%v to %v: - expected, + got:\n%s", c.from, c.to, diff)
		}
	}
	gap := frame.Gap{From: at(-200_000), To: at(-100_000), Reason: frame.GapCamera}
	for _, g := range []frame.Gap{gap, {From: at(10), To: at(20), Reason: frame.GapCamera}, gap} {
		if err := addGap(t, x, "front", g); err != nil {
			t.Fatal(err)
		}
	}
	got, err := x.Gaps(t.Context(), "front", at(-150_000), at(-149_000))
	if err != nil {
		t.Fatal(err)
	}
	equal(t, got, []frame.Gap{gap})
}

func TestWhatThereIs(t *testing.T) {
	x := open(t)
	if _, ok, err := x.Oldest(t.Context(), ""); ok || err != nil {
		t.Fatal(ok, err)
	}
	var all []segment.Info
	for i := range 30 {
		camera := []frame.CameraID{"front", "back", "a"}[i%3]
		all = append(all, recorded(camera, noon.Add(time.Duration(i)*time.Minute)))
	}
	add(t, x, all...)
	cameras, err := x.Cameras(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	equal(t, cameras, []frame.CameraID{"a", "back", "front"})
	usage, err := x.Usage(t.Context(), "back")
	if err != nil {
		t.Fatal(err)
	}
	equal(t, usage, Usage{Segments: 10, Frames: 1000, Bytes: 10000, Duration: 100 * time.Second})
	if usage, err = x.Usage(t.Context(), "nobody"); err != nil || usage != (Usage{}) {
		t.Fatal(usage, err)
	}
	for camera, want := range map[frame.CameraID][2]segment.Info{"": {all[0], all[29]}, "back": {all[1], all[28]}} {
		oldest, ok, err := x.Oldest(t.Context(), camera)
		if err != nil || !ok {
			t.Fatal(ok, err)
		}
		newest, ok, err := x.Newest(t.Context(), camera)
		if err != nil || !ok {
			t.Fatal(ok, err)
		}
		equal(t, [2]segment.Info{oldest, newest}, want)
	}
	// What is removed while the loop runs does not disturb it.
	var order []string
	for info, err := range x.OldestFirst(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		order = append(order, info.Path)
		if _, ok, err := x.Remove(t.Context(), info.Path); !ok || err != nil {
			t.Fatal(ok, err)
		}
		if len(order) == 20 {
			break
		}
	}
	var want []string
	for _, info := range all[:20] {
		want = append(want, info.Path)
	}
	equal(t, order, want)
	cameras, err = x.Cameras(t.Context())
	if err != nil || len(cameras) != 3 {
		t.Fatal(cameras, err)
	}
}

func TestPathsThatLeadElsewhereAreRefused(t *testing.T) {
	x := open(t)
	for _, change := range []func(*segment.Info){
		func(i *segment.Info) { i.Path = "../" + i.Path },
		func(i *segment.Info) { i.Path = "" },
		func(i *segment.Info) { i.Path = "/etc/passwd" },
		func(i *segment.Info) { i.Path += ".part" },
		func(i *segment.Info) { i.Camera = "back" },
		func(i *segment.Info) { i.Camera, i.Path = "..", ".."+i.Path[len("front"):] },
	} {
		info := recorded("front", noon)
		change(&info)
		if err := x.Add(t.Context(), info); err == nil {
			t.Errorf("noted segment %q of camera %q", info.Path, info.Camera)
		}
	}
	if err := addGap(t, x, "../x", frame.Gap{}); err == nil {
		t.Error("noted a gap of ../x")
	}
	// And where somebody has written one into the file.
	add(t, x, recorded("front", noon))
	if _, err := x.write.Exec(`UPDATE segments SET path = '../../etc/passwd'`); err != nil {
		t.Fatal(err)
	}
	if _, _, err := x.Oldest(t.Context(), ""); !errors.Is(err, ErrUnusable) {
		t.Errorf("a row that leads elsewhere: %v", err)
	}
}

func TestRemoveForgetsGapsOlderThanEverything(t *testing.T) {
	x := open(t)
	a, b, c := recorded("front", noon), recorded("front", noon.Add(time.Minute)), recorded("front", noon.Add(2*time.Minute))
	add(t, x, a, b, c)
	for _, g := range []frame.Gap{
		{From: a.End, To: b.Start, Reason: frame.GapCamera},
		{From: b.End, To: c.Start, Reason: frame.GapCamera},
	} {
		if err := addGap(t, x, "front", g); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := x.Remove(t.Context(), a.Path); err != nil {
		t.Fatal(err)
	}
	equal(t, gaps(t, x, "front"), []frame.Gap{{From: b.End, To: c.Start, Reason: frame.GapCamera}})
}

func TestRebuildIsOneStep(t *testing.T) {
	x := open(t)
	old, fresh := recorded("front", noon), recorded("back", noon)
	old.Gaps = []frame.Gap{{From: noon.Add(-time.Minute), To: noon, Reason: frame.GapCamera}}
	add(t, x, old)
	broken := errors.New("the disk")
	err := x.Rebuild(t.Context(), func(tx *Tx) error {
		if err := tx.Add(t.Context(), fresh); err != nil {
			return err
		}
		// Others still see what was there before.
		equal(t, segments(t, x, "front", time.Time{}, time.Time{}), []segment.Info{without(old)})
		return broken
	})
	if !errors.Is(err, broken) {
		t.Fatal(err)
	}
	equal(t, segments(t, x, "front", time.Time{}, time.Time{}), []segment.Info{without(old)})
	equal(t, gaps(t, x, "front"), old.Gaps)
	if err := x.Rebuild(t.Context(), func(tx *Tx) error { return tx.Add(t.Context(), fresh) }); err != nil {
		t.Fatal(err)
	}
	equal(t, segments(t, x, "front", time.Time{}, time.Time{}), nil)
	equal(t, gaps(t, x, "front"), nil)
	equal(t, segments(t, x, "back", time.Time{}, time.Time{}), []segment.Info{fresh})
	// An order to stop takes a change back as a whole.
	ctx, cancel := context.WithCancel(t.Context())
	err = x.Rebuild(ctx, func(tx *Tx) error {
		cancel()
		return tx.Add(ctx, old)
	})
	if !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	equal(t, segments(t, x, "back", time.Time{}, time.Time{}), []segment.Info{fresh})
}

func TestGapsBetweenSegments(t *testing.T) {
	x := open(t)
	at := func(m int) time.Time { return noon.Add(time.Duration(m) * time.Minute) }
	a, b, c, d := recorded("front", at(0)), recorded("front", at(1)), recorded("front", at(2)), recorded("front", at(3))
	noted := frame.Gap{From: b.End, To: c.Start, Missing: 3, Reason: frame.GapRejected}
	c.Gaps = []frame.Gap{noted}
	add(t, x, a, b, c, d, recorded("back", at(0)))
	damage := frame.Gap{From: c.End, To: d.Start, Reason: frame.GapDamage}
	for _, g := range []frame.Gap{damage, {From: at(-2), To: at(-1), Reason: frame.GapCamera}} {
		if err := addGap(t, x, "front", g); err != nil {
			t.Fatal(err)
		}
	}
	var asked []string
	between := func(prev, next segment.Info) (frame.Gap, bool) {
		asked = append(asked, prev.Path+" "+next.Path)
		return frame.Gap{From: prev.End, To: next.Start, Reason: frame.GapUnknown}, true
	}
	if err := x.Update(t.Context(), func(tx *Tx) error { return tx.Between(t.Context(), "front", between) }); err != nil {
		t.Fatal(err)
	}
	equal(t, asked, []string{a.Path + " " + b.Path, c.Path + " " + d.Path})
	equal(t, gaps(t, x, "front"), []frame.Gap{{From: a.End, To: b.Start, Reason: frame.GapUnknown}, noted, damage})
}

// What is missing between segments is told as long as there is something after it, and not when nothing is left.
func TestGapsGoWithTheLastSegment(t *testing.T) {
	x := open(t)
	a, b := recorded("front", noon), recorded("front", noon.Add(time.Hour))
	other := frame.Gap{From: a.End, To: b.Start, Reason: frame.GapUnknown}
	add(t, x, a, b)
	for _, camera := range []frame.CameraID{"front", "back"} {
		if err := addGap(t, x, camera, other); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range []string{b.Path, a.Path} { // the newest first: the gap is after all that is left
		if len(gaps(t, x, "front")) != 1 {
			t.Errorf("before %s goes: %+v", path, gaps(t, x, "front"))
		}
		if _, ok, err := x.Remove(t.Context(), path); !ok || err != nil {
			t.Fatal(ok, err)
		}
	}
	if all := gaps(t, x, "front"); len(all) != 0 || len(gaps(t, x, "back")) != 1 {
		t.Errorf("of a camera without segments is told %+v, of another one %+v", all, gaps(t, x, "back"))
	}
}

func TestQueriesUseAnIndex(t *testing.T) {
	x := open(t)
	for query, want := range map[string][]string{
		querySegments:  {"segments_by_start (camera=? AND start_ns>? AND start_ns<?)", "segments_long (camera=? AND start_ns<?)"},
		queryGaps:      {"(camera=? AND start_ns>? AND start_ns<?)", "gaps_long (camera=? AND start_ns<?)"},
		queryCameras:   {"SEARCH segments"},
		queryUsage:     {"COVERING INDEX segments_by_start (camera=?)"},
		queryOldest:    {"segments_by_start (camera=?)"},
		queryOldestAll: {"SCAN segments USING INDEX segments_oldest"},
		queryNewest:    {"segments_by_start (camera=?)"},
		queryNewestAll: {"SCAN segments USING INDEX segments_oldest"},
		queryStretches: {"segments_by_start (camera=? AND start_ns>? AND start_ns<?)", "segments_long (camera=? AND start_ns<?)"},
		queryExtent:    {"COVERING INDEX segments_by_start (camera=?)"},
		queryPage:      {"segments_by_start (camera=? AND start_ns>? AND start_ns<?)", "segments_long (camera=? AND start_ns>? AND start_ns<?)"},
	} {
		rows, err := x.read.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+query, "front", 1, 2, "", "", 1)
		if err != nil {
			t.Fatal(err)
		}
		plan, err := collect(rows, func(scan func(...any) error) (line string, err error) {
			var n int
			err = scan(&n, &n, &n, &line)
			return line, err
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range want {
			if !slices.ContainsFunc(plan, func(line string) bool { return contains(line, w) }) {
				t.Errorf("%s\nnot %q but\n%q", query, w, plan)
			}
		}
		for _, line := range plan {
			if contains(line, "SCAN segments") && !contains(line, "USING INDEX segments_oldest") || contains(line, "SCAN gaps") || contains(line, "B-TREE") && !contains(line, "LAST TERM") {
				t.Errorf("%s\nlooks at all rows, or sorts them: %q", query, line)
			}
		}
	}
}

func BenchmarkIndex(b *testing.B) {
	const rows = 100_000
	x := open(b)
	ctx := context.Background()
	err := x.Rebuild(ctx, func(tx *Tx) error {
		for i := range rows {
			start := noon.Add(time.Duration(i/4) * 10 * time.Minute)
			info := recorded(frame.CameraID(fmt.Sprintf("camera%d", i%4)), start)
			info.Duration, info.End = 10*time.Minute, start.Add(10*time.Minute)
			if err := tx.Add(ctx, info); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	at := noon.Add(rows / 8 * 10 * time.Minute)
	b.Run("hour", func(b *testing.B) {
		for b.Loop() {
			got, err := x.Segments(ctx, "camera2", at, at.Add(time.Hour))
			if err != nil || len(got) != 6 {
				b.Fatal(len(got), err)
			}
		}
	})
	b.Run("usage", func(b *testing.B) {
		for b.Loop() {
			if _, err := x.Usage(ctx, "camera2"); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("oldest", func(b *testing.B) {
		for b.Loop() {
			if _, ok, err := x.Oldest(ctx, ""); err != nil || !ok {
				b.Fatal(err)
			}
		}
	})
	b.Run("cameras", func(b *testing.B) {
		for b.Loop() {
			if _, err := x.Cameras(ctx); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("add", func(b *testing.B) {
		info := recorded("camera2", at.Add(time.Second))
		for b.Loop() {
			if err := x.Add(ctx, info); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("open", func(b *testing.B) {
		for b.Loop() {
			again, err := Open(ctx, x.path)
			if err != nil {
				b.Fatal(err)
			}
			if err := again.Close(); err != nil {
				b.Fatal(err)
			}
		}
	})
}
