package window

import (
	"image"
	"time"
)

// backend is what a window needs of OpenCV. Its methods are for one thread, the decoders' excepted.
type backend interface {
	// open makes the window. It must come first; close ends what it began.
	open(title string, size image.Point) error
	// size is that of the area that pictures are shown on, in pixels. Nothing: not known now.
	size() image.Point
	// resize asks for another size.
	resize(image.Point) error
	// fullScreen switches it on or off.
	fullScreen(on bool) error
	// visible is false when the window was closed.
	visible() bool
	// key lets the window work for that long and returns the key that was pressed, at once, or -1.
	key(wait time.Duration) int
	// show puts p on the screen, at the next call of key. It keeps nothing of p.
	show(p *pixels) error
	close()

	newDecoder() decoder
}

// decoder makes pixels of encoded pictures. It is for one goroutine.
type decoder interface {
	// decode makes the picture into dst, in its own shape as large as fits within the given size.
	// The picture is known to be of the given dimensions by its header; one that turns out
	// otherwise is an error.
	decode(dst *pixels, jpeg []byte, dimensions, within image.Point) error
	close()
}
