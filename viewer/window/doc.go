// Package window is `lensbus view`: live cameras in a desktop window, one large or several in a
// grid, with OpenCV's highgui.
//
// Run is the whole of it. Everything that decides, lays out and draws is plain Go and in every
// build; what needs OpenCV (the window, decoding, scaling) is behind one small interface, and is
// there with the build tag opencv. Without the tag, Run returns [ErrNotBuilt].
//
// How a picture gets on the screen: a goroutine a camera takes each frame as it comes and keeps the
// newest. When the window can draw, it asks for the newest of each camera that it shows, and a
// few workers decode those, each camera's once at a time. So nothing queues: what is slow, the
// link, the decoder or the screen, makes pictures be skipped, never late.
//
// Which cameras there are is viewer's affair, receiving is bus's. Nothing here publishes.
package window

import "errors"

// ErrNotBuilt is what [Run] returns in a program that was built without the tag opencv. It is for
// people as it stands.
var ErrNotBuilt = errors.New("this lensbus was built without OpenCV: build it with `make build` (needs the package libopencv-dev)")
