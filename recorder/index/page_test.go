package index

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/lensbus/lensbus/recorder/segment"
)

// Page after page is what Segments returns at once, whatever overlaps, lasts long or begins at the same moment.
func TestPages(t *testing.T) {
	x := open(t)
	random := rand.New(rand.NewPCG(3, 4))
	err := x.Update(t.Context(), func(tx *Tx) error {
		for i := range 300 {
			info := recorded("front", noon.Add(time.Duration(random.IntN(200))*time.Minute))
			if copy := i % 4; copy > 0 {
				info.Path = segment.Name{Camera: "front", Start: info.Start, Copy: copy + 1, State: segment.StateWhole}.Path()
			}
			if i%7 == 0 {
				info.Duration, info.End = 2*time.Hour, info.Start.Add(2*time.Hour)
			}
			if err := tx.Add(t.Context(), info); err != nil {
				return err
			}
		}
		return tx.Add(t.Context(), recorded("back", noon))
	})
	if err != nil {
		t.Fatal(err)
	}
	at := func(minutes int) time.Time { return noon.Add(time.Duration(minutes) * time.Minute) }
	for _, stretch := range [][2]time.Time{{}, {at(50), {}}, {{}, at(50)}, {at(50), at(100)}, {at(180), at(190)}, {at(500), {}}} {
		want := segments(t, x, "front", stretch[0], stretch[1])
		for _, most := range []int{1, 7, 64, 1000} {
			var got []segment.Info
			var after segment.Info
			for {
				page, err := x.Page(t.Context(), "front", stretch[0], stretch[1], after, most)
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, page...)
				if len(page) > most {
					t.Fatalf("%d in a page of %d", len(page), most)
				}
				if len(page) < most {
					break
				}
				after = page[len(page)-1]
			}
			t.Run(fmt.Sprint(stretch, most), func(t *testing.T) { equal(t, got, want) })
		}
	}
}
