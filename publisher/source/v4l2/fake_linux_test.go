package v4l2

import (
	"encoding/binary"
	"slices"
	"unsafe"

	"golang.org/x/sys/unix"
)

// camera answers ioctls like a well-made driver, for what the kernel's test driver cannot be made to
// do. Its fields are the ways in which drivers differ.
type camera struct {
	controls []fakeControl           // by id, upwards
	old      bool                    // knows no extended controls
	broken   map[uint32]error        // any question about these fails
	silent   map[uint32]error        // asking for the values of these fails
	store    func(value int64) int64 // what becomes of a value that is set; nil for itself
	asked    int
	written  []string // names of controls in the order in which they were set
	onWrite  func(name string, value int64) error
}

type fakeControl struct {
	queryExtCtrl
	value int64
	items map[uint32]string
}

func fake(id, kind uint32, name string, low, high int64) fakeControl {
	c := fakeControl{queryExtCtrl: queryExtCtrl{id: id, kind: kind, minimum: low, maximum: high, step: 1, elems: 1}}
	copy(c.name[:], name)
	return c
}

func (c *camera) find(name string) *fakeControl {
	i := slices.IndexFunc(c.controls, func(f fakeControl) bool { return controlName(text(f.name[:])) == name })
	return &c.controls[i]
}

func (c *camera) lookUp(id uint32) *fakeControl {
	next, id := id&ctrlNext != 0, id&^ctrlNext
	for i := range c.controls {
		if f := &c.controls[i]; f.id == id && !next || f.id > id && next {
			return f
		}
	}
	return nil
}

func (c *camera) ioctl(request uintptr, arg unsafe.Pointer) error {
	c.asked++
	number := request & 0xff
	extended := number == vidiocQueryExtCtrl || number == vidiocGExtCtrls || number == vidiocSExtCtrls
	if c.old && extended {
		return unix.ENOTTY
	}
	id := *(*uint32)(arg) // the first field, but for the extended ones
	var one *extControl
	if number == vidiocGExtCtrls || number == vidiocSExtCtrls {
		one = (*extControls)(arg).controls
		id = one.id
	}
	f := c.lookUp(id)
	if f == nil {
		return unix.EINVAL
	}
	if err := c.broken[f.id]; err != nil {
		return err
	}
	if err := c.silent[f.id]; err != nil && (number == vidiocGExtCtrls || number == vidiocGCtrl) {
		return err
	}
	switch number {
	case vidiocQueryExtCtrl:
		*(*queryExtCtrl)(arg) = f.queryExtCtrl
	case vidiocQueryCtrl:
		*(*queryCtrl)(arg) = queryCtrl{id: f.id, kind: f.kind, name: f.name, flags: f.flags,
			minimum: int32(f.minimum), maximum: int32(f.maximum), step: int32(f.step), defaultValue: int32(f.defaultValue)}
	case vidiocQueryMenu:
		q := (*queryMenu)(arg)
		item, ok := f.items[q.index]
		if !ok {
			return unix.EINVAL
		}
		copy(q.name[:], item)
	case vidiocGExtCtrls:
		if f.kind == ctrlInteger64 {
			binary.NativeEndian.PutUint64(one.value[:], uint64(f.value))
		} else {
			binary.NativeEndian.PutUint32(one.value[:], uint32(f.value))
		}
	case vidiocGCtrl:
		(*plainControl)(arg).value = int32(f.value)
	case vidiocSExtCtrls:
		if f.kind == ctrlInteger64 {
			return c.write(f, int64(binary.NativeEndian.Uint64(one.value[:])))
		}
		return c.write(f, int64(int32(binary.NativeEndian.Uint32(one.value[:]))))
	case vidiocSCtrl:
		return c.write(f, int64((*plainControl)(arg).value))
	default:
		return unix.ENOTTY
	}
	return nil
}

func (c *camera) write(f *fakeControl, value int64) error {
	name := controlName(text(f.name[:]))
	if c.onWrite != nil {
		if err := c.onWrite(name, value); err != nil {
			return err
		}
	}
	if c.store != nil {
		value = c.store(value)
	}
	f.value = value
	c.written = append(c.written, name)
	return nil
}

// endless answers every question, with whatever bytes it is given, round and round. Bytes of 250 and
// more make it fail, or answer what has nothing to do with the question.
type endless struct {
	bytes []byte
	limit int // of bytes; 0 for none
	at    int
	asked int
}

func (e *endless) next() byte {
	if len(e.bytes) == 0 {
		return 0
	}
	b := e.bytes[e.at%len(e.bytes)]
	e.at++
	return b
}

func (e *endless) ioctl(request uintptr, arg unsafe.Pointer) error {
	e.asked++
	if e.limit > 0 && e.at > e.limit {
		return unix.EINVAL
	}
	switch e.next() {
	case 255:
		return unix.EINVAL
	case 254:
		return unix.EIO
	case 253:
		return unix.ENODEV
	case 252:
		return unix.ENOTTY
	}
	number, size := request&0xff, request>>16&0x3fff
	if number == vidiocGExtCtrls || number == vidiocSExtCtrls { // the kernel does not write the pointer either
		one := (*extControls)(arg).controls
		for i := range one.value {
			one.value[i] = e.next()
		}
		return nil
	}
	before := *(*uint32)(arg)
	filled := unsafe.Slice((*byte)(arg), size)
	if number == vidiocQueryExtCtrl {
		filled = filled[:unsafe.Offsetof(queryExtCtrl{}.elems)+4] // nobody looks at the rest
	}
	for i := range filled {
		filled[i] = e.next()
	}
	if e.next() >= 250 {
		return nil
	}
	switch number {
	case vidiocQueryExtCtrl:
		q := (*queryExtCtrl)(arg)
		q.id = before &^ ctrlNext
		if before&ctrlNext != 0 {
			q.id = max(q.id, classUser) + 1
		}
		q.kind, q.flags, q.elems = q.kind%12, q.flags%0x80, 1
	case vidiocEnumFmt:
		(*fmtDesc)(arg).pixelFormat = (*fmtDesc)(arg).pixelFormat&0x0f0f0f0f | 0x40404040
	case vidiocEnumFrameSizes:
		size := (*frameSizeEnum)(arg)
		size.kind %= 4
		for i := range size.size {
			size.size[i] %= 20_000
		}
	case vidiocEnumFrameIntervals:
		interval := (*frameIntervalEnum)(arg)
		interval.kind %= 4
		for i := range interval.interval {
			interval.interval[i].numerator %= 1 << 10
			interval.interval[i].denominator %= 1 << 16
		}
	}
	return nil
}
