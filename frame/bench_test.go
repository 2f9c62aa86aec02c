package frame_test

import (
	"bytes"
	"image/jpeg"
	"testing"
	"time"

	"github.com/lensbus/lensbus/frame"
)

// picture100K is a camera's picture of a typical size: 1280x720, about 100 KB.
func picture100K(b *testing.B) []byte {
	b.Helper()
	data := goJPEG(b, 1280, 720, false)
	scan, _ := findMarker(b, data, sos)
	const size = 100_000
	if len(data) > size { // the entropy-coded part is not read, so that it may be cut
		data = append(data[:max(scan+14, size-2)], 0xFF, 0xD9)
	}
	return data
}

func BenchmarkHeader(b *testing.B) {
	f := frame.Frame{
		Camera: "front", Epoch: frame.NewEpoch(), Seq: 123_456, Captured: time.Unix(1_700_000_000, 123_456_789),
		Codec: frame.JPEG, Width: 1280, Height: 720, Key: true,
	}
	b.Run("live", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			f.Header(false)
		}
	})
	b.Run("stored", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			f.Header(true)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	data := picture100K(b)
	f := frame.Frame{
		Camera: "front", Epoch: frame.NewEpoch(), Seq: 123_456, Captured: time.Unix(1_700_000_000, 123_456_789),
		Codec: frame.JPEG, Width: 1280, Height: 720, Key: true,
	}
	header, subject := f.Header(false), f.Camera.FrameSubject()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := frame.Decode(subject, header, data, frame.Limits{}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkScanJPEG stands next to what the standard library has for the same question.
func BenchmarkScanJPEG(b *testing.B) {
	data := picture100K(b)
	b.Run("lensbus", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := frame.ScanJPEG(data, frame.Limits{}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("image-jpeg-DecodeConfig", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := jpeg.DecodeConfig(bytes.NewReader(data)); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkCompleteJPEG(b *testing.B) {
	data := picture100K(b)
	for _, c := range []struct {
		name    string
		picture []byte
	}{
		{"complete", data},
		{"without-tables", without(b, data, dht)},
		{"padded-to-1MB", append(bytes.Clone(data), make([]byte, 1<<20-len(data))...)},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := frame.CompleteJPEG(c.picture, frame.Limits{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
