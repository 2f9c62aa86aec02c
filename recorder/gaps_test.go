package recorder

import (
	"math"
	"testing"
	"time"

	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/recorder/segment"
)

func TestGapBetween(t *testing.T) {
	noon := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	at := func(ms int) time.Time { return noon.Add(time.Duration(ms) * time.Millisecond) }
	const usual = 100 * time.Millisecond
	prev := edge{"A", 100, 1000, noon}
	for name, c := range map[string]struct {
		next     edge
		interval time.Duration
		reason   frame.GapReason // "": no gap
		missing  uint64
	}{
		"the next frame":                           {edge{"A", 101, 1001, at(100)}, usual, "", 0},
		"late, but not by so much":                 {edge{"A", 101, 1001, at(2000)}, usual, "", 0},
		"the camera was silent":                    {edge{"A", 101, 1001, at(2001)}, usual, frame.GapCamera, 0},
		"a slow camera is not silent":              {edge{"A", 101, 1001, at(30_000)}, 10 * time.Second, "", 0},
		"a slow camera is silent":                  {edge{"A", 101, 1001, at(30_001)}, 10 * time.Second, frame.GapCamera, 0},
		"what is usual is not known":               {edge{"A", 101, 1001, at(2001)}, 0, frame.GapCamera, 0},
		"no interval is longer than an hour":       {edge{"A", 101, 1001, at(3*3600_000 + 1)}, math.MaxInt64, frame.GapCamera, 0},
		"published, not stored":                    {edge{"A", 111, 1001, at(1100)}, usual, frame.GapUnstored, 10},
		"dropped by the stream":                    {edge{"A", 111, 1011, at(1100)}, usual, frame.GapOverrun, 10},
		"some dropped, some not stored":            {edge{"A", 111, 1005, at(1100)}, usual, frame.GapOverrun, 10},
		"the stream was made anew":                 {edge{"A", 111, 5, at(1100)}, usual, frame.GapUnknown, 10},
		"the stream was made anew between two":     {edge{"A", 101, 1, at(100)}, usual, "", 0},
		"stored numbers are not known":             {edge{"A", 111, 0, at(1100)}, usual, frame.GapUnknown, 10},
		"the stream had what is no frame":          {edge{"A", 101, 1009, at(100)}, usual, "", 0},
		"the publisher was started anew":           {edge{"B", 1, 1001, at(20_000)}, usual, frame.GapCamera, 0},
		"started anew at once":                     {edge{"B", 1, 1001, at(1)}, usual, frame.GapCamera, 0},
		"started anew, first frames not stored":    {edge{"B", 5, 1001, at(20_000)}, usual, frame.GapCamera, 0},
		"started anew, ran without being stored":   {edge{"B", 190, 1001, at(20_000)}, usual, frame.GapUnstored, 189},
		"started anew while the recorder was away": {edge{"B", 500, 3001, at(20_000)}, usual, frame.GapOverrun, 2000},
		"started anew, with a new stream":          {edge{"B", 500, 400, at(20_000)}, usual, frame.GapCamera, 0},
		"started anew with a number that is none":  {edge{"B", 0, 1001, at(20_000)}, usual, frame.GapCamera, 0},
		"the same frame again":                     {edge{"A", 100, 1001, at(0)}, usual, "", 0},
		"a number that was before":                 {edge{"A", 3, 1001, at(100)}, usual, "", 0},
		"the largest number":                       {edge{"A", math.MaxUint64, 1001, at(100)}, usual, frame.GapUnstored, math.MaxUint64 - 101},
		"the clock was put back":                   {edge{"A", 101, 1001, at(-3600_000)}, usual, "", 0},
		"put back, and frames are missing":         {edge{"A", 103, 1001, at(-3600_000)}, usual, frame.GapUnstored, 2},
		"the clock was put ahead":                  {edge{"A", 101, 1001, at(3600_000)}, usual, frame.GapCamera, 0},
	} {
		t.Run(name, func(t *testing.T) {
			got, ok := gapBetween(prev, c.next, c.interval)
			if ok != (c.reason != "") || got.Reason != c.reason || got.Missing != c.missing {
				t.Fatalf("%v, %+v; not %q, %d missing", ok, got, c.reason, c.missing)
			}
			if !ok {
				return
			}
			if got.To != c.next.captured || got.From.After(got.To) || (got.From != prev.captured && got.From != got.To) {
				t.Errorf("from %v to %v", got.From, got.To)
			}
		})
	}
	// The largest number is followed by none.
	if gap, ok := gapBetween(edge{"A", math.MaxUint64, 1, noon}, edge{"A", 1, 2, at(100)}, usual); ok {
		t.Errorf("%+v", gap)
	}
}

func TestEdgesOfASegment(t *testing.T) {
	noon := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	i := segment.Info{Epoch: "A", FirstSeq: 5, LastSeq: 104, FirstStored: 15, LastStored: 114, Start: noon, End: noon.Add(9900 * time.Millisecond), Frames: 100}
	if got := firstEdge(i); got != (edge{"A", 5, 15, noon}) {
		t.Error(got)
	}
	if got := lastEdge(i); got != (edge{"A", 104, 114, i.End}) {
		t.Error(got)
	}
	if got := usualInterval(i); got != 100*time.Millisecond {
		t.Error(got)
	}
	i.Frames = 1
	if got := usualInterval(i); got != 0 {
		t.Error("of one frame:", got)
	}
	i.Frames, i.End = 2, noon.Add(100*365*24*time.Hour)
	if got := usualInterval(i); got != time.Hour {
		t.Error("of two frames in a century:", got)
	}
}
