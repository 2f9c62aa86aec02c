package v4l2

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/lensbus/lensbus/frame"
)

// Controls lists the controls of a device with their values now, in the driver's order: those of the
// classes user, camera, JPEG and image that are a number, a switch, a menu or a button. A menu's
// value is one of its keys; that of an integer menu is also a key, with the number as its text.
// Disabled ones are left out, and those whose value the device does not tell. Buttons and what can
// only be written have the value 0. A device without controls has an empty list and no error.
func Controls(path string) ([]frame.Control, error) {
	n, err := openNode(path)
	if err != nil {
		return nil, err
	}
	defer n.close()
	if _, _, err := describe(n, path); err != nil {
		return nil, err
	}
	all, err := controls(n)
	return plain(all), err
}

// control is a control with what the driver must be told about it.
type control struct {
	frame.Control
	id   uint32
	kind uint32
}

func plain(all []control) []frame.Control {
	list := make([]frame.Control, 0, len(all))
	for _, c := range all {
		list = append(list, c.Control)
	}
	return list
}

const mostMenuItems = 256

func controls(kernel driver) ([]control, error) {
	d := &bounded{driver: kernel, left: mostQuestions}
	var all []control
	for last := uint32(0); ; {
		q := queryExtCtrl{id: last | ctrlNext}
		err := queryControl(d, &q)
		switch {
		case errors.Is(err, unix.EINVAL), errors.Is(err, unix.ENOTTY), errors.Is(err, errTooMuch):
			return all, nil
		case err != nil && len(all) > 0 && !errors.Is(err, unix.ENODEV):
			return all, nil // some cameras' firmware fails at one of them: what came before is good
		case err != nil:
			return nil, deviceError("list the controls", err)
		case q.id <= last || q.id > ctrlIDMask:
			return all, nil // would go round for ever
		}
		last = q.id
		c, ok := convert(q)
		if !ok || slices.ContainsFunc(all, func(other control) bool { return other.Name == c.Name }) {
			continue
		}
		if err := complete(d, &c, q.flags); errors.Is(err, unix.ENODEV) {
			return nil, deviceError("list the controls", err)
		} else if err == nil {
			all = append(all, c)
		}
	}
}

// queryControl asks for one control, in the old way where the driver has no new one.
func queryControl(d driver, q *queryExtCtrl) error {
	err := ask(d, ioBoth, vidiocQueryExtCtrl, q)
	if !errors.Is(err, unix.ENOTTY) {
		return err
	}
	old := queryCtrl{id: q.id}
	if err := ask(d, ioBoth, vidiocQueryCtrl, &old); err != nil {
		return err
	}
	*q = queryExtCtrl{
		id: old.id, kind: old.kind, name: old.name, flags: old.flags, elems: 1,
		minimum: int64(old.minimum), maximum: int64(old.maximum), step: uint64(max(old.step, 0)), defaultValue: int64(old.defaultValue),
	}
	return nil
}

// convert makes a control of what a driver says about it, without value and menu. It is false for
// what is none of ours.
func convert(q queryExtCtrl) (control, bool) {
	c := control{id: q.id, kind: q.kind}
	switch q.id & classMask {
	case classUser, classCamera, classJPEG, classImageSource, classImageProc:
	default:
		return c, false
	}
	switch q.kind {
	case ctrlInteger, ctrlInteger64:
		c.Type = typeInt
	case ctrlBoolean:
		c.Type = typeBool
	case ctrlMenu, ctrlIntegerMenu:
		c.Type = typeMenu
	case ctrlButton:
		c.Type = typeButton
	default:
		return c, false
	}
	if q.flags&(ctrlDisabled|ctrlHasPayload) != 0 || q.elems > 1 {
		return c, false
	}
	switch {
	case q.flags&ctrlReadOnly != 0:
		c.Inactive = readOnly
	case q.flags&ctrlGrabbed != 0:
		c.Inactive = busy
	case q.flags&ctrlInactive != 0:
		c.Inactive = inactive
	}
	c.Name = controlName(text(q.name[:]))
	c.Min, c.Max, c.Default = q.minimum, q.maximum, q.defaultValue
	c.Step = int64(min(q.step, math.MaxInt64))
	switch {
	case c.Type == typeButton:
		c.Min, c.Max, c.Step, c.Default = 0, 0, 0, 0
	case c.kind != ctrlInteger64: // has 32 bits, whatever the driver says
		c.Min, c.Max, c.Default = fit32(c.Min), fit32(c.Max), fit32(c.Default)
	}
	return c, c.Name != ""
}

func fit32(v int64) int64 { return max(math.MinInt32, min(v, math.MaxInt32)) }

// complete reads a control's menu and value.
func complete(d driver, c *control, flags uint32) error {
	if c.Type == typeMenu {
		c.Menu = menu(d, *c)
	}
	if c.Type == typeButton || flags&ctrlWriteOnly != 0 {
		return nil
	}
	var err error
	c.Value, err = value(d, *c)
	return err
}

func menu(d driver, c control) map[int64]string {
	items := make(map[int64]string)
	for i := max(c.Min, 0); i <= c.Max && i-max(c.Min, 0) < mostMenuItems; i++ {
		q := queryMenu{id: c.id, index: uint32(i)}
		if ask(d, ioBoth, vidiocQueryMenu, &q) != nil {
			continue // a menu may have gaps
		}
		if c.kind == ctrlIntegerMenu {
			items[i] = strconv.FormatInt(int64(binary.NativeEndian.Uint64(q.name[:8])), 10)
		} else {
			items[i] = text(q.name[:])
		}
	}
	return items
}

// value reads what a control is set to.
func value(d driver, c control) (int64, error) {
	one := &extControl{id: c.id}
	err := ask(d, ioBoth, vidiocGExtCtrls, &extControls{count: 1, controls: one})
	if errors.Is(err, unix.ENOTTY) && c.kind != ctrlInteger64 {
		old := plainControl{id: c.id}
		err := ask(d, ioBoth, vidiocGCtrl, &old)
		return int64(old.value), err
	}
	if err != nil {
		return 0, err
	}
	if c.kind == ctrlInteger64 {
		return int64(binary.NativeEndian.Uint64(one.value[:])), nil
	}
	return int64(int32(binary.NativeEndian.Uint32(one.value[:]))), nil
}

// deviceError is for what fails with a device that could be opened.
func deviceError(what string, err error) error {
	if errors.Is(err, unix.ENODEV) {
		return openError(err)
	}
	return fmt.Errorf("%s: %w", what, err)
}
