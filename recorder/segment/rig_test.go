package segment_test

import (
	"bytes"
	"encoding/binary"
	"errors"
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

// file makes a segment and returns its bytes and where its parts end.
func file(t testing.TB, d *segment.Folder, all []segment.Record, partFrames int) (data []byte, ends []int64) {
	t.Helper()
	info := write(t, d, all, partFrames)
	r, err := d.Open(info.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	data, err = os.ReadFile(full(d, info.Path))
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Remove(info.Path); err != nil {
		t.Fatal(err)
	}
	return data, r.Ends()
}

// put makes a file of these bytes.
func put(t testing.TB, d *segment.Folder, p string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(full(d, p)), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(full(d, p), data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func partPath() string { return segment.Path("front", day()) + ".part" }
