package window

import (
	"image"
	"math"
)

// wideScreen is the shape that is assumed of a picture that has not come yet.
const wideScreen = 16.0 / 9

// gap between two tiles, in pixels.
const gap = 2

// grid divides area into n tiles in reading order: as many columns as make pictures of the given
// aspect (width to height) largest, rows that differ by one tile at most, short rows centred. All
// tiles are of one size.
func grid(n int, area image.Point, aspect float64) []image.Rectangle {
	if n <= 0 || area.X <= 0 || area.Y <= 0 {
		return nil
	}
	best, columns := -1.0, 1
	for c := 1; c <= n; c++ {
		rows := (n + c - 1) / c
		width, height := cell(area, c, rows)
		scale := math.Min(float64(width), float64(height)*aspect)
		if scale > best {
			best, columns = scale, c
		}
	}
	rows := (n + columns - 1) / columns
	width, height := cell(area, columns, rows)
	// Balanced rows may need fewer columns than were tried: 4 tiles of 3 columns are 2 and 2.
	if widest := (n + rows - 1) / rows; widest < columns {
		width, height = cell(area, widest, rows)
	}
	width, height = max(width, 1), max(height, 1)

	tiles := make([]image.Rectangle, 0, n)
	top := (area.Y - rows*height - (rows-1)*gap) / 2
	for row := range rows {
		count := n / rows
		if row < n%rows {
			count++
		}
		left := (area.X - count*width - (count-1)*gap) / 2
		for i := range count {
			at := image.Pt(left+i*(width+gap), top+row*(height+gap))
			tiles = append(tiles, image.Rectangle{Min: at, Max: at.Add(image.Pt(width, height))})
		}
	}
	return tiles
}

func cell(area image.Point, columns, rows int) (width, height int) {
	return (area.X - (columns-1)*gap) / columns, (area.Y - (rows-1)*gap) / rows
}

// fit returns the largest rectangle of size's shape in the middle of tile.
func fit(size image.Point, tile image.Rectangle) image.Rectangle {
	if size.X <= 0 || size.Y <= 0 || tile.Empty() {
		return image.Rectangle{Min: tile.Min, Max: tile.Min}
	}
	width, height := tile.Dx(), tile.Dy()
	if width*size.Y > height*size.X {
		width = max(1, (height*size.X+size.Y/2)/size.Y)
	} else {
		height = max(1, (width*size.Y+size.X/2)/size.X)
	}
	at := tile.Min.Add(image.Pt((tile.Dx()-width)/2, (tile.Dy()-height)/2))
	return image.Rectangle{Min: at, Max: at.Add(image.Pt(width, height))}
}

// firstSize is how large a window opens for n pictures of the given aspect: a grid without margins
// inside 1280x720, which fits every screen of today.
func firstSize(n int, aspect float64) image.Point {
	within := image.Pt(1280, 720)
	tiles := grid(max(n, 1), within, aspect)
	tile := fit(image.Pt(int(aspect*10000), 10000), image.Rectangle{Max: tiles[0].Size()})
	columns, rows := 0, 0
	for i, t := range tiles {
		if t.Min.Y == tiles[0].Min.Y {
			columns++
		}
		if i == 0 || t.Min.Y != tiles[i-1].Min.Y {
			rows++
		}
	}
	return image.Pt(columns*tile.Dx()+(columns-1)*gap, rows*tile.Dy()+(rows-1)*gap)
}

// reduction is by how much the decoder may shrink a picture, which costs it less than decoding it
// whole, so that it is still at least as large as it will be shown: 8, 4, 2 or 1.
func reduction(picture, shown image.Point) int {
	for _, by := range []int{8, 4, 2} {
		if picture.X/by >= shown.X && picture.Y/by >= shown.Y {
			return by
		}
	}
	return 1
}

// aspectOf is the middle of the shapes of what is shown, for one grid of all; shapes beyond 1:3
// count as that. Nothing shown is taken as wide screen.
func aspectOf(sizes []image.Point) float64 {
	sum, n := 0.0, 0
	for _, s := range sizes {
		if s.X > 0 && s.Y > 0 {
			sum += math.Log(min(max(float64(s.X)/float64(s.Y), 1.0/3), 3))
			n++
		}
	}
	if n == 0 {
		return wideScreen
	}
	return math.Exp(sum / float64(n))
}
