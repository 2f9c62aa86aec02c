package v4l2

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// Probe opens a device for a moment and returns what it is, or an error that says in plain words why
// nothing can be captured from it now and what to do.
func Probe(path string) (Device, error) {
	n, err := openNode(path)
	if err != nil {
		return Device{}, err
	}
	defer n.close()
	device, bufType, err := describe(n, path)
	if err != nil {
		return Device{}, err
	}
	if !device.Capture {
		return Device{}, fmt.Errorf("is a V4L2 device (%s) that captures no video: many cameras have a second node for metadata, try the other one%s", device.Card, others(path))
	}

	// Setting the format that is set already changes nothing and fails where somebody is capturing.
	current := format{bufType: bufType}
	if err := ask(n, ioBoth, vidiocGFmt, &current); err == nil {
		if err := ask(n, ioBoth, vidiocSFmt, &current); errors.Is(err, unix.EBUSY) {
			return Device{}, openError(err)
		}
	}
	return device, nil
}

// describe asks a device what it is. bufType is what it captures into, 0 where it does not capture.
func describe(d driver, path string) (device Device, bufType uint32, err error) {
	var caps capability
	if err := ask(d, ioRead, vidiocQueryCap, &caps); err != nil {
		if errors.Is(err, unix.ENODEV) {
			return Device{}, 0, openError(err)
		}
		return Device{}, 0, errors.New("is not a camera (V4L2 device)")
	}
	can := caps.capabilities
	if can&capDeviceCaps != 0 {
		can = caps.deviceCaps // of this node; capabilities are those of all the device's nodes
	}
	switch {
	case can&capVideoCapture != 0:
		bufType = bufVideoCapture
	case can&capVideoCaptureMplane != 0:
		bufType = bufVideoCaptureMplane
	}
	device = Device{Path: path, Card: text(caps.card[:]), Driver: text(caps.driver[:]), Bus: text(caps.busInfo[:]), Capture: bufType != 0}
	if device.Capture {
		for _, code := range formats(d, bufType) {
			device.Formats = append(device.Formats, FourCC(code))
		}
	}
	return device, bufType, nil
}

// formats are the codes of the pixel formats that a device captures and that have a name.
func formats(d driver, bufType uint32) []uint32 {
	var codes []uint32
	for i := range uint32(mostFormats) {
		desc := fmtDesc{index: i, bufType: bufType}
		if ask(d, ioBoth, vidiocEnumFmt, &desc) != nil {
			break
		}
		if FourCC(desc.pixelFormat) != "" {
			codes = append(codes, desc.pixelFormat)
		}
	}
	return codes
}

const mostFormats = 256
