package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
)

// pictures are how many different ones a camera shows in turn.
const pictures = 10

// writePictures writes JPEGs of 1280x720 and so many bytes, give or take three, to a folder of their own.
func writePictures(base string, size int) (dir string, err error) {
	dir = filepath.Join(base, "pictures")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return "", err
	}
	for i := range pictures {
		data, err := picture(uint64(i), size)
		if err != nil {
			return "", err
		}
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%d.jpg", i)), data, 0o600); err != nil {
			return "", err
		}
	}
	return dir, nil
}

// picture is waves and some noise, which take about as much decoding as a camera's: as good as fits into
// the size, and filled up with a comment.
func picture(seed uint64, size int) ([]byte, error) {
	noise := rand.New(rand.NewPCG(seed, 1))
	img := image.NewRGBA(image.Rect(0, 0, 1280, 720))
	for y := range 720 {
		for x := range 1280 {
			wave := 90 * math.Sin(float64(x)/37+float64(seed)) * math.Cos(float64(y)/23)
			v := uint8(128 + wave + float64(noise.IntN(12)))
			img.SetRGBA(x, y, color.RGBA{v, uint8(x / 5), 255 - v, 255})
		}
	}
	var best []byte
	for low, high := 1, 100; low <= high; {
		quality := (low + high) / 2
		var b bytes.Buffer
		if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: quality}); err != nil {
			return nil, err
		}
		if b.Len() > size-4 {
			high = quality - 1
			continue
		}
		best, low = b.Bytes(), quality+1
	}
	if best == nil {
		return nil, fmt.Errorf("no picture of 1280x720 has only %d bytes", size)
	}
	// Comments have 65533 bytes at most, and 4 of their own.
	full := best[:2:2]
	for missing := size - len(best); missing >= 4; {
		n := min(missing, 65537)
		full = append(full, 0xFF, 0xFE)
		full = binary.BigEndian.AppendUint16(full, uint16(n-2))
		full = append(full, make([]byte, n-4)...)
		missing -= n
	}
	return append(full, best[2:]...), nil
}
