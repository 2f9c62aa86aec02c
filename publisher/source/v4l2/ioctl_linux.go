package v4l2

import (
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"unicode"
	"unsafe"

	"golang.org/x/sys/unix"
)

// driver is what answers ioctls: the kernel, and in tests something worse. It fills in what arg
// points to, whose size and layout the request implies.
type driver interface {
	ioctl(request uintptr, arg unsafe.Pointer) error
}

const (
	ioRead = 2
	ioBoth = 3

	vidiocQueryCap           = 0
	vidiocEnumFmt            = 2
	vidiocGFmt               = 4
	vidiocSFmt               = 5
	vidiocGCtrl              = 27
	vidiocSCtrl              = 28
	vidiocQueryCtrl          = 36
	vidiocQueryMenu          = 37
	vidiocGExtCtrls          = 71
	vidiocSExtCtrls          = 72
	vidiocEnumFrameSizes     = 74
	vidiocEnumFrameIntervals = 75
	vidiocQueryExtCtrl       = 103
)

// ask puts one question to the driver. direction is ioRead or ioBoth.
func ask[T any](d driver, direction, number uintptr, arg *T) error {
	return d.ioctl(request(runtime.GOARCH, direction, number, unsafe.Sizeof(*arg)), unsafe.Pointer(arg))
}

// request is the number of an ioctl (_IOR and _IOWR of <asm/ioctl.h>).
func request(arch string, direction, number, size uintptr) uintptr {
	switch arch {
	case "mips", "mipsle", "mips64", "mips64le", "ppc64", "ppc64le":
		if direction == ioRead { // there are three bits for it, with 2 for reading and 4 for writing
			direction = 1
		}
	}
	return direction<<30 | size<<16 | 'V'<<8 | number
}

// node is an open device.
type node struct{ fd int }

// openNode opens a device. The caller closes it.
func openNode(path string) (node, error) {
	for {
		fd, err := unix.Open(path, unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		if err == nil {
			return node{fd}, nil
		}
		if !errors.Is(err, unix.EINTR) {
			return node{}, openError(err)
		}
	}
}

func (n node) close() { _ = unix.Close(n.fd) } // nothing was written that could be lost

func (n node) ioctl(request uintptr, arg unsafe.Pointer) error {
	for {
		_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(n.fd), request, uintptr(arg))
		if errno == 0 {
			return nil
		}
		if errno != unix.EINTR {
			return errno
		}
	}
}

// bounded is a driver that stops answering after so many questions, for lists that would not end.
type bounded struct {
	driver
	left int
}

// mostQuestions is some four times what the kernel's most talkative driver (vivid) is asked.
const mostQuestions = 20_000

var errTooMuch = errors.New("the driver's list does not end")

func (b *bounded) ioctl(request uintptr, arg unsafe.Pointer) error {
	if b.left <= 0 {
		return errTooMuch
	}
	b.left--
	return b.driver.ioctl(request, arg)
}

func openError(err error) error {
	switch {
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENODEV), errors.Is(err, unix.ENXIO), errors.Is(err, unix.ENOTDIR):
		return errors.New("no such device: is the camera plugged in?" + others(""))
	case errors.Is(err, unix.EBUSY):
		return errors.New("in use by another program: end that one first (`fuser -v /dev/video*` shows which)")
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
		return errors.New("permission denied: add yourself to the group video (`sudo usermod -aG video $USER`) and log in again")
	case errors.Is(err, unix.EISDIR):
		return errors.New("is a folder, not a device")
	}
	return fmt.Errorf("cannot be opened: %w", err)
}

// others lists the video devices that there are besides path, for the end of an error.
func others(path string) string {
	found, _ := filepath.Glob("/dev/video*") // the pattern is a good one
	var names []string
	for _, name := range found {
		if name != path {
			names = append(names, name)
		}
	}
	switch {
	case len(names) > 0:
		return " (there is " + strings.Join(names, ", ") + ")"
	case path == "":
		return " (there is no /dev/video* at all)"
	}
	return ""
}

// text is what a driver wrote into a field, fit to be shown: a USB device chooses its own name.
func text(field []byte) string {
	name, _, _ := strings.Cut(string(field), "\x00")
	return strings.Map(func(r rune) rune {
		if r == unicode.ReplacementChar || !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, strings.TrimSpace(name))
}
