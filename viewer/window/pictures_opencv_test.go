//go:build opencv

package window

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"slices"
	"testing"
)

// movingPictures are of one colour, with a white bar that moves from left to right.
func movingPictures(t *testing.T, size image.Point, ground color.RGBA, n int) [][]byte {
	t.Helper()
	var all [][]byte
	for i := range n {
		img := image.NewRGBA(image.Rectangle{Max: size})
		for y := range size.Y {
			for x := range size.X {
				c := ground
				if bar := x*n/size.X - i; bar >= 0 && bar < 2 {
					c = color.RGBA{255, 255, 255, 255}
				}
				img.SetRGBA(x, y, c)
			}
		}
		var b bytes.Buffer
		if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: 90}); err != nil {
			t.Fatal(err)
		}
		all = append(all, b.Bytes())
	}
	return all
}

func contains(pictures [][]byte, data []byte) bool {
	return slices.ContainsFunc(pictures, func(p []byte) bool { return bytes.Equal(p, data) })
}
