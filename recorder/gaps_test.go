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
	prev := edge{epoch: "A", seq: 100, stored: 1000, captured: noon}
	for name, c := range map[string]struct {
		next     edge
		interval time.Duration
		reason   frame.GapReason // "": no gap
		missing  uint64
	}{
		"the next frame":                             {edge{epoch: "A", seq: 101, stored: 1001, captured: at(100)}, usual, "", 0},
		"late, but not by so much":                   {edge{epoch: "A", seq: 101, stored: 1001, captured: at(2000)}, usual, "", 0},
		"the camera was silent":                      {edge{epoch: "A", seq: 101, stored: 1001, captured: at(2001)}, usual, frame.GapCamera, 0},
		"a slow camera is not silent":                {edge{epoch: "A", seq: 101, stored: 1001, captured: at(30_000)}, 10 * time.Second, "", 0},
		"a slow camera is silent":                    {edge{epoch: "A", seq: 101, stored: 1001, captured: at(30_001)}, 10 * time.Second, frame.GapCamera, 0},
		"what is usual is not known":                 {edge{epoch: "A", seq: 101, stored: 1001, captured: at(2001)}, 0, frame.GapCamera, 0},
		"no interval is longer than an hour":         {edge{epoch: "A", seq: 101, stored: 1001, captured: at(3*3600_000 + 1)}, math.MaxInt64, frame.GapCamera, 0},
		"published, not stored":                      {edge{epoch: "A", seq: 111, stored: 1001, captured: at(1100)}, usual, frame.GapUnstored, 10},
		"dropped by the stream":                      {edge{epoch: "A", seq: 111, stored: 1011, captured: at(1100)}, usual, frame.GapOverrun, 10},
		"some dropped, some not stored":              {edge{epoch: "A", seq: 111, stored: 1005, captured: at(1100)}, usual, frame.GapOverrun, 10},
		"the stream was made anew":                   {edge{epoch: "A", seq: 111, stored: 5, captured: at(1100)}, usual, frame.GapUnknown, 10},
		"the stream was made anew between two":       {edge{epoch: "A", seq: 101, stored: 1, captured: at(100)}, usual, "", 0},
		"stored numbers are not known":               {edge{epoch: "A", seq: 111, stored: 0, captured: at(1100)}, usual, frame.GapUnknown, 10},
		"the stream had what is no frame":            {edge{epoch: "A", seq: 101, stored: 1009, captured: at(100)}, usual, "", 0},
		"the publisher was started anew":             {edge{epoch: "B", seq: 1, stored: 1001, captured: at(20_000)}, usual, frame.GapCamera, 0},
		"started anew at once":                       {edge{epoch: "B", seq: 1, stored: 1001, captured: at(1)}, usual, frame.GapCamera, 0},
		"started anew, first frames not stored":      {edge{epoch: "B", seq: 5, stored: 1001, captured: at(20_000)}, usual, frame.GapCamera, 0},
		"started anew, ran without being stored":     {edge{epoch: "B", seq: 190, stored: 1001, captured: at(20_000)}, usual, frame.GapUnstored, 189},
		"started anew while the recorder was away":   {edge{epoch: "B", seq: 500, stored: 3001, captured: at(20_000)}, usual, frame.GapOverrun, 2000},
		"started anew, with a new stream":            {edge{epoch: "B", seq: 500, stored: 400, captured: at(20_000)}, usual, frame.GapCamera, 0},
		"started anew with a number that is none":    {edge{epoch: "B", seq: 0, stored: 1001, captured: at(20_000)}, usual, frame.GapCamera, 0},
		"the same frame again":                       {edge{epoch: "A", seq: 100, stored: 1001, captured: at(0)}, usual, "", 0},
		"a number that was before":                   {edge{epoch: "A", seq: 3, stored: 1001, captured: at(100)}, usual, "", 0},
		"the largest number":                         {edge{epoch: "A", seq: math.MaxUint64, stored: 1001, captured: at(100)}, usual, frame.GapUnstored, math.MaxUint64 - 101},
		"some could not be sent":                     {edge{epoch: "A", seq: 101, stored: 1001, captured: at(900), unsent: 8}, usual, frame.GapUnstored, 8},
		"one could not be sent":                      {edge{epoch: "A", seq: 101, stored: 1001, captured: at(200), unsent: 1}, usual, frame.GapUnstored, 1},
		"for long none could be sent":                {edge{epoch: "A", seq: 101, stored: 1001, captured: at(9000), unsent: 88}, usual, frame.GapUnstored, 88},
		"not sent, and what is usual is not known":   {edge{epoch: "A", seq: 101, stored: 1001, captured: at(9000), unsent: 2}, 0, frame.GapUnstored, 2},
		"silent, and its first was no picture":       {edge{epoch: "A", seq: 101, stored: 1001, captured: at(60_000), unsent: 1}, usual, frame.GapCamera, 1},
		"not sent, and others not stored":            {edge{epoch: "A", seq: 111, stored: 1001, captured: at(1900), unsent: 8}, usual, frame.GapUnstored, 18},
		"not sent, and some dropped":                 {edge{epoch: "A", seq: 111, stored: 1011, captured: at(1900), unsent: 8}, usual, frame.GapOverrun, 18},
		"not sent, and few dropped":                  {edge{epoch: "A", seq: 103, stored: 1003, captured: at(1900), unsent: 8}, usual, frame.GapUnstored, 10},
		"not sent, and more than can be counted":     {edge{epoch: "A", seq: math.MaxInt64, stored: 1001, captured: at(1900), unsent: frame.MaxUnsent}, usual, frame.GapUnstored, math.MaxInt64},
		"not sent, before a number that was":         {edge{epoch: "A", seq: 3, stored: 1001, captured: at(900), unsent: 8}, usual, "", 0},
		"started anew, and could not send":           {edge{epoch: "B", seq: 1, stored: 1001, captured: at(20_000), unsent: 150}, usual, frame.GapUnstored, 150},
		"started anew, and could not send the first": {edge{epoch: "B", seq: 1, stored: 1001, captured: at(20_000), unsent: 5}, usual, frame.GapCamera, 0},
		"the clock was put back":                     {edge{epoch: "A", seq: 101, stored: 1001, captured: at(-3600_000)}, usual, "", 0},
		"put back, and frames are missing":           {edge{epoch: "A", seq: 103, stored: 1001, captured: at(-3600_000)}, usual, frame.GapUnstored, 2},
		"the clock was put ahead":                    {edge{epoch: "A", seq: 101, stored: 1001, captured: at(3600_000)}, usual, frame.GapCamera, 0},
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
	if gap, ok := gapBetween(edge{epoch: "A", seq: math.MaxUint64, stored: 1, captured: noon}, edge{epoch: "A", seq: 1, stored: 2, captured: at(100)}, usual); ok {
		t.Errorf("%+v", gap)
	}
}

