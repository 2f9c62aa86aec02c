//go:build opencv

package opencv

import (
	"fmt"
	"slices"

	"gocv.io/x/gocv"
)

// encodeJPEG encodes picture with quality 1 to 100. The result is Go memory and the caller's: the
// one copy that this costs over the bare call is under a hundredth of the encoding.
func encodeJPEG(picture gocv.Mat, quality int) ([]byte, error) {
	native, err := gocv.IMEncodeWithParams(gocv.JPEGFileExt, picture, []int{gocv.IMWriteJpegQuality, quality})
	defer native.Close() //lint:ignore SA5001 there is a buffer with the error too
	if err != nil {
		return nil, fmt.Errorf("encode a picture of %dx%d as JPEG: %w", picture.Cols(), picture.Rows(), err)
	}
	return slices.Clone(native.GetBytes()), nil
}
