//go:build opencv

package window

/*
#cgo pkg-config: opencv4
#cgo CXXFLAGS: --std=c++11 -DNDEBUG
#include <stdlib.h>
#include "highgui.h"
*/
import "C"

import (
	"fmt"
	"image"
	"strings"
	"time"
	"unsafe"
)

// Built says whether OpenCV is in this program.
const Built = true

// highgui is a window of OpenCV's highgui: Qt on Debian, whatever OpenCV was built with elsewhere.
type highgui struct {
	name *C.char
	room [256]C.char // for the text of an error
}

func newBackend() (backend, error) { return new(highgui), nil }

// result makes an error of what a function of highgui.h returned.
func (h *highgui) result(code C.int) error {
	if code == 0 {
		return nil
	}
	// OpenCV's texts have several lines: version, file, then what went wrong.
	return fmt.Errorf("OpenCV: %s", strings.Join(strings.Fields(C.GoString(&h.room[0])), " "))
}

func (h *highgui) open(title string, size image.Point) error {
	h.name = C.CString("lensbus")
	err := h.result(C.lensbus_window_open(h.name, C.int(size.X), C.int(size.Y), &h.room[0], C.int(len(h.room))))
	if err != nil {
		h.close()
		return err
	}
	text := C.CString(title)
	defer C.free(unsafe.Pointer(text))
	return h.result(C.lensbus_window_title(h.name, text, &h.room[0], C.int(len(h.room))))
}

func (h *highgui) size() image.Point {
	var width, height C.int
	if h.result(C.lensbus_window_size(h.name, &width, &height, &h.room[0], C.int(len(h.room)))) != nil {
		return image.Point{} // closed: visible says so
	}
	return image.Pt(int(width), int(height))
}

func (h *highgui) resize(size image.Point) error {
	return h.result(C.lensbus_window_resize(h.name, C.int(size.X), C.int(size.Y), &h.room[0], C.int(len(h.room))))
}

func (h *highgui) fullScreen(on bool) error {
	var flag C.int
	if on {
		flag = 1
	}
	return h.result(C.lensbus_window_full_screen(h.name, flag, &h.room[0], C.int(len(h.room))))
}

func (h *highgui) visible() bool {
	var visible C.int
	err := h.result(C.lensbus_window_visible(h.name, &visible, &h.room[0], C.int(len(h.room))))
	return err == nil && visible != 0
}

func (h *highgui) key(wait time.Duration) int {
	var key C.int
	if h.result(C.lensbus_window_key(C.int(max(wait.Milliseconds(), 1)), &key, &h.room[0], C.int(len(h.room)))) != nil {
		return -1
	}
	return int(key)
}

func (h *highgui) show(p *pixels) error {
	return h.result(C.lensbus_window_show(h.name, unsafe.Pointer(&p.data[0]), C.int(p.width), C.int(p.height), &h.room[0], C.int(len(h.room))))
}

func (h *highgui) close() {
	if h.name == nil {
		return
	}
	C.lensbus_window_close(h.name, &h.room[0], C.int(len(h.room))) // fails where the user has closed it
	var key C.int
	C.lensbus_window_key(1, &key, &h.room[0], C.int(len(h.room))) // lets it disappear
	C.free(unsafe.Pointer(h.name))
	h.name = nil
}
