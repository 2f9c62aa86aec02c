package v4l2

import "unsafe"

// What <linux/videodev2.h> and <linux/v4l2-controls.h> say, as far as it is needed here. The names are
// theirs without V4L2_.

const (
	capVideoCapture       = 0x00000001
	capVideoCaptureMplane = 0x00001000
	capDeviceCaps         = 0x80000000

	bufVideoCapture       = 1
	bufVideoCaptureMplane = 9

	classMask        = 0x0fff0000
	classUser        = 0x00980000
	classCamera      = 0x009a0000
	classJPEG        = 0x009d0000
	classImageSource = 0x009e0000
	classImageProc   = 0x009f0000

	ctrlIDMask = 0x0fffffff
	ctrlNext   = 0x80000000

	ctrlInteger     = 1
	ctrlBoolean     = 2
	ctrlMenu        = 3
	ctrlButton      = 4
	ctrlInteger64   = 5
	ctrlIntegerMenu = 9

	ctrlDisabled   = 0x0001
	ctrlGrabbed    = 0x0002
	ctrlReadOnly   = 0x0004
	ctrlInactive   = 0x0010
	ctrlWriteOnly  = 0x0040
	ctrlHasPayload = 0x0100

	enumDiscrete = 1 // of sizes and of intervals; others are ranges
)

type capability struct {
	driver       [16]byte
	card         [32]byte
	busInfo      [32]byte
	_            uint32 // version
	capabilities uint32
	deviceCaps   uint32
	_            [3]uint32
}

type fmtDesc struct {
	index       uint32
	bufType     uint32
	_           uint32   // flags
	_           [32]byte // description
	pixelFormat uint32
	_           [4]uint32
}

// format is a union of 200 bytes, aligned like a pointer, after its type. Here it is only handed
// back as it came.
type format struct {
	bufType uint32
	union   [200 / unsafe.Sizeof(uintptr(0))]uintptr
}

// frameSizeEnum has a union: width and height where it is discrete; least width, most, step and the
// same of the height where it is not.
type frameSizeEnum struct {
	index       uint32
	pixelFormat uint32
	kind        uint32
	size        [6]uint32
	_           [2]uint32
}

type fraction struct{ numerator, denominator uint32 }

// frameIntervalEnum has a union: one interval where it is discrete; least, most and step where not.
type frameIntervalEnum struct {
	index       uint32
	pixelFormat uint32
	width       uint32
	height      uint32
	kind        uint32
	interval    [3]fraction
	_           [2]uint32
}

type queryCtrl struct {
	id           uint32
	kind         uint32
	name         [32]byte
	minimum      int32
	maximum      int32
	step         int32
	defaultValue int32
	flags        uint32
	_            [2]uint32
}

type queryExtCtrl struct {
	id           uint32
	kind         uint32
	name         [32]byte
	minimum      int64
	maximum      int64
	step         uint64
	defaultValue int64
	flags        uint32
	_            uint32 // size of an element
	elems        uint32
	_            uint32    // number of dimensions
	_            [4]uint32 // dimensions
	_            [32]uint32
}

// queryMenu has a union: the item's name, or in its first 8 bytes the value of an integer menu.
type queryMenu struct {
	id    uint32
	index uint32
	name  [32]byte
	_     uint32
}

type plainControl struct {
	id    uint32
	value int32
}

// extControl is packed in C: its union of 8 bytes is not aligned.
type extControl struct {
	id    uint32
	_     uint32 // size of what the value points to, where it does
	_     uint32
	value [8]byte
}

type extControls struct {
	_        uint32 // which: 0 for the values now
	count    uint32
	_        uint32 // index of the one that failed
	_        int32  // file descriptor of a request
	_        uint32
	controls *extControl
}
