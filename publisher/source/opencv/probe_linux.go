//go:build opencv

package opencv

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// hasV4L2 says whether this system has V4L2 at all.
const hasV4L2 = true

// What <linux/videodev2.h> says, as far as probing needs it.
const (
	capVideoCapture       = 0x00000001
	capVideoCaptureMplane = 0x00001000
	capDeviceCaps         = 0x80000000

	bufVideoCapture       = 1
	bufVideoCaptureMplane = 9
)

type v4l2Capability struct {
	driver       [16]byte
	card         [32]byte
	busInfo      [32]byte
	version      uint32
	capabilities uint32
	deviceCaps   uint32
	_            [3]uint32
}

type v4l2FmtDesc struct {
	index       uint32
	bufType     uint32
	flags       uint32
	description [32]byte
	pixelFormat uint32
	_           [4]uint32
}

// v4l2Format is a union of 200 bytes, aligned like a pointer, after its type. Here it is only handed
// back as it came.
type v4l2Format struct {
	bufType uint32
	_       [200 / unsafe.Sizeof(uintptr(0))]uintptr
}

// ioctl asks the driver to fill in arg. direction is 2 for reading and 3 for both ways.
func ioctl[T any](fd int, direction, number uintptr, arg *T) error {
	request := direction<<30 | unsafe.Sizeof(*arg)<<16 | 'V'<<8 | number
	for {
		_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), request, uintptr(unsafe.Pointer(arg)))
		if errno == 0 {
			return nil
		}
		if errno != unix.EINTR {
			return errno
		}
	}
}

const (
	ioRead = 2
	ioBoth = 3

	vidiocQueryCap = 0
	vidiocEnumFmt  = 2
	vidiocGFmt     = 4
	vidiocSFmt     = 5
)

// probe opens a device for a moment. It returns the FOURCCs of the formats that the device offers, or
// says in plain words why nothing can be captured from it and what to do: OpenCV only says no.
func probe(path string) ([]string, error) {
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, openError(err)
	}
	defer func() { _ = unix.Close(fd) }() // nothing was written

	var caps v4l2Capability
	if err := ioctl(fd, ioRead, vidiocQueryCap, &caps); err != nil {
		if errors.Is(err, unix.ENODEV) {
			return nil, openError(err)
		}
		return nil, errors.New("is not a camera (V4L2 device)")
	}
	can := caps.capabilities
	if can&capDeviceCaps != 0 {
		can = caps.deviceCaps // of this node; capabilities are those of all the device's nodes
	}
	bufType := uint32(bufVideoCapture)
	switch {
	case can&capVideoCapture != 0:
	case can&capVideoCaptureMplane != 0:
		bufType = bufVideoCaptureMplane
	default:
		return nil, fmt.Errorf("is a V4L2 device (%s) that captures no video: many cameras have a second node for metadata, try the other one%s", text(caps.card[:]), others(path))
	}

	// Setting the format that is set already changes nothing and fails where somebody is capturing.
	format := v4l2Format{bufType: bufType}
	if err := ioctl(fd, ioBoth, vidiocGFmt, &format); err == nil {
		if err := ioctl(fd, ioBoth, vidiocSFmt, &format); errors.Is(err, unix.EBUSY) {
			return nil, openError(err)
		}
	}
	return formats(fd, bufType), nil
}

func formats(fd int, bufType uint32) []string {
	var offered []string
	for i := range uint32(64) {
		desc := v4l2FmtDesc{index: i, bufType: bufType}
		if ioctl(fd, ioBoth, vidiocEnumFmt, &desc) != nil {
			break
		}
		if name := fourccName(float64(desc.pixelFormat)); name != "" {
			offered = append(offered, name)
		}
	}
	return offered
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

func text(field []byte) string {
	name, _, _ := strings.Cut(string(field), "\x00")
	return strings.ToValidUTF8(name, "?")
}

// monotonic reads CLOCK_MONOTONIC, with which most drivers stamp their buffers.
func monotonic() time.Duration {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return 0 // makes every time stamp implausible, so pictures count as captured on arrival
	}
	return time.Duration(now.Nano())
}
