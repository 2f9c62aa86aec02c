package segment_test

import (
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/recorder/segment"
)

// What version 1 wrote is read for ever: people keep recordings. The file is never made anew.
func TestVersion1IsRead(t *testing.T) {
	data, err := os.ReadFile("testdata/version1.mp4")
	if err != nil {
		t.Fatal(err)
	}
	d := openFolder(t)
	p := segment.Path("front", day())
	put(t, d, p, data)
	info, damage, err := d.Verify(p)
	if err != nil || len(damage) > 0 {
		t.Fatalf("%+v, %v", damage, err)
	}
	at := func(ns int64) time.Time { return time.Unix(0, ns) }
	want := segment.Info{
		Camera: "front", Path: p, Epoch: "EPOCH", Codec: frame.JPEG, Width: 32, Height: 24,
		FirstSeq: 107, LastSeq: 115, FirstStored: 7107, LastStored: 7115,
		Start: day(), End: at(1795342500353733888), Duration: 296216099, Frames: 6, Bytes: 6269,
		Gaps: []frame.Gap{
			{From: at(1795342500236972498), To: at(1795342500272962846), Reason: frame.GapOverrun},
			{Reason: frame.GapUnknown},
		},
	}
	if diff := cmp.Diff(want, info); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	got, _ := read(t, d, p, time.Time{}, time.Time{})
	var seqs, captured, sizes []int64
	for _, rec := range got {
		seqs, captured, sizes = append(seqs, int64(rec.Seq)), append(captured, rec.Captured.UnixNano()), append(sizes, int64(len(rec.Data)))
		if rec.Stored != rec.Seq+7000 || rec.Published.IsZero() != (rec.Seq == 107 || rec.Seq == 111) || !rec.Key {
			t.Errorf("%+v", rec)
		}
	}
	if diff := cmp.Diff([][]int64{
		{107, 109, 110, 111, 113, 115},
		{1795342500123456789, 1795342500234818506, 1795342500236972498, 1795342500272962846, 1795342500287794994, 1795342500353733888},
		{792, 801, 799, 804, 800, 800},
	}, [][]int64{seqs, captured, sizes}); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
