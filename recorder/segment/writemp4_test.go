package segment_test

import (
	"bytes"
	"errors"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"

	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/recorder/segment"
)

func sequence(all []segment.Record, end error) iter.Seq2[segment.Record, error] {
	return func(yield func(segment.Record, error) bool) {
		for _, rec := range all {
			if !yield(rec, nil) {
				return
			}
		}
		if end != nil {
			yield(segment.Record{}, end)
		}
	}
}

// exported returns the file that WriteMP4 makes.
func exported(t *testing.T, frames iter.Seq2[segment.Record, error]) (string, error) {
	t.Helper()
	p := filepath.Join(t.TempDir(), "clip.mp4")
	f, err := os.Create(filepath.Clean(p))
	if err != nil {
		t.Fatal(err)
	}
	writeErr := segment.WriteMP4(struct{ io.Writer }{f}, frames) // which cannot seek
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return p, writeErr
}

func TestExport(t *testing.T) {
	d := openFolder(t)
	all := shot(t, random(t, 60), 150)
	info := write(t, d, all, 9)
	r, err := d.Open(info.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	p, err := exported(t, r.Frames(time.Time{}, time.Time{}))
	if err != nil {
		t.Fatal(err)
	}
	got, complaints := probe(t, p)
	if complaints != "" {
		t.Errorf("ffprobe: %s", complaints)
	}
	played(t, all, got)
	// Every frame stands until the next one, across parts too.
	data, err := os.ReadFile(p)
	if err != nil {
		t.Fatal(err)
	}
	var parts fmp4.Parts
	if err := parts.Unmarshal(data[bytes.Index(data, []byte("moof"))-4:]); err != nil {
		t.Fatal(err)
	}
	at := uint64(0)
	for i, part := range parts {
		if part.Tracks[0].BaseTime != at {
			t.Errorf("part %d begins at %d µs, the one before ends at %d", i, part.Tracks[0].BaseTime, at)
		}
		for _, s := range part.Tracks[0].Samples {
			at += uint64(s.Duration)
		}
	}
	if n := decoded(t, p); n != len(all) {
		t.Errorf("ffmpeg decodes %d frames of %d", n, len(all))
	}
}

func TestExportAcrossOddTimes(t *testing.T) {
	all := shot(t, random(t, 61), 9)
	for i := range all {
		all[i].Captured = all[0].Captured.Add(time.Duration(i) * 40 * time.Millisecond)
	}
	for i := 3; i < len(all); i++ { // the clock is put back by an hour
		all[i].Captured, all[i].Epoch = all[i].Captured.Add(-time.Hour), "LATER"
	}
	for i := 6; i < len(all); i++ { // and nothing for three hours
		all[i].Captured = all[i].Captured.Add(3 * time.Hour)
	}
	p, err := exported(t, sequence(all, nil))
	if err != nil {
		t.Fatal(err)
	}
	got, complaints := probe(t, p)
	if complaints != "" {
		t.Errorf("ffprobe: %s", complaints)
	}
	var at []int64
	for _, p := range got {
		at = append(at, p.PTS/1000)
	}
	const hours = 3 * 3600 * 1000
	if want := []int64{0, 40, 80, 120, 160, 200, hours + 240, hours + 280, hours + 320}; !slices.Equal(at, want) {
		t.Errorf("frames at %v ms, want %v", at, want)
	}
}

func TestExportEnds(t *testing.T) {
	all := shot(t, random(t, 62), 12)
	if p, err := exported(t, sequence(nil, nil)); !errors.Is(err, segment.ErrNoFrames) {
		t.Errorf("of nothing: %v", err)
	} else if stat, err := os.Stat(p); err != nil || stat.Size() > 0 {
		t.Errorf("of nothing: %v, %v", stat, err)
	}

	broken := errors.New("broken")
	p, err := exported(t, sequence(all, broken))
	if !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
	got, _ := probe(t, p)
	played(t, all, got)

	larger := slices.Clone(all)
	for i := 7; i < len(larger); i++ {
		larger[i].Width = 64
	}
	p, err = exported(t, sequence(larger, nil))
	var change *segment.ChangeError
	if !errors.As(err, &change) || change.Next.Seq != larger[7].Seq || change.From.Seq != larger[6].Seq || !bytes.Equal(change.Next.Data, larger[7].Data) {
		t.Fatalf("%v", err)
	}
	got, _ = probe(t, p)
	played(t, larger[:7], got)

	full := errors.New("disk full")
	for room := range 4 {
		err := segment.WriteMP4(&narrow{room, full}, sequence(all, nil))
		if !errors.Is(err, full) {
			t.Errorf("%d writes: %v", room, err)
		}
	}
	odd := slices.Clone(all)
	odd[3].Codec = "h264"
	if err := segment.WriteMP4(io.Discard, sequence(odd, nil)); !errors.As(err, &change) {
		t.Errorf("%v", err)
	}
	if err := segment.WriteMP4(io.Discard, sequence(odd[3:], nil)); err == nil {
		t.Error("exported a codec that it does not know")
	}
	if all[0].Codec != frame.JPEG {
		t.Error("changed what it was given")
	}
}

// narrow takes a number of writes.
type narrow struct {
	room int
	err  error
}

func (n *narrow) Write(p []byte) (int, error) {
	if n.room--; n.room < 0 {
		return 0, n.err
	}
	return len(p), nil
}
