package publisher

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/jpeg"
	"runtime"

	"github.com/lensbus/lensbus/frame"
)

// turns are how many pictures may be decoded and made smaller at a time, by all cameras of a process. That
// takes many times as long as passing a frame on: a page of many cameras would otherwise leave the cameras
// themselves no time, and frames would be missing for everybody and in recordings.
type turns chan struct{}

// newTurns leaves half of the processors to the cameras, and takes one where there is one only.
func newTurns() turns { return make(turns, max(1, runtime.GOMAXPROCS(0)/2)) }

// take waits for a turn, which ends with done; false: ctx is done before.
func (t turns) take(ctx context.Context) bool {
	select {
	case t <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

func (t turns) done() { <-t }

// shrinkTo returns the frame scaled down to width pixels, or as it is where it is no wider. It
// decodes, on request only: nothing that was not asked decodes a picture.
func shrinkTo(f frame.Frame, width, quality int) (frame.Frame, error) {
	if f.Width <= width {
		return f, nil
	}
	img, err := jpeg.Decode(bytes.NewReader(f.Data))
	if err != nil {
		return f, fmt.Errorf("decode frame %d of camera %s: %w", f.Seq, f.Camera, err)
	}
	height := max(1, (f.Height*width+f.Width/2)/f.Width)
	var small image.Image
	switch img := img.(type) {
	case *image.YCbCr:
		small = shrinkYCbCr(img, width, height)
	case *image.Gray:
		gray := image.NewGray(image.Rect(0, 0, width, height))
		shrinkPlane(gray.Pix, gray.Stride, width, height, img.Pix, img.Stride, f.Width, f.Height)
		small = gray
	default: // CMYK: rare, and small enough to go as it is
		return f, nil
	}
	data, err := encode(small, quality)
	if err != nil {
		return f, fmt.Errorf("encode frame %d of camera %s: %w", f.Seq, f.Camera, err)
	}
	f.Data, f.Width, f.Height = data, width, height
	return f, nil
}

// encode makes a JPEG of a decoded picture.
func encode(img image.Image, quality int) ([]byte, error) {
	var out bytes.Buffer
	if err := jpeg.Encode(&out, img, &jpeg.Options{Quality: quality}); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// shrinkYCbCr scales without leaving YCbCr, in which JPEG encodes: no conversion of colours.
func shrinkYCbCr(from *image.YCbCr, width, height int) *image.YCbCr {
	to := image.NewYCbCr(image.Rect(0, 0, width, height), image.YCbCrSubsampleRatio420)
	bounds := from.Bounds()
	shrinkPlane(to.Y, to.YStride, width, height, from.Y, from.YStride, bounds.Dx(), bounds.Dy())
	cw, ch := chroma(bounds.Dx(), bounds.Dy(), from.SubsampleRatio)
	shrinkPlane(to.Cb, to.CStride, (width+1)/2, (height+1)/2, from.Cb, from.CStride, cw, ch)
	shrinkPlane(to.Cr, to.CStride, (width+1)/2, (height+1)/2, from.Cr, from.CStride, cw, ch)
	return to
}

// chroma is the size of the colour planes of a picture.
func chroma(width, height int, ratio image.YCbCrSubsampleRatio) (int, int) {
	switch ratio {
	case image.YCbCrSubsampleRatio422:
		return (width + 1) / 2, height
	case image.YCbCrSubsampleRatio420:
		return (width + 1) / 2, (height + 1) / 2
	case image.YCbCrSubsampleRatio440:
		return width, (height + 1) / 2
	case image.YCbCrSubsampleRatio411:
		return (width + 3) / 4, height
	case image.YCbCrSubsampleRatio410:
		return (width + 3) / 4, (height + 1) / 2
	}
	return width, height
}

// shrinkPlane makes every pixel of to the mean of the pixels of from that it covers, in whole
// pixels: fast, and free of the moiré that picking single pixels makes.
func shrinkPlane(to []byte, toStride, tw, th int, from []byte, fromStride, fw, fh int) {
	columns := make([]uint32, fw) // sums of the rows that a row of to covers
	for y := range th {
		y0 := y * fh / th
		y1 := max((y+1)*fh/th, y0+1)
		clear(columns)
		for yy := y0; yy < y1; yy++ {
			for x, v := range from[yy*fromStride:][:len(columns)] {
				columns[x] += uint32(v)
			}
		}
		x0, row := 0, to[y*toStride:][:tw]
		for x := range row {
			x1 := max((x+1)*fw/tw, x0+1)
			var sum uint64
			for _, v := range columns[x0:x1] {
				sum += uint64(v)
			}
			row[x] = byte(sum / uint64((y1-y0)*(x1-x0)))
			x0 = (x + 1) * fw / tw
		}
	}
}
