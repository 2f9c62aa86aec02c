package recorder

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/recorder/index"
	"github.com/lensbus/lensbus/recorder/segment"
)

// What is recorded is looked at in pieces, however much there is, and is the same as all at once: what is not in the
// index yet too.
func TestFilesAfter(t *testing.T) {
	a, x := shelvedArchive(t)
	asked := 0
	a.page = func(ctx context.Context, from, to time.Time, after segment.Info, most int) ([]segment.Info, error) {
		asked++
		return x.Page(ctx, a.id, from, to, after, most)
	}
	const rows = 2*pageFiles + 10
	at := func(n int) time.Time { return testNoon().Add(time.Duration(n) * 10 * time.Minute) }
	listed := func(n int) bool { return n != 5 && n != pageFiles+1 && n != rows-1 }
	err := x.Update(t.Context(), func(tx *index.Tx) error {
		for n := range rows {
			if listed(n) {
				if err := tx.Add(t.Context(), tenMinutes(at(n))); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	a.unlisted = func() []segment.Info {
		// The last one was put into the index just now.
		return []segment.Info{tenMinutes(at(rows - 1)), tenMinutes(at(5)), tenMinutes(at(pageFiles + 1)), tenMinutes(at(pageFiles + 2))}
	}
	now := tenMinutes(at(rows))
	now.Path += ".part"
	a.writing = func() (segment.Info, bool) { return now, true }
	for name, c := range map[string]struct {
		from, to time.Time
		pages    int
	}{
		"all":            {pages: 3},
		"without an end": {from: at(pageFiles), pages: 2},
		"a stretch":      {from: at(3), to: at(7), pages: 1},
		"to now":         {from: at(rows - 2), pages: 1},
		"later":          {from: at(rows + 5), pages: 1},
	} {
		want, err := a.files(t.Context(), c.from, c.to)
		if err != nil {
			t.Fatal(err)
		}
		asked = 0
		var got []segment.Info
		var last segment.Info
		for more := true; more; {
			var infos []segment.Info
			if infos, last, more, err = a.filesAfter(t.Context(), c.from, c.to, last); err != nil {
				t.Fatal(err)
			}
			if len(infos) > pageFiles+5 {
				t.Errorf("%s: %d at a time", name, len(infos))
			}
			got = append(got, infos...)
		}
		if diff := cmp.Diff(want, got); diff != "" || asked != c.pages {
			t.Errorf("%s: asked %d times; - want, + got\n%s", name, asked, diff)
		}
	}
}

// A replay goes from one piece of the index to the next, and is told beforehand how much there is of all.
func TestReplayOfManySegments(t *testing.T) {
	g := newFootage(t, 0)
	const segments = pageFiles + 20
	g.publish(segments, plainScene(), time.Time{})
	for n := 1; n <= segments; n++ {
		g.record(n, n)
	}
	g.drop(segments + 1)
	replay := g.replay(bus.ReplayOptions{From: g.frames[0].Captured})
	if replay.Bytes() < int64(segments*len(g.frames[0].Data)) {
		t.Errorf("%d bytes are to come of %d frames of %d", replay.Bytes(), segments, len(g.frames[0].Data))
	}
	g.expect(replay, 1, segments)
	g.expectEnd(replay)
}
