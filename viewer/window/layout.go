package window

import (
	"image"
	"math"
)

// wideScreen is the shape that is assumed of a picture that has not come yet.
const wideScreen = 16.0 / 9

// gap between two tiles, in pixels.
const gap = 2

// grid places n tiles of the given aspect (width to height) in the middle of area, in reading order:
// as many columns as make them largest, rows that differ by one tile at most, short rows centred.
// All tiles are of one size.
func grid(n int, area image.Point, aspect float64) []image.Rectangle {
	if n <= 0 || area.X <= 0 || area.Y <= 0 {
		return nil
	}
	var size image.Point
	rows := 1
	for r := 1; r <= n; r++ {
		if s := largest(area, (n+r-1)/r, r, aspect); s.X > size.X {
			size, rows = s, r
		}
	}
	tiles := make([]image.Rectangle, 0, n)
	top := (area.Y - rows*size.Y - (rows-1)*gap) / 2
	for row := range rows {
		count := n / rows
		if row < n%rows {
			count++
		}
		left := (area.X - count*size.X - (count-1)*gap) / 2
		for i := range count {
			at := image.Pt(left+i*(size.X+gap), top+row*(size.Y+gap))
			tiles = append(tiles, image.Rectangle{Min: at, Max: at.Add(size)})
		}
	}
	return tiles
}

// largest is the size of tiles that so many columns and rows leave room for.
func largest(area image.Point, columns, rows int, aspect float64) image.Point {
	width := float64(area.X-(columns-1)*gap) / float64(columns)
	height := float64(area.Y-(rows-1)*gap) / float64(rows)
	if width > height*aspect {
		width = height * aspect
	} else {
		height = width / aspect
	}
	return image.Pt(max(1, int(width+0.01)), max(1, int(height+0.01)))
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
	var all image.Rectangle
	for _, tile := range grid(max(n, 1), image.Pt(1280, 720), aspect) {
		all = all.Union(tile)
	}
	return all.Size()
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
