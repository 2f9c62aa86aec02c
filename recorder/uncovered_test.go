package recorder

import (
	"slices"
	"testing"
	"time"

	"github.com/lensbus/lensbus/frame"
)

func TestGapsDoNotCoverWhatIsRecorded(t *testing.T) {
	noon := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	at := func(s int) time.Time { return noon.Add(time.Duration(s) * time.Second) }
	gap := func(from, to int, missing uint64, reason frame.GapReason) frame.Gap {
		return frame.Gap{From: at(from), To: at(to), Missing: missing, Reason: reason}
	}
	span := func(from, to int) frame.Span { return frame.Span{From: at(from), To: at(to)} }
	const camera, unknown, damage = frame.GapCamera, frame.GapUnknown, frame.GapDamage
	for name, c := range map[string]struct {
		gaps  []frame.Gap
		spans []frame.Span
		want  []frame.Gap
	}{
		"nothing is recorded in it":    {[]frame.Gap{gap(10, 100, 3, unknown)}, []frame.Span{span(0, 11), span(100, 200)}, []frame.Gap{gap(10, 100, 3, unknown)}},
		"short ones are in a file":     {[]frame.Gap{gap(10, 20, 3, unknown)}, []frame.Span{span(0, 100)}, []frame.Gap{gap(10, 20, 3, unknown)}},
		"damage is in its file":        {[]frame.Gap{gap(10, 90, 3, damage)}, []frame.Span{span(0, 100)}, []frame.Gap{gap(10, 90, 3, damage)}},
		"all is recorded":              {[]frame.Gap{gap(10, 90, 0, camera)}, []frame.Span{span(0, 100)}, nil},
		"all is, and some are missing": {[]frame.Gap{gap(10, 90, 3, unknown)}, []frame.Span{span(0, 100)}, []frame.Gap{gap(90, 90, 3, unknown)}},
		"the middle is recorded":       {[]frame.Gap{gap(10, 100, 3, camera)}, []frame.Span{span(0, 10), span(30, 50), span(40, 45), span(60, 70), span(100, 200)}, []frame.Gap{gap(10, 30, 0, camera), gap(50, 60, 0, camera), gap(70, 100, 3, camera)}},
		"the beginning is, joined":     {[]frame.Gap{gap(10, 100, 0, camera)}, []frame.Span{span(0, 40), span(100, 200)}, []frame.Gap{gap(40, 100, 0, camera)}},
		"the end is":                   {[]frame.Gap{gap(10, 100, 0, camera), gap(50, 55, 1, unknown)}, []frame.Span{span(0, 10), span(40, 120)}, []frame.Gap{gap(10, 40, 0, camera), gap(50, 55, 1, unknown)}},
	} {
		if got := uncovered(c.gaps, c.spans); !slices.Equal(got, c.want) {
			t.Errorf("%s: %+v, not %+v", name, got, c.want)
		}
	}
}
