package publisher

import (
	"context"
	"testing"

	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/publisher/source"
)

// BenchmarkPreview is one preview of a picture of 1280x720.
func BenchmarkPreview(b *testing.B) {
	spec, err := source.Parse("test:?width=1280&height=720")
	if err != nil {
		b.Fatal(err)
	}
	pictures, err := source.OpenTest(context.Background(), spec, source.Env{})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = pictures.Close() }()
	p, err := pictures.Next(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	f := frame.Frame{Camera: "front", Seq: 1, Data: p.Data, Width: 1280, Height: 720}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := shrinkTo(f, frame.PreviewWidth, previewQuality); err != nil {
			b.Fatal(err)
		}
	}
}
