package v4l2

import (
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/lensbus/lensbus/frame"
)

// webcam is a camera with an automatic exposure, as most have.
func webcam() *camera {
	auto := fake(classCamera|0x901, ctrlMenu, "Auto Exposure", 0, 3)
	auto.items = map[uint32]string{1: "Manual Mode", 3: "Aperture Priority Mode"}
	auto.value = 3
	exposure := fake(classCamera|0x902, ctrlInteger, "Exposure Time, Absolute", 3, 2047)
	exposure.value, exposure.flags = 250, ctrlInactive
	brightness := fake(classUser|0x900, ctrlInteger, "Brightness", -64, 64)
	brightness.value = -5
	c := &camera{controls: []fakeControl{
		fake(classUser|1, 6, "User Controls", 0, 0),
		brightness,
		fake(classUser|0x918, ctrlButton, "Do White Balance", 0, 0),
		auto, exposure,
	}}
	c.onWrite = func(name string, value int64) error {
		if name == "auto_exposure" {
			c.find("exposure_time_absolute").flags = uint32(0)
			if value == 3 {
				c.find("exposure_time_absolute").flags = ctrlInactive
			}
		}
		return nil
	}
	return c
}

func list(t *testing.T, d driver) []frame.Control {
	t.Helper()
	all, err := controls(d)
	if err != nil {
		t.Fatal(err)
	}
	return plain(all)
}

func TestControlsOfEveryType(t *testing.T) {
	link := fake(classImageProc|0x901, ctrlIntegerMenu, "Link Frequency", 0, 1)
	link.items = map[uint32]string{0: "\x00\xa3\xe1\x11\x00\x00\x00\x00", 1: "\xff\xff\xff\xff\xff\xff\xff\xff"}
	link.flags = ctrlReadOnly | ctrlInactive
	pixels := fake(classImageProc|0x902, ctrlInteger64, "Pixel Rate", 0, math.MaxInt64)
	pixels.value, pixels.step, pixels.flags = 1<<40, math.MaxUint64, ctrlGrabbed
	secret := fake(classJPEG|0x903, ctrlInteger, "Write Only", 0, 9)
	secret.flags = ctrlWriteOnly
	d := webcam()
	d.controls = append(d.controls, secret, link, pixels)
	want := []frame.Control{
		{Name: "brightness", Type: "int", Min: -64, Max: 64, Step: 1, Value: -5},
		{Name: "do_white_balance", Type: "button"},
		{Name: "auto_exposure", Type: "menu", Max: 3, Step: 1, Value: 3, Menu: map[int64]string{1: "Manual Mode", 3: "Aperture Priority Mode"}},
		{Name: "exposure_time_absolute", Type: "int", Min: 3, Max: 2047, Step: 1, Value: 250, Inactive: "inactive"},
		{Name: "write_only", Type: "int", Max: 9, Step: 1},
		{Name: "link_frequency", Type: "menu", Max: 1, Step: 1, Menu: map[int64]string{0: "300000000", 1: "-1"}, Inactive: "read-only"},
		{Name: "pixel_rate", Type: "int", Max: math.MaxInt64, Step: math.MaxInt64, Value: 1 << 40, Inactive: "busy"},
	}
	if diff := cmp.Diff(want, list(t, d)); diff != "" {
		t.Errorf("controls (-want +got):\n%s", diff)
	}
}

func TestOldDriversAreAskedInTheOldWay(t *testing.T) {
	d, old := webcam(), webcam()
	old.old = true
	if diff := cmp.Diff(list(t, d), list(t, old)); diff != "" {
		t.Errorf("controls in the new way and in the old (-new +old):\n%s", diff)
	}
	now, _, err := setControls(old, map[string]int64{"brightness": -64})
	if err != nil || now[0].Value != -64 || old.find("brightness").value != -64 {
		t.Errorf("set to %+v: %v", now, err)
	}
}

