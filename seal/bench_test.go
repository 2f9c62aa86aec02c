package seal_test

import (
	"testing"

	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/seal"
)

// picture60K is a frame of a typical size.
func picture60K(b *testing.B) frame.Frame {
	f := picture(b)
	end := len(f.Data) - 2
	f.Data = append(append(f.Data[:end:end], make([]byte, 60_000-len(f.Data))...), 0xFF, 0xD9)
	return f
}

// BenchmarkFrame stands next to what a frame costs anyway: one copy, and the check of its markers.
func BenchmarkFrame(b *testing.B) {
	f := picture60K(b)
	key := newKey(b)
	to := []seal.Public{key.Public()}
	for range 3 {
		to = append(to, newKey(b).Public())
	}
	s := newSealer(b, newKey(b), to...)
	got := sealed(b, s, f)
	bytes := int64(len(f.Data))
	b.Run("seal", func(b *testing.B) {
		b.SetBytes(bytes)
		b.ReportAllocs()
		for b.Loop() {
			sealed(b, s, f)
		}
	})
	b.Run("open", func(b *testing.B) {
		b.SetBytes(bytes)
		b.ReportAllocs()
		o := opener(key)
		for b.Loop() {
			if _, err := o.Open(got); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("no-key", func(b *testing.B) {
		b.ReportAllocs()
		o := opener(newKey(b))
		for b.Loop() {
			_, _ = o.Open(got)
		}
	})
	b.Run("copy", func(b *testing.B) {
		b.SetBytes(bytes)
		to := make([]byte, len(f.Data))
		for b.Loop() {
			copy(to, f.Data)
		}
	})
	b.Run("scan", func(b *testing.B) {
		for b.Loop() {
			if _, err := frame.ScanJPEG(f.Data, frame.Limits{}); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkEnvelope is what a new content key costs: for a publisher once in [seal.KeyLife] a camera, for
// a viewer once for each.
func BenchmarkEnvelope(b *testing.B) {
	f := picture(b)
	own, key := newKey(b), newKey(b)
	to := []seal.Public{}
	for range seal.MostViewers - 1 {
		to = append(to, newKey(b).Public())
	}
	to = append(to, key.Public())
	s := newSealer(b, own, to...)
	got := sealed(b, s, f)
	b.Run("seal-to-16", func(b *testing.B) {
		for b.Loop() {
			f.Epoch = frame.NewEpoch()
			sealed(b, s, f)
		}
	})
	b.Run("open-16th", func(b *testing.B) {
		for b.Loop() {
			if _, err := opener(key).Open(got); err != nil {
				b.Fatal(err)
			}
		}
	})
}
