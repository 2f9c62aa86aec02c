package index

import (
	"testing"
	"time"

	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/recorder/segment"
)

func TestStretchesAreTheSegments(t *testing.T) {
	x := open(t)
	gap := frame.Gap{From: noon.Add(-time.Second), To: noon, Missing: 3, Reason: frame.GapUnstored}
	a, b, c := recorded("front", noon, gap), recorded("front", noon.Add(time.Minute)), recorded("front", noon.Add(3*time.Hour))
	long := recorded("front", noon.Add(4*time.Hour))
	long.Duration, long.End = 3*time.Hour, long.Start.Add(3*time.Hour)
	add(t, x, c, long, a, b, recorded("back", noon))
	ask := func(from, to time.Time, without ...string) (all []Stretch) {
		t.Helper()
		for s, err := range x.Stretches(t.Context(), "front", from, to, without) {
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, s)
		}
		return all
	}
	of := func(infos ...segment.Info) (all []Stretch) {
		for _, i := range infos {
			all = append(all, Stretch{i.Start, i.Start.Add(i.Duration), i.Frames, i.Bytes, i.Width, i.Height})
		}
		return all
	}
	equal(t, ask(time.Time{}, time.Time{}), of(a, b, c, long))
	equal(t, ask(noon.Add(time.Minute), noon.Add(3*time.Hour)), of(b))
	equal(t, ask(noon.Add(6*time.Hour), time.Time{}), of(long))
	equal(t, ask(time.Time{}, time.Time{}, b.Path, long.Path, "no such path"), of(a, c))
	for range x.Stretches(t.Context(), "front", time.Time{}, time.Time{}, nil) {
		break // whoever wants no more gives the reader back
	}
	var got []frame.Gap
	for g, err := range x.EachGap(t.Context(), "front", time.Time{}, time.Time{}) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, g)
	}
	equal(t, got, []frame.Gap{gap})
}

func TestExtent(t *testing.T) {
	x := open(t)
	if _, _, ok, err := x.Extent(t.Context(), "front"); ok || err != nil {
		t.Fatal(ok, err)
	}
	add(t, x, recorded("front", noon.Add(time.Hour)), recorded("front", noon), recorded("back", noon.Add(-time.Hour)))
	from, until, ok, err := x.Extent(t.Context(), "front")
	if !ok || err != nil || !from.Equal(noon) || !until.Equal(noon.Add(time.Hour+10*time.Second)) {
		t.Errorf("%v to %v, %v, %v", from, until, ok, err)
	}
}

// Whatever changes what there is of a camera is another version of it, and none of another camera.
func TestVersionOfACamera(t *testing.T) {
	x := open(t)
	a := recorded("front", noon)
	gap := frame.Gap{From: noon, To: noon.Add(time.Second), Reason: frame.GapDamage}
	other := x.Version("back")
	for what, change := range map[string]func() error{
		"add":     func() error { return x.Add(t.Context(), a) },
		"add gap": func() error { return addGap(t, x, "front", gap) },
		"between": func() error {
			return x.Update(t.Context(), func(tx *Tx) error {
				return tx.Between(t.Context(), "front", func(_, _ segment.Info) (frame.Gap, bool) { return gap, false })
			})
		},
		"add and remove": func() error {
			if err := x.Add(t.Context(), a); err != nil {
				return err
			}
			_, _, err := x.Remove(t.Context(), a.Path)
			return err
		},
	} {
		before := x.Version("front")
		if err := change(); err != nil {
			t.Fatal(err)
		}
		if x.Version("front") == before {
			t.Errorf("%s: the version is the same", what)
		}
	}
	if x.Version("back") != other {
		t.Error("changes of one camera are a new version of another")
	}
	if err := x.Rebuild(t.Context(), func(*Tx) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if x.Version("back") == other {
		t.Error("made anew, it is the same version")
	}
}
