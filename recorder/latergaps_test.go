package recorder

import (
	"bytes"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/recorder/segment"
)

func TestLaterGap(t *testing.T) {
	noon := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	at := func(s int) time.Time { return noon.Add(time.Duration(s) * time.Second) }
	prev := edge{epoch: "A", seq: 100, stored: 1000, captured: noon}
	holds := holding([]segment.Info{
		{Epoch: "A", FirstSeq: 1, LastSeq: 100, Frames: 100}, {Epoch: "A", FirstSeq: 131, LastSeq: 140, Frames: 10},
		{Epoch: "A", FirstSeq: 103, LastSeq: 104, Frames: 2}, {Epoch: "A", Frames: 0, FirstSeq: 105, LastSeq: 110},
		{Epoch: "B", FirstSeq: 3, LastSeq: 9, Frames: 7},
	})
	for name, c := range map[string]struct {
		next    edge
		reason  frame.GapReason // "": no gap
		missing uint64
	}{
		"the next":                       {edge{epoch: "A", seq: 101, stored: 1001, captured: at(1)}, "", 0},
		"the next, an hour later":        {edge{epoch: "A", seq: 101, stored: 1001, captured: at(3600)}, "", 0},
		"one from before":                {edge{epoch: "A", seq: 50, stored: 950, captured: at(1)}, "", 0},
		"the stream had them":            {edge{epoch: "A", seq: 111, stored: 1011, captured: at(1)}, frame.GapUnknown, 8},
		"the stream had some":            {edge{epoch: "A", seq: 111, stored: 1003, captured: at(1)}, frame.GapUnknown, 8},
		"the stream never had them":      {edge{epoch: "A", seq: 111, stored: 1001, captured: at(1)}, frame.GapUnstored, 8},
		"the stream is another":          {edge{epoch: "A", seq: 111, stored: 7, captured: at(1)}, frame.GapUnknown, 8},
		"all are elsewhere":              {edge{epoch: "A", seq: 105, stored: 1005, captured: at(1)}, frame.GapUnknown, 2},
		"all but those are elsewhere":    {edge{epoch: "A", seq: 141, stored: 1041, captured: at(1)}, frame.GapUnknown, 28},
		"begun anew":                     {edge{epoch: "C", seq: 1, stored: 1001, captured: at(9)}, frame.GapCamera, 0},
		"begun anew, and files are gone": {edge{epoch: "C", seq: 1, stored: 1301, captured: at(9)}, frame.GapUnknown, 300},
		"its first file is gone":         {edge{epoch: "C", seq: 31, stored: 1031, captured: at(9)}, frame.GapUnknown, 30},
		"its first file is elsewhere":    {edge{epoch: "B", seq: 10, stored: 1031, captured: at(9)}, "", 0},
	} {
		gap, ok := laterGap(prev, c.next, holds)
		if ok != (c.reason != "") || ok && (gap.Reason != c.reason || gap.Missing != c.missing || !gap.From.Equal(noon) || !gap.To.Equal(c.next.captured)) {
			t.Errorf("%s: %v, %+v", name, ok, gap)
		}
	}
	if n := holds.absent("A", 95, 145); n != 51-6-2-10 {
		t.Errorf("%d are absent", n)
	}
}

// told are the gaps that an export tells: from the recorder, and from its folder, with what that logs.
func (g *footage) told(o bus.ExportOptions, frames uint64) (recorder, folder []frame.Gap, log string) {
	g.t.Helper()
	_, result, err := g.export(o)
	if err != nil || result.Frames != frames {
		g.t.Fatalf("%d frames, not %d, %v", result.Frames, frames, err)
	}
	var said bytes.Buffer
	offline, err := ExportFolder(g.t.Context(), g.dir, "front", o, nil, io.Discard, nil, slog.New(slog.NewTextHandler(&said, nil)))
	if err != nil || offline.Frames != frames {
		g.t.Fatalf("from the folder: %d frames, not %d, %v", offline.Frames, frames, err)
	}
	return result.Gaps, offline.Gaps, said.String()
}

// indexed are the gaps of an index that is made anew.
func (g *footage) indexed() []frame.Gap {
	g.t.Helper()
	folder, err := OpenFolder(g.dir)
	if err != nil {
		g.t.Fatal(err)
	}
	defer func() { _ = folder.Close() }()
	if _, err := Reconcile(soon(g.t), folder, g.index, nil); err != nil {
		g.t.Fatal(err)
	}
	gaps, err := g.index.Gaps(soon(g.t), "front", time.Time{}, time.Time{})
	if err != nil {
		g.t.Fatal(err)
	}
	return gaps
}

