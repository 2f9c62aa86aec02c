package worker

import (
	"testing"

	"github.com/lensbus/lensbus/publisher/source"
)

const benchSize = 100_000

// BenchmarkInProcess is what a picture of 100 KB costs from the fake camera itself: making it.
func BenchmarkInProcess(b *testing.B) {
	opener, err := fakes(spec("bench", benchSize))
	if err != nil {
		b.Fatal(err)
	}
	src, err := opener(b.Context(), spec("bench", benchSize), source.Env{}.OrDefaults())
	if err != nil {
		b.Fatal(err)
	}
	pictures(b, src)
}

// BenchmarkWorker is the same through a process of its own.
func BenchmarkWorker(b *testing.B) {
	pictures(b, open(b, "bench", benchSize, source.Env{}))
}

// pictures takes as many pictures as the source has; those that were dropped on the way are work too,
// so they count: the fake numbers its pictures.
func pictures(b *testing.B, src source.Source) {
	b.ReportAllocs()
	b.SetBytes(benchSize)
	last := int64(-1)
	for n := int64(0); n < int64(b.N); {
		picture, err := src.Next(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		n += picture.Captured.UnixNano() - last
		last = picture.Captured.UnixNano()
	}
}