func TestWhatIsNoControlOfOursIsLeftOut(t *testing.T) {
	disabled := fake(classUser|0x901, ctrlInteger, "Disabled", 0, 1)
	disabled.flags = ctrlDisabled
	array := fake(classUser|0x902, ctrlInteger, "Array", 0, 1)
	array.elems = 4
	payload := fake(classUser|0x903, ctrlInteger, "Payload", 0, 1)
	payload.flags = ctrlHasPayload
	d := &camera{controls: []fakeControl{
		disabled, array, payload,
		fake(classUser|0x904, 7, "String", 0, 1),
		fake(classUser|0x905, 8, "Bitmask", 0, 1),
		fake(classUser|0x906, ctrlInteger, "…", 0, 1),
		fake(classUser|0x907, ctrlInteger, "Gain", 0, 1),
		fake(classUser|0x908, ctrlInteger, "gain ", 0, 2), // the same name again
		fake(classUser|0x909, ctrlInteger, "Silent", 0, 1),
		fake(0x00990900, ctrlInteger, "Codec", 0, 1),
		fake(0x00f0f041, ctrlButton, "Disconnect", 0, 1),
	}, silent: map[uint32]error{classUser | 0x909: unix.EIO}}
	if got, want := list(t, d), []frame.Control{{Name: "gain", Type: "int", Max: 1, Step: 1}}; !cmp.Equal(got, want) {
		t.Errorf("controls %+v", got)
	}
}

func TestDriversThatFail(t *testing.T) {
	d := webcam()
	d.broken = map[uint32]error{classCamera | 0x901: unix.EIO}
	if got := list(t, d); len(got) != 2 || got[1].Name != "do_white_balance" {
		t.Errorf("with a failure in the middle: %+v", got)
	}
	d.broken = map[uint32]error{classUser | 1: unix.EIO}
	if _, err := controls(d); !errors.Is(err, unix.EIO) || errors.Is(err, ErrRefused) {
		t.Errorf("with a failure at once: %v", err)
	}
	d.broken = map[uint32]error{classCamera | 0x901: unix.ENODEV}
	if _, err := controls(d); err == nil || !strings.Contains(err.Error(), "no such device") {
		t.Errorf("unplugged while it is asked: %v", err)
	}
	if got := list(t, &camera{}); len(got) != 0 || got == nil {
		t.Errorf("without controls: %#v, want an empty list", got)
	}
}

func TestSetTurnsTheAutomaticOffFirstAndUndoGoesBack(t *testing.T) {
	d := webcam()
	now, before, err := setControls(d, map[string]int64{"exposure_time_absolute": 99, "do_white_balance": 1, "auto_exposure": 1, "brightness": 0})
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"auto_exposure", "brightness", "exposure_time_absolute", "do_white_balance"}; !slices.Equal(d.written, want) {
		t.Errorf("set in the order %q, want %q", d.written, want)
	}
	var values []int64
	for _, c := range now {
		values = append(values, c.Value)
	}
	if !slices.Equal(values, []int64{1, 0, 0, 99}) || now[3].Inactive != "" || now[0].Menu[1] != "Manual Mode" {
		t.Errorf("now %+v", now)
	}
	d.written = nil
	if err := setBack(d, before); err != nil {
		t.Error(err)
	}
	if want := []string{"exposure_time_absolute", "brightness", "auto_exposure"}; !slices.Equal(d.written, want) {
		t.Errorf("set back in the order %q, want %q", d.written, want)
	}
	if diff := cmp.Diff(list(t, webcam()), list(t, d)); diff != "" {
		t.Errorf("after undo (-before +after):\n%s", diff)
	}
}

func TestWhatIsRefusedChangesNothing(t *testing.T) {
	for _, test := range []struct {
		values map[string]int64
		want   string
		writes int // tried before the refusal, and set back
	}{
		{map[string]int64{"auto_exposure": 1, "brightness": 65}, "brightness 65: want -64 to 64", 0},
		{map[string]int64{"auto_exposure": 1, "brigtness": 5}, `no control "brigtness": this camera has brightness, do_white_balance, auto_exposure, exposure_time_absolute`, 0},
		{map[string]int64{"exposure_time_absolute": 5}, "exposure_time_absolute 5: exposure_time_absolute has no effect now, because of auto_exposure=3", 0},
		{map[string]int64{"brightness": 5, "exposure_time_absolute": 5, "do_white_balance": 1}, "exposure_time_absolute 5: exposure_time_absolute has no effect now, because of auto_exposure=3", 1},
		{map[string]int64{"auto_exposure": 2}, "auto_exposure 2: want 1 (Manual Mode) or 3 (Aperture Priority Mode)", 0},
	} {
		d := webcam()
		now, before, err := setControls(d, test.values)
		if err == nil || err.Error() != test.want || !errors.Is(err, ErrRefused) || now != nil || before != nil {
			t.Errorf("set %v: %v, want %s", test.values, err, test.want)
		}
		if len(d.written) != 2*test.writes {
			t.Errorf("set %v: wrote %q", test.values, d.written)
		}
		if diff := cmp.Diff(list(t, webcam()), list(t, d)); diff != "" {
			t.Errorf("set %v changed (-before +after):\n%s", test.values, diff)
		}
	}
}

