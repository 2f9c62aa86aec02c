package segment_test

import (
	"errors"
	"os"
	"testing"
	"time"

	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/recorder/segment"
)

func TestAppendSaysWhenASegmentEnds(t *testing.T) {
	base := shot(t, random(t, 4), 1)[0]
	at := func(after time.Duration, change func(*segment.Record)) segment.Record {
		rec := base
		rec.Seq += 2
		rec.Stored += 2
		rec.Captured = base.Captured.Add(after)
		if change != nil {
			change(&rec)
		}
		return rec
	}
	split := func(r segment.SplitReason) func(error) bool {
		return func(err error) bool {
			var s *segment.SplitError
			return errors.As(err, &s) && s.Reason == r
		}
	}
	other := func(err error) bool { return errors.Is(err, segment.ErrRefused) }
	for name, c := range map[string]struct {
		rec  segment.Record
		want func(error) bool
	}{
		"next":            {at(time.Second, nil), func(err error) bool { return err == nil }},
		"same time":       {at(10*time.Millisecond, nil), func(err error) bool { return err == nil }},
		"epoch":           {at(time.Second, func(r *segment.Record) { r.Epoch, r.Seq = "OTHER", 1 }), split(segment.SplitEpoch)},
		"codec":           {at(time.Second, func(r *segment.Record) { r.Codec = "h264" }), split(segment.SplitCodec)},
		"size":            {at(time.Second, func(r *segment.Record) { r.Width++ }), split(segment.SplitSize)},
		"clock back":      {at(9*time.Millisecond, nil), split(segment.SplitBack)},
		"clock far back":  {at(-time.Hour, nil), split(segment.SplitBack)},
		"clock forward":   {at(10*time.Millisecond+10*time.Second+1, nil), split(segment.SplitJump)},
		"just not a jump": {at(10*time.Millisecond+10*time.Second, nil), func(err error) bool { return err == nil }},
		"new stream":      {at(time.Second, func(r *segment.Record) { r.Stored = 1 }), split(segment.SplitStored)},
		"again":           {at(time.Second, func(r *segment.Record) { r.Seq-- }), func(err error) bool { return errors.Is(err, segment.ErrOrder) }},
		"late":            {at(time.Second, func(r *segment.Record) { r.Seq -= 2 }), func(err error) bool { return errors.Is(err, segment.ErrOrder) }},
		"no data":         {at(time.Second, func(r *segment.Record) { r.Data = nil }), other},
		"other camera":    {at(time.Second, func(r *segment.Record) { r.Camera = "back" }), other},
		"no gap":          {at(time.Second, func(r *segment.Record) { r.Gaps = []frame.Gap{{}} }), other},
	} {
		t.Run(name, func(t *testing.T) {
			d := openFolder(t)
			w := create(t, d, &base, segment.Options{})
			second := at(10*time.Millisecond, func(r *segment.Record) { r.Seq--; r.Stored-- })
			appendAll(t, w, []segment.Record{base, second}, 100)
			err := w.Append(&c.rec.Frame, c.rec.Stored, c.rec.Gaps...)
			if !c.want(err) {
				t.Fatalf("%v", err)
			}
			want := []segment.Record{base, second}
			if err == nil {
				want = append(want, c.rec)
			}
			info, err := w.Close()
			if err != nil {
				t.Fatal(err)
			}
			got, _ := read(t, d, info.Path, time.Time{}, time.Time{})
			same(t, want, got)
		})
	}
}

func TestAgeAndBytes(t *testing.T) {
	d := openFolder(t)
	all := shot(t, random(t, 5), 200)
	for name, o := range map[string]segment.Options{
		"age":   {Age: 2 * time.Second},
		"bytes": {Bytes: 40_000},
	} {
		t.Run(name, func(t *testing.T) {
			var got []segment.Record
			segments := 0
			for rest := all; len(rest) > 0; segments++ {
				w := create(t, d, &rest[0], o)
				n := 0
				for i := range rest {
					err := w.Append(&rest[i].Frame, rest[i].Stored, rest[i].Gaps...)
					if s := (*segment.SplitError)(nil); errors.As(err, &s) && string(s.Reason) == name {
						break
					} else if err != nil {
						t.Fatal(err)
					}
					n++
				}
				rest = rest[n:]
				info, err := w.Close()
				if err != nil {
					t.Fatal(err)
				}
				if o.Age > 0 && info.End.Sub(info.Start) >= o.Age || o.Bytes > 0 && info.Bytes > o.Bytes+2000 {
					t.Errorf("%+v is beyond %+v", info, o)
				}
				some, _ := read(t, d, info.Path, time.Time{}, time.Time{})
				got = append(got, some...)
			}
			if segments < 3 {
				t.Errorf("only %d segments", segments)
			}
			same(t, all, got)
		})
	}
}

