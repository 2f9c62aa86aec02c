package source

import (
	"image"
	"image/color"
)

// The frame number at the bottom of a test picture, for programs: one row of equal cells across
// the whole width in the lowest sixteenth of the picture, black for 0 and white for 1:
//
//	1 0 · 32 bits of the number, highest first · 16 bits of CRC over them · 1 0
//
// Positions are fractions of the picture's size, so a picture that was made smaller still reads.
const (
	numberCells = 2 + 32 + 16 + 2
	numberBand  = 16 // the row is 1/numberBand of the height
	// A cell's middle counts as white above the darkest plus this share of the contrast, as black
	// below the brightest minus it; between them, the picture is unreadable.
	numberMargin   = 3 // a third
	numberContrast = 60
)

// numberCode is the row for n, the first cell in the highest of the numberCells bits.
func numberCode(n uint32) uint64 {
	return 0b10<<50 | uint64(n)<<18 | uint64(crc16(n))<<2 | 0b10
}

// crc16 is CRC-16/CCITT-FALSE over the four bytes of n, highest first.
func crc16(n uint32) uint16 {
	crc := uint16(0xFFFF)
	for shift := 24; shift >= 0; shift -= 8 {
		crc ^= uint16(byte(n>>shift)) << 8
		for range 8 {
			if crc&0x8000 != 0 {
				crc = crc<<1 ^ 0x1021
			} else {
				crc <<= 1
			}
		}
	}
	return crc
}

// numberRow is where the row lies in a picture with bounds b.
func numberRow(b image.Rectangle) image.Rectangle {
	b.Min.Y = b.Max.Y - max(b.Dy()/numberBand, 1)
	return b
}

// ReadTestNumber reads the frame number that the test source wrote into img, after JPEG and after
// scaling, down to a width of about 200 pixels. It returns false where there is none or where it
// does not read with certainty: a check sum of 16 bits goes with the number.
func ReadTestNumber(img image.Image) (uint32, bool) {
	row := numberRow(img.Bounds())
	if row.Dx() < numberCells {
		return 0, false
	}
	var levels [numberCells]int
	lowest, highest := 255, 0
	for i := range levels {
		levels[i] = cellLevel(img, row, i)
		lowest, highest = min(lowest, levels[i]), max(highest, levels[i])
	}
	contrast := highest - lowest
	if contrast < numberContrast {
		return 0, false
	}
	var code uint64
	for _, level := range levels {
		code <<= 1
		switch {
		case level > highest-contrast/numberMargin:
			code |= 1
		case level < lowest+contrast/numberMargin:
		default:
			return 0, false
		}
	}
	n := uint32(code >> 18)
	return n, code == numberCode(n)
}

// cellLevel is the mean luma of the middle of cell i, 0 to 255.
func cellLevel(img image.Image, row image.Rectangle, i int) int {
	left, right := row.Dx()*i/numberCells, row.Dx()*(i+1)/numberCells
	border, borderY := (right-left)/4, row.Dy()/4
	sum, count := 0, 0
	for y := row.Min.Y + borderY; y < row.Max.Y-borderY; y++ {
		for x := row.Min.X + left + border; x < row.Min.X+right-border; x++ {
			sum += luma(img, x, y)
			count++
		}
	}
	if count == 0 {
		return 0
	}
	return sum / count
}

func luma(img image.Image, x, y int) int {
	if m, ok := img.(*image.YCbCr); ok {
		return int(m.Y[m.YOffset(x, y)])
	}
	return int(color.GrayModel.Convert(img.At(x, y)).(color.Gray).Y)
}
