package bus

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"

	"github.com/lensbus/lensbus/frame"
)

func sec(s float64) time.Time { return time.Unix(1_700_000_000, int64(s*1e9)).UTC() }

func span(from, to float64) frame.Span {
	return frame.Span{From: sec(from), To: sec(to), Frames: uint64((to - from) * 10), Bytes: int64(to-from) * 1000, Width: 64, Height: 48, Kept: frame.KeptFile}
}

func hole(from, to float64, missing uint64) frame.Gap {
	return frame.Gap{From: sec(from), To: sec(to), Missing: missing, Reason: frame.GapUnstored}
}

func TestJoinRanges(t *testing.T) {
	type has struct {
		spans []frame.Span
		gaps  []frame.Gap
	}
	for name, c := range map[string]struct {
		a, b, want has
	}{
		"the same twice": {
			has{[]frame.Span{span(0, 100), span(200, 300)}, []frame.Gap{hole(100, 200, 9)}},
			has{[]frame.Span{span(0, 100.3), span(200, 300)}, []frame.Gap{hole(100, 200, 9)}},
			has{[]frame.Span{span(0, 100), span(200, 300)}, []frame.Gap{hole(100, 200, 9)}},
		},
		"one began later": {
			has{[]frame.Span{span(50, 100)}, nil},
			has{[]frame.Span{span(0, 100)}, nil},
			has{[]frame.Span{span(0, 50), span(50, 100)}, nil},
		},
		"what one missed": {
			has{[]frame.Span{span(0, 100), span(150, 300)}, []frame.Gap{hole(100, 150, 7)}},
			has{[]frame.Span{span(0, 300)}, nil},
			has{[]frame.Span{span(0, 100), span(100, 150), span(150, 300)}, nil},
		},
		"a gap within a span that the other has": {
			has{[]frame.Span{span(0, 300)}, []frame.Gap{hole(100, 150, 7)}},
			has{[]frame.Span{span(90, 300)}, nil},
			has{[]frame.Span{span(0, 300), span(100, 150)}, nil},
		},
		"a gap that both have within their spans": {
			has{[]frame.Span{span(0, 300)}, []frame.Gap{hole(100, 150, 7)}},
			has{[]frame.Span{span(0, 300)}, []frame.Gap{hole(100, 150, 7)}},
			has{[]frame.Span{span(0, 300)}, []frame.Gap{hole(100, 150, 7)}},
		},
		"half of a gap": {
			has{[]frame.Span{span(0, 100), span(200, 300)}, []frame.Gap{hole(100, 200, 7)}},
			has{[]frame.Span{span(0, 150)}, nil},
			has{[]frame.Span{span(0, 100), span(100, 150), span(200, 300)}, []frame.Gap{hole(150, 200, 0)}},
		},
		"nothing shared": {
			has{[]frame.Span{span(0, 0.5)}, nil},
			has{[]frame.Span{span(10, 10), span(20, 20.4)}, nil},
			has{[]frame.Span{span(0, 0.5), span(10, 10), span(20, 20.4)}, nil},
		},
		"nonsense": { // from outside: it must only end
			has{[]frame.Span{span(100, 50), span(0, 10)}, []frame.Gap{hole(9, 3, 1)}},
			has{[]frame.Span{span(5, 2)}, nil},
			has{[]frame.Span{span(0, 10), span(100, 50)}, []frame.Gap{hole(9, 3, 1)}},
		},
	} {
		answer := func(name string, h has) frame.Ranges {
			return frame.Ranges{Camera: "front", Instance: name, First: h.spans[0].From, Last: h.spans[len(h.spans)-1].To, Spans: h.spans, Gaps: h.gaps}
		}
		got := joinRanges([]frame.Ranges{answer("a", c.a), answer("b", c.b)})
		if c.want.gaps == nil {
			c.want.gaps = []frame.Gap{}
		}
		if diff := cmp.Diff(c.want.spans, got.Spans) + cmp.Diff(c.want.gaps, got.Gaps); diff != "" || got.Instance != "" || got.Truncated {
			t.Errorf("%s: - wanted, + joined\n%s", name, diff)
		}
	}
}

// Before the moment up to which one of them has left out the oldest, nothing is said to be missing, or there.
func TestJoinTruncatedRanges(t *testing.T) {
	long := frame.Ranges{Instance: "a", Truncated: true, First: sec(0), Last: sec(20_000)}
	for n := range frame.MaxRanges {
		at := float64(10_000 + 10*n)
		long.Spans = append(long.Spans, span(at, at+8))
		long.Gaps = append(long.Gaps, hole(at+8, at+10, 1))
	}
	short := frame.Ranges{Instance: "b", First: sec(5000), Last: sec(12_000), Spans: []frame.Span{span(5000, 6000), span(11_000, 11_020)}}
	got := joinRanges([]frame.Ranges{long, short})
	if !got.Truncated || !got.First.Equal(sec(0)) || !got.Last.Equal(sec(20_000)) || len(got.Spans) > frame.MaxRanges || got.Spans[0].From.Before(sec(10_000)) {
		t.Errorf("%d spans from %v, %v to %v, truncated %v", len(got.Spans), got.Spans[0].From, got.First, got.Last, got.Truncated)
	}
	if len(got.Gaps) != frame.MaxRanges-2 {
		t.Errorf("%d gaps, want all but the two that the other has", len(got.Gaps))
	}
}

func TestWhoIsAskedForARecording(t *testing.T) {
	a := frame.Ranges{Instance: "a", First: sec(500), Spans: []frame.Span{span(500, 1000)}}
	b := frame.Ranges{Instance: "b", First: sec(0), Spans: []frame.Span{span(0, 600), span(800, 1000)}, Gaps: []frame.Gap{hole(600, 800, 5)}}
	for from, want := range map[float64]string{0: "b", 100: "b", 498: "b", 550: "a", 700: "a", 900: "a"} {
		if got := earliest([]frame.Ranges{b, a}, sec(from)); got != want {
			t.Errorf("from %g: %s, want %s", from, got, want)
		}
	}
	if got := earliest([]frame.Ranges{a, b}, time.Time{}); got != "b" {
		t.Errorf("from the beginning: %s", got)
	}
	if got := earliest([]frame.Ranges{{Instance: "a"}, b}, sec(10)); got != "b" {
		t.Errorf("one has nothing: %s", got)
	}
	for to, want := range map[float64]string{400: "b", 1000: "b", 900: "b"} {
		if got := fullest([]frame.Ranges{a, b}, sec(0), sec(to)); got != want {
			t.Errorf("all to %g: %s, want %s", to, got, want)
		}
	}
	if got := fullest([]frame.Ranges{b, a}, sec(590), sec(810)); got != "a" {
		t.Errorf("what one has missed: %s", got)
	}
}

// A recorder that tells more than an answer holds, or of another camera, is not taken at its word.
func TestAnswerThatIsTooLong(t *testing.T) {
	for spans, right := range map[int]bool{frame.MaxRanges: true, frame.MaxRanges + 1: false} {
		data, err := json.Marshal(frame.Ranges{Camera: "back", Spans: make([]frame.Span, spans)})
		if err != nil {
			t.Fatal(err)
		}
		ranges, err := rangesOf("front", &nats.Msg{Data: data})
		if (err == nil) != right || right && (len(ranges.Spans) != spans || ranges.Camera != "front") {
			t.Errorf("%d spans are %d of %q, %v", spans, len(ranges.Spans), ranges.Camera, err)
		}
	}
}
