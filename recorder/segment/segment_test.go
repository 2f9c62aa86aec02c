package segment_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/recorder/segment"
)

// day is when the first frame of a test is taken, with a nanosecond to lose.
func day() time.Time { return time.Date(2026, 11, 22, 10, 15, 0, 123456789, time.UTC) }

func openFolder(t testing.TB) *segment.Folder {
	t.Helper()
	d, err := segment.OpenFolder(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

func full(d *segment.Folder, p string) string { return filepath.Join(d.Dir(), filepath.FromSlash(p)) }

// picture is a small JPEG with padding of random bytes in it, so that no two are the same.
func picture(t testing.TB, r *rand.Rand, width, height, padding int) []byte {
	t.Helper()
	img := image.NewGray(image.Rect(0, 0, width, height))
	for i := range img.Pix {
		img.Pix[i] = color.Gray{Y: uint8(r.Uint32())}.Y
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, nil); err != nil {
		t.Fatal(err)
	}
	whole := b.Bytes()
	var out []byte
	out = append(out, whole[:2]...)
	for padding > 0 {
		n := min(padding, 60000)
		padding -= n
		out = append(out, 0xFF, 0xFE)
		out = binary.BigEndian.AppendUint16(out, uint16(n+2))
		for range n {
			out = append(out, byte(r.Uint32()))
		}
	}
	return append(out, whole[2:]...)
}

// shot makes the n frames of a camera that takes pictures irregularly. Some are missing, and said to be.
func shot(t testing.TB, r *rand.Rand, n int) []segment.Record {
	t.Helper()
	at, seq := day(), uint64(1+r.IntN(1000))
	var all []segment.Record
	for i := range n {
		rec := segment.Record{
			Frame: frame.Frame{
				Camera: "front", Epoch: "EPOCH", Seq: seq, Captured: time.Unix(0, at.UnixNano()), Codec: frame.JPEG,
				Width: 32, Height: 24, Key: true, Data: picture(t, r, 32, 24, r.IntN(3000)),
			},
			Stored: seq + 7000,
		}
		if i%3 > 0 {
			rec.Published = rec.Captured.Add(3*time.Millisecond + 1)
		}
		if i%7 == 3 {
			rec.Gaps = []frame.Gap{{From: all[i-1].Captured, To: rec.Captured, Missing: seq - all[i-1].Seq - 1, Reason: frame.GapOverrun}}
		}
		if i%14 == 3 {
			rec.Gaps = append(rec.Gaps, frame.Gap{Reason: frame.GapUnknown})
		}
		all = append(all, rec)
		seq += 1 + uint64(r.IntN(2))
		at = at.Add(time.Duration(1+r.IntN(120_000_000)) * time.Nanosecond)
	}
	return all
}

func random(t testing.TB, seed uint64) *rand.Rand {
	t.Helper()
	return rand.New(rand.NewPCG(seed, 1))
}

func create(t testing.TB, d *segment.Folder, first *segment.Record, o segment.Options) *segment.Writer {
	t.Helper()
	w, err := d.Create(&first.Frame, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Abort)
	return w
}

// write makes a closed segment with a part of every partFrames frames.
func write(t testing.TB, d *segment.Folder, all []segment.Record, partFrames int) segment.Info {
	t.Helper()
	w := create(t, d, &all[0], segment.Options{})
	appendAll(t, w, all, partFrames)
	info, err := w.Close()
	if err != nil {
		t.Fatal(err)
	}
	return info
}

func appendAll(t testing.TB, w *segment.Writer, all []segment.Record, partFrames int) {
	t.Helper()
	for i := range all {
		if err := w.Append(&all[i].Frame, all[i].Stored, all[i].Gaps...); err != nil {
			t.Fatal(err)
		}
		if (i+1)%partFrames == 0 {
			if err := w.Flush(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// read returns all frames and all damage of a segment.
func read(t testing.TB, d *segment.Folder, p string, from, to time.Time) ([]segment.Record, []segment.Damage) {
	t.Helper()
	r, err := d.Open(p)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}()
	return collect(t, r, from, to)
}

func collect(t testing.TB, r *segment.Reader, from, to time.Time) ([]segment.Record, []segment.Damage) {
	t.Helper()
	var all []segment.Record
	var damage []segment.Damage
	for rec, err := range r.Frames(from, to) {
		var d *segment.DamageError
		switch {
		case errors.As(err, &d):
			damage = append(damage, d.Damage)
		case err != nil:
			t.Fatal(err)
		default:
			all = append(all, rec)
		}
	}
	return all, damage
}

func same(t testing.TB, want, got []segment.Record) {
	t.Helper()
	if slices.EqualFunc(want, got, func(a, b segment.Record) bool {
		rest := bytes.Equal(a.Data, b.Data) && slices.Equal(a.Gaps, b.Gaps)
		a.Data, b.Data, a.Gaps, b.Gaps = nil, nil, nil, nil
		return rest && reflect.DeepEqual(a, b)
	}) {
		return
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		if len(diff) > 4000 {
			diff = diff[:4000]
		}
		t.Fatalf("%d frames wanted, %d read (-want +got):\n%s", len(want), len(got), diff)
	}
}

// described is the Info of a segment of these frames, but for what they do not tell.
func described(all []segment.Record) segment.Info {
	first, last := all[0], all[len(all)-1]
	info := segment.Info{
		Camera: first.Camera, Epoch: first.Epoch, Codec: first.Codec, Width: first.Width, Height: first.Height,
		FirstSeq: first.Seq, LastSeq: last.Seq, FirstStored: first.Stored, LastStored: last.Stored,
		Start: first.Captured, End: last.Captured, Frames: uint64(len(all)),
	}
	for _, rec := range all {
		info.Gaps = append(info.Gaps, rec.Gaps...)
	}
	return info
}

func sameInfo(t testing.TB, want, got segment.Info) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty(), cmpopts.IgnoreFields(segment.Info{}, "Path", "Bytes", "Duration")); diff != "" {
		t.Fatalf("info (-want +got):\n%s", diff)
	}
}

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

func TestList(t *testing.T) {
	d := openFolder(t)
	all := shot(t, random(t, 10), 40)
	var want []string
	for i := range 4 {
		want = append(want, write(t, d, all[10*i:10*i+10], 3).Path)
	}
	slices.Sort(want)
	w := create(t, d, &all[5], segment.Options{})
	for _, p := range []string{"index.sqlite", "front/readme", "front/2026/11/22/x.mp4", "BAD/2026/11/22/20261122T101500.123456789Z.mp4"} {
		if err := os.MkdirAll(filepath.Dir(full(d, p)), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full(d, p), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var got, parts []string
	for e, err := range d.List("front") {
		if err != nil {
			t.Fatal(err)
		}
		if e.State == segment.StateWhole {
			got = append(got, e.Path)
		} else {
			parts = append(parts, e.Path)
		}
	}
	if !slices.Equal(got, want) || !slices.Equal(parts, []string{w.Info().Path}) {
		t.Errorf("listed %q and %q, want %q", got, parts, want)
	}
	for e, err := range d.List("none") {
		t.Errorf("a camera without segments: %+v, %v", e, err)
	}
	w.Abort()
	for _, p := range append(want, want[0]) {
		if err := d.Remove(p); err != nil {
			t.Error(err)
		}
	}
	if err := d.Remove("front/readme"); err == nil {
		t.Error("removed what is no segment")
	}
	if _, err := os.Stat(full(d, "front/2026/11/22/x.mp4")); err != nil {
		t.Errorf("more is gone: %v", err)
	}
	if err := os.Remove(full(d, "front/2026/11/22/x.mp4")); err != nil {
		t.Fatal(err)
	}
	if err := d.Remove(write(t, d, all, 5).Path); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(full(d, "front/2026")); !os.IsNotExist(err) {
		t.Errorf("empty folders stay: %v", err)
	}
	write(t, d, all, 5)
}

func TestParsePath(t *testing.T) {
	good := "front/2026/11/22/20261122T101500.123456789Z.mp4"
	if p := segment.Path("front", day().In(time.FixedZone("", 3600))); p != good {
		t.Errorf("Path = %s", p)
	}
	for _, p := range []string{good, good + ".part", good + ".damaged", "front/2026/11/22/20261122T101500.123456789Z-2.mp4"} {
		n, err := segment.ParsePath(p)
		if err != nil || n.Path() != p || !n.Start.Equal(day()) || n.Camera != "front" {
			t.Errorf("%s: %+v, %v", p, n, err)
		}
	}
	for _, p := range []string{
		"", "/" + good, "../" + good, good + "x", "Front" + good[5:], "..", "front/../front" + good[5:], "fr/ont" + good[5:],
		"front/2026/11/23/20261122T101500.123456789Z.mp4",
		"front/2026/11/22/20261122T101500.12345678Z.mp4",
		"front/2026/13/22/20261322T101500.123456789Z.mp4",
		"front/2026/11/22/20261122T101500.123456789Z-0.mp4",
		"front/2026/11/22/20261122T101500.123456789Z-1.mp4.mp4",
		"front/0001/01/01/00010101T000000.000000000Z.mp4",
		"front//2026/11/22/20261122T101500.123456789Z.mp4",
	} {
		if n, err := segment.ParsePath(p); err == nil {
			t.Errorf("%q is taken: %+v", p, n)
		}
	}
}
