package segment_test

import (
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/lensbus/lensbus/recorder/segment"
)

func TestWhatIsWrittenIsRead(t *testing.T) {
	for _, partFrames := range []int{1, 7, 15, 1000} {
		t.Run(fmt.Sprintf("parts of %d", partFrames), func(t *testing.T) {
			d := openFolder(t)
			all := shot(t, random(t, 1), 100)
			info := write(t, d, all, partFrames)
			if want := segment.Path("front", day()); info.Path != want {
				t.Errorf("path %s, want %s", info.Path, want)
			}
			sameInfo(t, described(all), info)
			got, damage := read(t, d, info.Path, time.Time{}, time.Time{})
			if len(damage) > 0 {
				t.Errorf("damage: %+v", damage)
			}
			same(t, all, got)

			r, err := d.Open(info.Path)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = r.Close() }()
			if diff := cmp.Diff(info, r.Info(), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("the writer's info and the reader's:\n%s", diff)
			}
			if stat, err := os.Stat(full(d, info.Path)); err != nil || stat.Size() != info.Bytes {
				t.Errorf("info says %d bytes, the file is %v, %v", info.Bytes, stat.Size(), err)
			}
			verified, damage, err := d.Verify(info.Path)
			if err != nil || len(damage) > 0 {
				t.Errorf("verify: %+v, %v", damage, err)
			}
			if diff := cmp.Diff(info, verified, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("the writer's info and verify's:\n%s", diff)
			}
		})
	}
}

func TestFramesOfATime(t *testing.T) {
	d := openFolder(t)
	all := shot(t, random(t, 2), 60)
	info := write(t, d, all, 8)
	r, err := d.Open(info.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	times := []time.Time{{}, day().Add(-time.Hour), day().Add(time.Hour)}
	for i := 0; i < len(all); i += 7 {
		times = append(times, all[i].Captured, all[i].Captured.Add(1), all[i].Captured.Add(-1))
	}
	for _, from := range times {
		for _, to := range times {
			var want []segment.Record
			for _, rec := range all {
				if !rec.Captured.Before(from) && (to.IsZero() || rec.Captured.Before(to)) {
					want = append(want, rec)
				}
			}
			got, damage := collect(t, r, from, to)
			if len(damage) > 0 {
				t.Fatalf("damage: %+v", damage)
			}
			same(t, want, got)
		}
	}
	for range r.Frames(time.Time{}, time.Time{}) { // and may be left at any time
		break
	}
}

func TestAPartFileIsReadWhileItIsWritten(t *testing.T) {
	d := openFolder(t)
	all := shot(t, random(t, 3), 30)
	w := create(t, d, &all[0], segment.Options{})
	if _, err := d.Open(w.Info().Path); !errors.Is(err, segment.ErrDamaged) {
		t.Fatalf("opening what is empty: %v", err)
	}
	appendAll(t, w, all[:10], 10)
	r, err := d.Open(w.Info().Path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	got, _ := collect(t, r, time.Time{}, time.Time{})
	same(t, all[:10], got)

	appendAll(t, w, all[10:15], 100)
	if frames, bytes := w.Buffered(); frames != 5 || bytes <= 0 {
		t.Errorf("%d frames of %d bytes buffered, want 5", frames, bytes)
	}
	if err := r.Refresh(); err != nil {
		t.Fatal(err)
	}
	got, damage := collect(t, r, time.Time{}, time.Time{})
	same(t, all[:10], got)
	if len(damage) > 0 {
		t.Errorf("damage: %+v", damage)
	}
	// As if a part were half written.
	f, err := os.OpenFile(full(d, w.Info().Path), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.Write([]byte("\x00\x00\x01\x00uuid"))
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	if err := r.Refresh(); err != nil {
		t.Fatal(err)
	}
	got, damage = collect(t, r, time.Time{}, time.Time{})
	same(t, all[:10], got)
	if _, verified, err := d.Verify(w.Info().Path); err != nil || len(damage)+len(verified) > 0 {
		t.Errorf("the end that is being written is damage: %+v %+v %v", damage, verified, err)
	}
	if err := w.Flush(); err != nil { // overwrites it, as the writer stands before it
		t.Fatal(err)
	}
	appendAll(t, w, all[15:], 4)
	if _, err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := r.Refresh(); err != nil { // under its old name
		t.Fatal(err)
	}
	got, _ = collect(t, r, time.Time{}, time.Time{})
	same(t, all, got)
	sameInfo(t, described(all), r.Info())
}
