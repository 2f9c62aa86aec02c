package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"image"
	"image/jpeg"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
)

// pictures are how many different ones a camera shows in turn.
const pictures = 5

// writePictures writes JPEGs of 1280x720 and so many bytes to a folder of their own.
func writePictures(base string, size int) (dir string, err error) {
	dir = filepath.Join(base, "pictures")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return "", err
	}
	quality := 100
	for i := range pictures {
		var data []byte
		if data, quality, err = picture(uint64(i), size, quality); err != nil {
			return "", err
		}
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%d.jpg", i)), data, 0o600); err != nil {
			return "", err
		}
	}
	return dir, nil
}

// picture is waves and some noise, which take about as much decoding as a camera's: as good as fits into
// the size, and filled up with comments. Its quality is most or less, and is returned.
func picture(seed uint64, size, most int) (data []byte, quality int, err error) {
	noise := rand.New(rand.NewPCG(seed, 1))
	img := image.NewRGBA(image.Rect(0, 0, 1280, 720))
	var columns [1280]float64
	for x := range columns {
		columns[x] = 90 * math.Sin(float64(x)/37+float64(seed))
	}
	for y := range 720 {
		row := math.Cos(float64(y) / 23)
		for x, wave := range columns {
			v := uint8(128 + wave*row + float64(noise.IntN(12)))
			copy(img.Pix[y*img.Stride+4*x:], []byte{v, uint8(x / 5), 255 - v, 255})
		}
	}
	encode := func(quality int) ([]byte, error) {
		var b bytes.Buffer
		err := jpeg.Encode(&b, img, &jpeg.Options{Quality: quality})
		return b.Bytes(), err
	}
	// The first one's is searched for; the others' is the same or a little less.
	low, high := 1, most
	var best []byte
	for low <= high {
		try := high
		if most == 100 {
			try = (low + high + 1) / 2
		}
		coded, err := encode(try)
		switch {
		case err != nil:
			return nil, 0, err
		case len(coded) > size-4:
			high = try - 1
		default:
			best, quality, low = coded, try, try+1
		}
	}
	if best == nil {
		return nil, 0, fmt.Errorf("no picture of 1280x720 has only %d bytes", size)
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
	return append(full, best[2:]...), quality, nil
}