func (g *footage) expectGaps(where string, got []frame.Gap, want ...frame.Gap) {
	g.t.Helper()
	if len(got) != len(want) {
		g.t.Errorf("%s: %+v, not %+v", where, got, want)
		return
	}
	for i, w := range want {
		if got[i].Reason != w.Reason || got[i].Missing != w.Missing || !got[i].From.Equal(w.From) || !got[i].To.Equal(w.To) {
			g.t.Errorf("%s: %+v, not %+v", where, got[i], w)
		}
	}
}

// A publisher's clock is put an hour ahead, and back: what is recorded an hour later in the order of time is not missing.
func TestFramesOfAClockThatWasSetAreNotMissing(t *testing.T) {
	g := newFootage(t, 0)
	g.publish(40, plainScene(), time.Time{})
	g.publish(30, plainScene(), began().Add(time.Hour))
	g.publish(40, plainScene(), began().Add(7*time.Second))
	g.record(1, 40)
	g.record(41, 70)
	g.record(71, 110)
	g.drop(111)
	for _, o := range []struct {
		bus.ExportOptions
		frames uint64
	}{{frames: 110}, {bus.ExportOptions{From: began(), To: began().Add(time.Minute)}, 80}} {
		recorder, folder, _ := g.told(o.ExportOptions, o.frames)
		g.expectGaps("exported by the recorder", recorder)
		g.expectGaps("exported from its folder", folder)
	}
	g.expectGaps("reindexed", g.indexed())
}

// Somebody takes a file away.
func TestAFileThatIsGoneIsNoOverrun(t *testing.T) {
	g := newFootage(t, 0)
	g.publish(90, plainScene(), time.Time{})
	g.record(1, 30)
	gone := g.record(31, 60)
	g.record(61, 90)
	g.drop(91)
	if err := os.Remove(filepath.Join(g.dir, filepath.FromSlash(gone.Path))); err != nil {
		t.Fatal(err)
	}
	want := frame.Gap{From: g.frames[29].Captured, To: g.frames[60].Captured, Missing: 30, Reason: frame.GapUnknown}
	g.expectGaps("reindexed", g.indexed(), want)
	recorder, folder, _ := g.told(bus.ExportOptions{}, 60)
	g.expectGaps("exported by the recorder", recorder, want)
	g.expectGaps("exported from its folder", folder, want)
}

// Nothing can be read from a file: in the middle, at the beginning and at the end of what is exported.
func TestAFileThatCannotBeReadIsDamageWhereverItIs(t *testing.T) {
	g := newFootage(t, 0)
	g.publish(120, plainScene(), time.Time{})
	var infos []segment.Info
	for first := 1; first <= 120; first += 30 {
		infos = append(infos, g.record(first, first+29))
	}
	g.drop(121)
	spoil := func(i int) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(g.dir, filepath.FromSlash(infos[i].Path)), []byte("garbage"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	spoil(1)
	// While the recorder runs, its index has the row.
	recorder, folder, log := g.told(bus.ExportOptions{}, 90)
	if len(recorder) != 1 || recorder[0].Reason != frame.GapDamage || recorder[0].Missing != 30 {
		t.Errorf("%+v", recorder)
	}
	want := frame.Gap{From: g.frames[29].Captured, To: g.frames[60].Captured, Missing: 30, Reason: frame.GapDamage}
	g.expectGaps("exported from its folder", folder, want)
	if n := strings.Count(log, " segment="+infos[1].Path); n != 1 {
		t.Errorf("it is named %d times:\n%s", n, log)
	}
	g.expectGaps("reindexed", g.indexed(), want)
	recorder, _, _ = g.told(bus.ExportOptions{}, 90)
	g.expectGaps("exported by the recorder", recorder, want)
	// What was asked for begins, or ends, with it.
	at := func(n int) time.Time { return g.frames[n-1].Captured }
	for where, o := range map[string]bus.ExportOptions{"beginning": {From: at(41), To: at(81)}, "end": {From: at(11), To: at(51)}} {
		recorder, folder, _ := g.told(o, 20)
		g.expectGaps("the "+where+", by the recorder", recorder, want)
		g.expectGaps("the "+where+", from its folder", folder, want)
	}
	// There is nothing before it, or after it.
	spoil(0)
	spoil(3)
	_, folder, log = g.told(bus.ExportOptions{}, 30)
	g.expectGaps("between two", folder,
		frame.Gap{From: at(1), To: at(61), Reason: frame.GapDamage}, frame.Gap{From: at(90), To: at(91), Reason: frame.GapDamage})
	if n := strings.Count(log, "cannot be read"); n != 3 {
		t.Errorf("%d lines:\n%s", n, log)
	}
}
