//go:build opencv

package window

import (
	"errors"
	"fmt"
	"image"

	"gocv.io/x/gocv"
)

// jpegDecoder decodes with OpenCV.
type jpegDecoder struct {
	scaled gocv.Mat // kept for its memory
}

func (h *highgui) newDecoder() decoder {
	return &jpegDecoder{scaled: gocv.NewMat()}
}

func (d *jpegDecoder) close() {
	_ = d.scaled.Close() // never fails
}

var errDecode = errors.New("OpenCV cannot decode the picture")

func (d *jpegDecoder) decode(dst *pixels, jpeg []byte, dimensions, within image.Point) error {
	by := reduction(dimensions, fit(dimensions, image.Rectangle{Max: within}).Size())
	flags := map[int]gocv.IMReadFlag{
		1: gocv.IMReadColor, 2: gocv.IMReadReducedColor2, 4: gocv.IMReadReducedColor4, 8: gocv.IMReadReducedColor8,
	}
	// A new one every time: where a picture's header cannot be read, OpenCV leaves what was there before
	// and says nothing, and an old picture would be shown as a new one.
	decoded := gocv.NewMat()
	defer decoded.Close()
	if err := gocv.IMDecodeIntoMat(jpeg, flags[by], &decoded); err != nil {
		return fmt.Errorf("%w: %w", errDecode, err)
	}
	if decoded.Empty() || decoded.Type() != gocv.MatTypeCV8UC3 {
		return errDecode
	}
	got := image.Pt(decoded.Cols(), decoded.Rows())
	want := image.Pt((dimensions.X+by-1)/by, (dimensions.Y+by-1)/by)
	if got != want && got != image.Pt(want.Y, want.X) { // EXIF may turn it by a quarter
		return fmt.Errorf("%w: it is %dx%d, not %dx%d", errDecode, got.X, got.Y, want.X, want.Y)
	}

	size := fit(got, image.Rectangle{Max: within}).Size()
	from := &decoded
	if size != got {
		// Averaging areas looks a little better than interpolating and takes twice as long as the decoding
		// itself. It is needed below half the size, where interpolating skips pixels; the decoder leaves
		// that to be done of the very largest pictures only.
		how := gocv.InterpolationLinear
		if size.X < got.X/2 {
			how = gocv.InterpolationArea
		}
		if err := gocv.Resize(decoded, &d.scaled, size, 0, 0, how); err != nil {
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
