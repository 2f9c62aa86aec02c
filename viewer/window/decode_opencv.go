//go:build opencv

package window

import (
	"errors"
	"fmt"
	"image"

	"gocv.io/x/gocv"
)

// jpegDecoder decodes with OpenCV into memory that it keeps.
type jpegDecoder struct {
	decoded, scaled gocv.Mat
}

func (h *highgui) newDecoder() decoder {
	return &jpegDecoder{decoded: gocv.NewMat(), scaled: gocv.NewMat()}
}

func (d *jpegDecoder) close() {
	_ = d.decoded.Close() // never fails
	_ = d.scaled.Close()
}

var errDecode = errors.New("OpenCV cannot decode the picture")

func (d *jpegDecoder) decode(dst *pixels, jpeg []byte, dimensions, within image.Point) error {
	by := reduction(dimensions, fit(dimensions, image.Rectangle{Max: within}).Size())
	flags := map[int]gocv.IMReadFlag{
		1: gocv.IMReadColor, 2: gocv.IMReadReducedColor2, 4: gocv.IMReadReducedColor4, 8: gocv.IMReadReducedColor8,
	}
	if err := gocv.IMDecodeIntoMat(jpeg, flags[by], &d.decoded); err != nil {
		return fmt.Errorf("%w: %w", errDecode, err)
	}
	if d.decoded.Empty() || d.decoded.Type() != gocv.MatTypeCV8UC3 {
		return errDecode
	}
	got := image.Pt(d.decoded.Cols(), d.decoded.Rows())
	want := image.Pt((dimensions.X+by-1)/by, (dimensions.Y+by-1)/by)
	if got != want && got != image.Pt(want.Y, want.X) { // EXIF may turn it by a quarter
		return fmt.Errorf("%w: it is %dx%d, not %dx%d", errDecode, got.X, got.Y, want.X, want.Y)
	}

	size := fit(got, image.Rectangle{Max: within}).Size()
	from := &d.decoded
	if size != got {
		how := gocv.InterpolationLinear
		if size.X < got.X {
			how = gocv.InterpolationArea
		}
		if err := gocv.Resize(d.decoded, &d.scaled, size, 0, 0, how); err != nil {
			return fmt.Errorf("scale the picture: %w", err)
		}
		from = &d.scaled
	}
	bytes, err := from.DataPtrUint8()
	if err != nil {
		return fmt.Errorf("scale the picture: %w", err)
	}
	dst.resize(size)
	copy(dst.data, bytes)
	return nil
}