func TestPartsAreBounded(t *testing.T) {
	d := openFolder(t)
	all := shot(t, random(t, 6), 50)
	w := create(t, d, &all[0], segment.Options{PartBytes: 10_000})
	for i := range all {
		if err := w.Append(&all[i].Frame, all[i].Stored, all[i].Gaps...); err != nil {
			t.Fatal(err)
		}
		if frames, bytes := w.Buffered(); bytes > 10_000 && frames > 1 {
			t.Fatalf("%d bytes in memory", bytes)
		}
		if frames, _ := w.Buffered(); w.Info().Frames+uint64(frames) != uint64(i+1) {
			t.Fatalf("%d frames flushed and %d not, of %d", w.Info().Frames, frames, i+1)
		}
	}
	info, err := w.Close()
	if err != nil {
		t.Fatal(err)
	}
	got, _ := read(t, d, info.Path, time.Time{}, time.Time{})
	same(t, all, got)
}

func TestSegmentsOfOneStart(t *testing.T) {
	d := openFolder(t)
	all := shot(t, random(t, 7), 3)
	want := []string{"", "-2", "-3"}
	for i, suffix := range want {
		info := write(t, d, all, 1)
		name, err := segment.ParsePath(info.Path)
		if err != nil || !name.Start.Equal(day()) || name.Camera != "front" {
			t.Fatalf("%s: %+v, %v", info.Path, name, err)
		}
		if p := segment.Path("front", day()); info.Path != p[:len(p)-len(".mp4")]+suffix+".mp4" {
			t.Errorf("segment %d is %s", i, info.Path)
		}
		got, _ := read(t, d, info.Path, time.Time{}, time.Time{})
		same(t, all, got)
	}
}

func TestASegmentWithoutFramesIsNone(t *testing.T) {
	d := openFolder(t)
	all := shot(t, random(t, 8), 1)
	for _, end := range []func(*segment.Writer){
		func(w *segment.Writer) {
			for range 2 {
				if _, err := w.Close(); !errors.Is(err, segment.ErrNoFrames) {
					t.Errorf("close: %v", err)
				}
			}
		},
		func(w *segment.Writer) { w.Abort() },
		func(w *segment.Writer) { appendAll(t, w, all, 100); w.Abort() },
	} {
		w := create(t, d, &all[0], segment.Options{})
		end(w)
		if err := w.Append(&all[0].Frame, 1); err == nil {
			t.Error("appended to what is closed")
		}
		for e, err := range d.List("") {
			t.Errorf("there is %+v, %v", e, err)
		}
	}
}

func TestCreateRefuses(t *testing.T) {
	d := openFolder(t)
	good := shot(t, random(t, 9), 1)[0]
	for name, change := range map[string]func(*frame.Frame){
		"id that leads out": func(f *frame.Frame) { f.Camera = "../x" },
		"no id":             func(f *frame.Frame) { f.Camera = "" },
		"bad epoch":         func(f *frame.Frame) { f.Epoch = "a b" },
		"no time":           func(f *frame.Frame) { f.Captured = time.Time{} },
		"codec":             func(f *frame.Frame) { f.Codec = "h264" },
		"no width":          func(f *frame.Frame) { f.Width = 0 },
		"huge":              func(f *frame.Frame) { f.Height = 1 << 16 },
	} {
		f := good.Frame
		change(&f)
		if _, err := d.Create(&f, segment.Options{}); !errors.Is(err, segment.ErrRefused) {
			t.Errorf("%s: %v", name, err)
		}
	}
	entries, err := os.ReadDir(d.Dir())
	if err != nil || len(entries) > 0 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
	if err := os.Symlink(t.TempDir(), full(d, "front")); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Create(&good.Frame, segment.Options{}); err == nil {
		t.Error("made behind a symbolic link that leads out")
	}
}
