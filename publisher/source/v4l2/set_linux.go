package v4l2

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/lensbus/lensbus/frame"
)

// SetControl sets one control by its name and returns it as it is then, read back from the device,
// which may differ from what was asked where the driver rounds or somebody else set it in between.
// The value 1 presses a button. What the camera cannot do is an error that wraps [ErrRefused] and says
// what it can.
func SetControl(path, name string, value int64) (frame.Control, error) {
	now, _, err := SetControls(path, map[string]int64{name: value})
	if err != nil {
		return frame.Control{}, err
	}
	return now[0], nil
}

// SetControls sets several controls, or none: where one fails or is refused, those set before it are
// set back. Their order is one that works: automatic exposure is turned off before the exposure
// time is set. now are they as read back, sorted by name. undo sets them to what they were before,
// apart from buttons; it is never nil and does nothing after an error or the second time.
func SetControls(path string, values map[string]int64) (now []frame.Control, undo func() error, err error) {
	nothing := func() error { return nil }
	n, err := openNode(path)
	if err != nil {
		return nil, nothing, err
	}
	defer n.close()
	if _, _, err := describe(n, path); err != nil {
		return nil, nothing, err
	}
	now, before, err := setControls(n, values)
	if err != nil {
		return nil, nothing, err
	}
	undo = func() error {
		steps := before
		before = nil
		if len(steps) == 0 {
			return nil
		}
		n, err := openNode(path)
		if err != nil {
			return err
		}
		defer n.close()
		return setBack(n, steps)
	}
	return now, undo, nil
}

// setControls sets all values or none. before are the controls as they were, in the order in which
// they were set.
func setControls(d driver, values map[string]int64) (now []frame.Control, before []control, err error) {
	all, err := controls(d)
	if err != nil {
		return nil, nil, err
	}
	listed := plain(all)
	find := func(name string) int {
		return slices.IndexFunc(all, func(c control) bool { return c.Name == name })
	}
	kind := func(name string) string {
		if i := find(name); i >= 0 {
			return all[i].Type
		}
		return ""
	}
	order := inOrder(values, kind)
	for _, name := range order {
		i := find(name)
		if i < 0 {
			return nil, nil, unknown(name, listed)
		}
		if err := checkValue(all[i].Control, values[name]); err != nil {
			return nil, nil, err
		}
		// What is inactive may become active by what is set before it.
		if all[i].Inactive != inactive || len(values) == 1 {
			if err := checkFree(all[i].Control, values[name], listed); err != nil {
				return nil, nil, err
			}
		}
	}
	fail := func(err error) ([]frame.Control, []control, error) {
		if failed := setBack(d, before); failed != nil {
			err = fmt.Errorf("%w (and not all is as it was: %w)", err, failed)
		}
		return nil, nil, err
	}
	for _, name := range order {
		c := all[find(name)]
		if err := setOne(d, c, values[name], listed); err != nil {
			return fail(err)
		}
		before = append(before, c)
	}
	slices.Sort(order)
	for _, name := range order {
		c, err := refresh(d, all[find(name)])
		if err != nil {
			return fail(deviceError("read "+name+" back", err))
		}
		now = append(now, c.Control)
	}
	return now, before, nil
}

// setOne sets a control that takes the value, if it is free now.
func setOne(d driver, c control, value int64, all []frame.Control) error {
	c, err := refresh(d, c)
	if err != nil {
		return deviceError("read "+c.Name, err)
	}
	if err := checkFree(c.Control, value, all); err != nil {
		return err
	}
	err = write(d, c, value)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.EBUSY):
		return refusal(fmt.Sprintf("%s %d: cannot be changed while the camera is in use", c.Name, value))
	case errors.Is(err, unix.EINVAL), errors.Is(err, unix.ERANGE), errors.Is(err, unix.EACCES):
		return refusal(fmt.Sprintf("%s %d: the driver refuses it (%v)", c.Name, value, err))
	}
	return deviceError(fmt.Sprintf("set %s to %d", c.Name, value), err)
}

// refresh asks for a control that is known already. Its menu stays.
func refresh(d driver, known control) (control, error) {
	q := queryExtCtrl{id: known.id}
	if err := queryControl(d, &q); err != nil {
		return known, err
	}
	c, ok := convert(q)
	if !ok || c.id != known.id || c.Name != known.Name || c.kind != known.kind {
		return known, errors.New("the driver now says something else about it")
	}
	c.Menu = known.Menu
	if c.Type == typeButton || q.flags&ctrlWriteOnly != 0 {
		return c, nil
	}
	var err error
	c.Value, err = value(d, c)
	return c, err
}

func write(d driver, c control, value int64) error {
	one := &extControl{id: c.id}
	if c.kind == ctrlInteger64 {
		binary.NativeEndian.PutUint64(one.value[:], uint64(value))
	} else {
		binary.NativeEndian.PutUint32(one.value[:], uint32(int32(value)))
	}
	err := ask(d, ioBoth, vidiocSExtCtrls, &extControls{count: 1, controls: one})
	if errors.Is(err, unix.ENOTTY) && c.kind != ctrlInteger64 {
		return ask(d, ioBoth, vidiocSCtrl, &plainControl{id: c.id, value: int32(value)})
	}
	return err
}

// setBack sets controls to what they were, the last one first. It goes on after a failure and
// returns the first.
func setBack(d driver, before []control) error {
	var first error
	for _, c := range slices.Backward(before) {
		if c.Type == typeButton {
			continue
		}
		if err := write(d, c, c.Value); err != nil && first == nil {
			first = deviceError(fmt.Sprintf("set %s back to %d", c.Name, c.Value), err)
		}
	}
	return first
}