func TestWhatTheDriverSaysToASetting(t *testing.T) {
	for _, test := range []struct {
		err     error
		refused bool
		want    string
	}{
		{unix.EBUSY, true, "brightness 5: cannot be changed while the camera is in use"},
		{unix.ERANGE, true, "brightness 5: the driver refuses it (numerical result out of range)"},
		{unix.EACCES, true, "brightness 5: the driver refuses it (permission denied)"},
		{unix.EIO, false, "set brightness to 5: input/output error"},
		{unix.ENODEV, false, "no such device"},
	} {
		d := webcam()
		d.onWrite = func(string, int64) error { return test.err }
		_, _, err := setControls(d, map[string]int64{"brightness": 5})
		if err == nil || !strings.HasPrefix(err.Error(), test.want) || errors.Is(err, ErrRefused) != test.refused {
			t.Errorf("%v: error %v, want %s", test.err, err, test.want)
		}
	}
	// A driver that fails in the middle and then does not even take back.
	d := webcam()
	d.onWrite = func(name string, value int64) error {
		if name == "brightness" && value != 0 {
			return unix.EIO
		}
		if name == "do_white_balance" {
			return unix.EBUSY
		}
		return nil
	}
	_, _, err := setControls(d, map[string]int64{"brightness": 0, "do_white_balance": 1})
	if want := "do_white_balance 1: cannot be changed while the camera is in use (and not all is as it was: set brightness back to -5: input/output error)"; err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

func TestAnswerIsWhatTheDriverMadeOfIt(t *testing.T) {
	d := webcam()
	d.store = func(value int64) int64 { return value / 4 * 4 } // and says nothing of steps
	now, _, err := setControls(d, map[string]int64{"brightness": 11})
	if err != nil || len(now) != 1 || now[0].Value != 8 {
		t.Errorf("answer %+v: %v, want what the device has", now, err)
	}
}

func TestListsThatDoNotEndAreCut(t *testing.T) {
	noise := make([]byte, 64<<10)
	random := rand.New(rand.NewPCG(1, 2))
	for i := range noise {
		noise[i] = byte(random.UintN(250))
	}
	d := &endless{bytes: noise}
	all, err := controls(d)
	if err != nil || len(all) < 50 || d.asked != mostQuestions {
		t.Errorf("%d controls after %d questions: %v", len(all), d.asked, err)
	}
	asked := 0
	list := sizes(answers(func(request uintptr, arg unsafe.Pointer) error {
		asked++
		switch request & 0xff {
		case vidiocEnumFmt:
			desc := (*fmtDesc)(arg)
			desc.pixelFormat = 0x40404040 + desc.index
		case vidiocEnumFrameSizes:
			e := (*frameSizeEnum)(arg)
			e.kind, e.size = enumDiscrete, [6]uint32{e.index + 1, 1}
		case vidiocEnumFrameIntervals:
			e := (*frameIntervalEnum)(arg)
			e.kind, e.interval[0] = enumDiscrete, fraction{1, e.index + 1}
		}
		return nil
	}), bufVideoCapture)
	if asked != mostQuestions || len(list) != mostSizes || len(list[0].FPS) != mostRates {
		t.Errorf("%d sizes after %d questions", len(list), asked)
	}
}

type answers func(request uintptr, arg unsafe.Pointer) error

func (a answers) ioctl(request uintptr, arg unsafe.Pointer) error { return a(request, arg) }

func TestDevicesThatAreNone(t *testing.T) {
	for path, want := range map[string]string{
		"/dev/video63": "no such device: is the camera plugged in?",
		os.DevNull:     "is not a camera",
		t.TempDir():    "is a folder",
		"":             "no such device",
		"a\x00b":       "cannot be opened",
	} {
		_, probed := Probe(path)
		_, listed := Controls(path)
		_, sized := Sizes(path)
		_, set := SetControl(path, "brightness", 1)
		_, undo, many := SetControls(path, nil)
		for _, err := range []error{probed, listed, sized, set, many} {
			if err == nil || !strings.Contains(err.Error(), want) || errors.Is(err, ErrRefused) {
				t.Errorf("%q: error %v, want %s", path, err, want)
			}
		}
		if err := undo(); err != nil {
			t.Errorf("%q: undo of nothing: %v", path, err)
		}
	}
}
