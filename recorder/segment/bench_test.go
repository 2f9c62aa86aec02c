package segment_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/lensbus/lensbus/recorder/segment"
)

const benchFrames = 15 // a part: a second

// benchShot is a second of a camera with frames of about a size.
func benchShot(b *testing.B, size int) []segment.Record {
	b.Helper()
	r := random(b, 1)
	all := shot(b, r, benchFrames)
	for i := range all {
		all[i].Data = picture(b, r, 32, 24, size)
		all[i].Captured = day().Add(time.Duration(i) * time.Second / benchFrames)
		all[i].Gaps = nil
	}
	return all
}

// later makes of a second of frames the one n seconds after it.
func later(second []segment.Record, n int) []segment.Record {
	next := make([]segment.Record, len(second))
	for i, rec := range second {
		rec.Captured = rec.Captured.Add(time.Duration(n) * time.Second)
		rec.Seq += uint64(n) * 2000
		rec.Stored += uint64(n) * 2000
		next[i] = rec
	}
	return next
}

// BenchmarkWrite writes and syncs parts of 15 frames: as a segment, and the same bytes plainly, in turn, so
// that a disk that is slow for a while is slow for both. It tells the rate of each, and how much of the
// plain one the segment has.
func BenchmarkWrite(b *testing.B) {
	for _, size := range []int{60_000, 200_000} {
		b.Run(fmt.Sprintf("%dKB", size/1000), func(b *testing.B) {
			second := benchShot(b, size)
			var whole []byte
			for _, rec := range second {
				whole = append(whole, rec.Data...)
			}
			d := openFolder(b)
			write(b, d, second, benchFrames) // so that the day's folder stays
			both := []func(n int){segmented(b, d, second), plainly(b, whole)}
			took := make([]time.Duration, len(both))
			n := 0
			for ; b.Loop(); n++ {
				for i := range both {
					i = (i + n) % len(both)
					start := time.Now()
					both[i](n)
					took[i] += time.Since(start)
				}
			}
			rate := func(i int) float64 { return float64(n) * float64(len(whole)) / 1e6 / took[i].Seconds() }
			b.ReportMetric(rate(0), "segment-MB/s")
			b.ReportMetric(rate(1), "plain-MB/s")
			b.ReportMetric(100*rate(0)/rate(1), "%-of-plain")
		})
	}
}

// partsPerFile is how many parts a file has before the next is begun, as a recorder does it.
const partsPerFile = 100

func segmented(b *testing.B, d *segment.Folder, second []segment.Record) func(n int) {
	b.Helper()
	var w *segment.Writer
	return func(n int) {
		frames := later(second, n)
		if n%partsPerFile == 0 {
			if w != nil {
				info, err := w.Close()
				if err == nil {
					err = d.Remove(info.Path)
				}
				if err != nil {
					b.Fatal(err)
				}
			}
			w = create(b, d, &frames[0], segment.Options{})
		}
		appendAll(b, w, frames, benchFrames)
	}
}

func plainly(b *testing.B, whole []byte) func(n int) {
	b.Helper()
	p := filepath.Join(b.TempDir(), "plain")
	var f *os.File
	b.Cleanup(func() { _ = f.Close() })
	return func(n int) {
		var err error
		if n%partsPerFile == 0 {
			if f != nil {
				err = errors.Join(f.Close(), os.Remove(p))
			}
			if err == nil {
				f, err = os.Create(filepath.Clean(p))
			}
		}
		if err == nil {
			_, err = f.Write(whole)
		}
		if err == nil {
			err = f.Sync()
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRead reads segments of ten minutes' parts from the page cache.
func BenchmarkRead(b *testing.B) {
	d := openFolder(b)
	second := benchShot(b, 20_000)
	const seconds = 600
	w := create(b, d, &second[0], segment.Options{})
	for n := range seconds {
		appendAll(b, w, later(second, n), benchFrames)
	}
	info, err := w.Close()
	if err != nil {
		b.Fatal(err)
	}
	open := func(b *testing.B) *segment.Reader {
		r, err := d.Open(info.Path)
		if err != nil {
			b.Fatal(err)
		}
		return r
	}
	all := func(b *testing.B, r *segment.Reader, from, to time.Time) (n int) {
		for _, err := range r.Frames(from, to) {
			if err != nil {
				b.Fatal(err)
			}
			n++
		}
		return n
	}
	b.Run("open", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_ = open(b).Close()
		}
	})
	b.Run("all", func(b *testing.B) {
		r := open(b)
		defer func() { _ = r.Close() }()
		b.SetBytes(info.Bytes)
		for b.Loop() {
			if n := all(b, r, time.Time{}, time.Time{}); n != seconds*benchFrames {
				b.Fatal(n)
			}
		}
	})
	b.Run("moment", func(b *testing.B) {
		r := open(b)
		defer func() { _ = r.Close() }()
		at := day().Add(400 * time.Second)
		for b.Loop() {
			if n := all(b, r, at, at.Add(time.Second/benchFrames)); n != 1 {
				b.Fatal(n)
			}
		}
	})
	b.Run("verify", func(b *testing.B) {
		b.SetBytes(info.Bytes)
		for b.Loop() {
			if _, damage, err := d.Verify(info.Path); err != nil || len(damage) > 0 {
				b.Fatal(damage, err)
			}
		}
	})
}