func TestEdgesOfASegment(t *testing.T) {
	noon := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	i := segment.Info{Epoch: "A", FirstSeq: 5, LastSeq: 104, FirstStored: 15, LastStored: 114, Start: noon, End: noon.Add(9900 * time.Millisecond), Frames: 100}
	if got := firstEdge(i); got != (edge{epoch: "A", seq: 5, stored: 15, captured: noon}) {
		t.Error(got)
	}
	if got := lastEdge(i); got != (edge{epoch: "A", seq: 104, stored: 114, captured: i.End}) {
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

// A clock that is put ahead makes no gap, and none that is longer than it took.
func TestGapOfAClockThatIsSet(t *testing.T) {
	noon := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	at := func(ms int) time.Time { return noon.Add(time.Duration(ms) * time.Millisecond) }
	const usual, hour = 100 * time.Millisecond, 3600_000
	prev := edge{epoch: "A", seq: 100, stored: 1000, captured: noon, at: at(5)}
	for name, c := range map[string]struct {
		next    edge
		reason  frame.GapReason // "": no gap
		missing uint64
		long    time.Duration
	}{
		"ahead":                             {edge{epoch: "A", seq: 101, captured: at(hour), at: at(105)}, "", 0, 0},
		"ahead by some seconds":             {edge{epoch: "A", seq: 101, captured: at(4000), at: at(105)}, "", 0, 0},
		"ahead, and the broker's put back":  {edge{epoch: "A", seq: 101, captured: at(hour), at: at(-hour)}, "", 0, 0},
		"ahead while it was silent":         {edge{epoch: "A", seq: 101, captured: at(hour), at: at(10_005)}, frame.GapCamera, 0, 10 * time.Second},
		"ahead, and frames are missing":     {edge{epoch: "A", seq: 103, captured: at(hour), at: at(305)}, frame.GapUnknown, 2, 300 * time.Millisecond},
		"ahead, and some were not sent":     {edge{epoch: "A", seq: 101, captured: at(hour), at: at(305), unsent: 2}, frame.GapUnstored, 2, 300 * time.Millisecond},
		"ahead with a new epoch":            {edge{epoch: "B", seq: 1, captured: at(hour), at: at(20_005)}, frame.GapCamera, 0, 20 * time.Second},
		"back":                              {edge{epoch: "A", seq: 101, captured: at(-hour), at: at(105)}, "", 0, 0},
		"back, and frames are missing":      {edge{epoch: "A", seq: 103, captured: at(-hour), at: at(305)}, frame.GapUnknown, 2, 0},
		"silent for an hour":                {edge{epoch: "A", seq: 101, captured: at(hour), at: at(hour + 5)}, frame.GapCamera, 0, time.Hour},
		"silent, and the last one was late": {edge{epoch: "A", seq: 101, captured: at(5000), at: at(2005)}, frame.GapCamera, 0, 5 * time.Second},
		// It was on the line while the broker stood still, for longer than what is missing after that took.
		"missing, and the last one was late": {edge{epoch: "A", seq: 138, captured: at(4400), at: at(925)}, frame.GapUnknown, 37, 4400 * time.Millisecond},
		"a new epoch, the last one was late": {edge{epoch: "B", seq: 1, captured: at(4400), at: at(925)}, frame.GapCamera, 0, 4400 * time.Millisecond},
	} {
		got, ok := gapBetween(prev, c.next, usual)
		if ok != (c.reason != "") || got.Reason != c.reason || got.Missing != c.missing || ok && (got.To.Sub(got.From) != c.long || !got.To.Equal(c.next.captured)) {
			t.Errorf("%s: %v, %+v", name, ok, got)
		}
	}
}
