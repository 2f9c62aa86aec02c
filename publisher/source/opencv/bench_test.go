//go:build opencv

package opencv

import (
	"image"
	"testing"

	"gocv.io/x/gocv"
)

// picture1080p is a frame of real footage, made 1920x1080.
func picture1080p(b *testing.B) gocv.Mat {
	b.Helper()
	native, err := gocv.OpenVideoCaptureWithAPI(footage(b), gocv.VideoCaptureFFmpeg)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = native.Close() }()
	small, large := gocv.NewMat(), gocv.NewMat()
	defer func() { _ = small.Close() }()
	b.Cleanup(func() { _ = large.Close() })
	if !native.Read(&small) {
		b.Fatal("no picture")
	}
	if err := gocv.Resize(small, &large, image.Pt(1920, 1080), 0, 0, gocv.InterpolationCubic); err != nil {
		b.Fatal(err)
	}
	return large
}

// BenchmarkEncode1080p is what Next does with a raw picture.
func BenchmarkEncode1080p(b *testing.B) {
	picture := picture1080p(b)
	b.ReportAllocs()
	for b.Loop() {
		data, err := encodeJPEG(picture, 80)
		if err != nil {
			b.Fatal(err)
		}
		b.SetBytes(int64(len(data)))
	}
}

// BenchmarkEncode1080pBare is the library call alone, for comparison.
func BenchmarkEncode1080pBare(b *testing.B) {
	picture := picture1080p(b)
	b.ReportAllocs()
	for b.Loop() {
		native, err := gocv.IMEncodeWithParams(gocv.JPEGFileExt, picture, []int{gocv.IMWriteJpegQuality, 80})
		if err != nil {
			b.Fatal(err)
		}
		b.SetBytes(int64(native.Len()))
		native.Close()
	}
}
