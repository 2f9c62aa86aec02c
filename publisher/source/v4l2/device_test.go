//go:build v4l2 && linux

package v4l2

import (
	"errors"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lensbus/lensbus/frame"
)

// These tests need the kernel's own camera drivers, vivid and v4l2loopback, and v4l2-ctl, whose
// answers are compared with. The script test/v4l2/run says which devices they are.

const (
	envRaw      = "LENSBUS_V4L2_RAW"
	envLoopback = "LENSBUS_V4L2_LOOPBACK"

	// patience is how long anything may take: the machine may be an emulated one.
	patience = 60 * time.Second
)

func TestMain(m *testing.M) {
	if path := os.Getenv("LENSBUS_V4L2_ASK"); path != "" { // this program as another user
		askAsNobody(path)
		return
	}
	if os.Getenv(envRaw) == "" || os.Getenv(envLoopback) == "" {
		println("needs cameras: " + envRaw + " and " + envLoopback + " are not set; `make test-v4l2` provides a machine with them")
		os.Exit(1)
	}
	if _, err := exec.LookPath("v4l2-ctl"); err != nil {
		println("needs v4l2-ctl, of the package v4l-utils: " + err.Error())
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func raw() string      { return strings.Split(os.Getenv(envRaw), ",")[0] }
func loopback() string { return os.Getenv(envLoopback) }

func v4l2ctl(t *testing.T, device string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "v4l2-ctl", append([]string{"-d", device}, args...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("v4l2-ctl %q: %v\n%s", args, err, out)
	}
	return string(out)
}

// ctl is the value of a control as v4l2-ctl has it.
func ctl(t *testing.T, device, name string) int64 {
	t.Helper()
	_, value, _ := strings.Cut(strings.TrimSpace(v4l2ctl(t, device, "--get-ctrl", name)), ": ")
	value, _, _ = strings.Cut(value, " ") // a menu's text comes after it
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// keep sets the controls of a device back at the end of the test.
func keep(t *testing.T, device string, names ...string) {
	t.Helper()
	for _, name := range names {
		before := ctl(t, device, name)
		t.Cleanup(func() {
			if out, err := exec.Command("v4l2-ctl", "-d", device, "--set-ctrl", name+"="+strconv.FormatInt(before, 10)).CombinedOutput(); err != nil {
				t.Errorf("set %s back: %v\n%s", name, err, out)
			}
		})
	}
}

func TestControlsAreThoseOfV4L2CtlOnDevices(t *testing.T) {
	for _, device := range []string{raw(), loopback()} {
		got, err := Controls(device)
		if err != nil {
			t.Fatal(err)
		}
		want := parseControls(t, v4l2ctl(t, device, "--list-ctrls-menus"))
		if len(want) < 3 {
			t.Fatalf("%s: v4l2-ctl lists %d controls", device, len(want))
		}
		for i := range got {
			if got[i].Inactive == inactive { // an automatic's value changes from one look to the next
				for j := range want {
					if want[j].Name == got[i].Name {
						want[j].Value = got[i].Value
					}
				}
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-v4l2-ctl +Controls):\n%s", device, diff)
		}
	}
}

func TestSetIsWhatV4L2CtlReads(t *testing.T) {
	device := raw()
	for _, test := range []struct {
		name   string
		values []int64
	}{
		{"brightness", []int64{0, 255, 17}},
		{"hue", []int64{-128, -5, 128}},
		{"horizontal_flip", []int64{1, 0}},
		{"menu", []int64{1, 4, 3}},
		{"integer_menu", []int64{2, 8}},
		{"integer_32_bits", []int64{-2147483648, 2147483647}},
		{"integer_64_bits", []int64{-9223372036854775808, 9223372036854775807, 1 << 40}},
	} {
		t.Run(test.name, func(t *testing.T) {
			keep(t, device, test.name)
			for _, value := range test.values {
				got, err := SetControl(device, test.name, value)
				if err != nil || got.Name != test.name || got.Value != value {
					t.Fatalf("set to %d: %+v: %v", value, got, err)
				}
				if now := ctl(t, device, test.name); now != value {
					t.Errorf("set to %d, v4l2-ctl reads %d", value, now)
				}
			}
			v4l2ctl(t, device, "--set-ctrl", test.name+"="+strconv.FormatInt(test.values[0], 10))
			all, err := Controls(device)
			if i := slices.IndexFunc(all, func(c frame.Control) bool { return c.Name == test.name }); err != nil || all[i].Value != test.values[0] {
				t.Errorf("v4l2-ctl set %d, Controls has %+v: %v", test.values[0], all[i], err)
			}
		})
	}
	if got, err := SetControl(device, "button", 1); err != nil || got.Type != "button" {
		t.Errorf("button: %+v: %v", got, err)
	}
}

func TestRefusalsOfADevice(t *testing.T) {
	device := raw()
	keep(t, device, "gain_automatic")
	v4l2ctl(t, device, "--set-ctrl", "gain_automatic=1")
	before, err := Controls(device)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name  string
		value int64
		want  string
	}{
		{"brightness", 300, "brightness 300: want 0 to 255"},
		{"brightness", -1, "brightness -1: want 0 to 255"},
		{"brighness", 1, `no control "brighness": this camera has brightness, contrast, saturation, hue, `},
		{"menu", 2, "menu 2: want 1 (Menu Item 1), 3 (Menu Item 3) or 4 (Menu Item 4)"},
		{"mute", 2, "mute 2: want 0 or 1"},
		{"gain", 5, "gain 5: gain has no effect now, because of gain_automatic=1"},
		{"read_only_integer_32_bits", 5, "read_only_integer_32_bits 5: read_only_integer_32_bits can only be read"},
		{"disconnect", 1, `no control "disconnect"`}, // vivid's own, which would break it
		{"string", 1, `no control "string"`},
	} {
		_, err := SetControl(device, test.name, test.value)
		if err == nil || !strings.HasPrefix(err.Error(), test.want) || !errors.Is(err, ErrRefused) {
			t.Errorf("%s=%d: %v, want %s", test.name, test.value, err, test.want)
		}
	}
	_, undo, err := SetControls(device, map[string]int64{"contrast": 3, "gain": 5})
	if !errors.Is(err, ErrRefused) || undo() != nil {
		t.Errorf("contrast and gain: %v", err)
	}
	after, err := Controls(device)
	if err != nil {
		t.Fatal(err)
	}
	withoutGain := func(c frame.Control) bool { return c.Name == "gain" } // the automatic's
	if diff := cmp.Diff(slices.DeleteFunc(before, withoutGain), slices.DeleteFunc(after, withoutGain)); diff != "" {
		t.Errorf("refusals changed something (-before +after):\n%s", diff)
	}
}

func TestSetControlsOfADeviceAndUndo(t *testing.T) {
	device := raw()
	keep(t, device, "gain_automatic", "brightness")
	v4l2ctl(t, device, "--set-ctrl", "gain_automatic=1,brightness=100")
	now, undo, err := SetControls(device, map[string]int64{"gain": 77, "gain_automatic": 0, "brightness": 9})
	if err != nil || len(now) != 3 || now[0].Value != 9 || now[1].Value != 77 || now[1].Inactive != "" || now[2].Value != 0 {
		t.Fatalf("now %+v: %v", now, err)
	}
	if gain := ctl(t, device, "gain"); gain != 77 {
		t.Errorf("v4l2-ctl reads gain %d", gain)
	}
	for range 2 { // the second does nothing
		if err := undo(); err != nil {
			t.Error(err)
		}
		if auto, brightness := ctl(t, device, "gain_automatic"), ctl(t, device, "brightness"); auto != 1 || brightness != 100 {
			t.Errorf("after undo gain_automatic=%d brightness=%d", auto, brightness)
		}
	}
}

func TestConcurrentSettersGetTheTruth(t *testing.T) {
	device := raw()
	keep(t, device, "saturation")
	var wg sync.WaitGroup
	for i := range int64(8) {
		wg.Go(func() {
			for j := range int64(8) {
				got, err := SetControl(device, "saturation", 8*i+j)
				if err != nil || got.Value < 0 || got.Value >= 64 {
					t.Errorf("%+v: %v", got, err)
				}
			}
		})
	}
	wg.Wait()
	if got := ctl(t, device, "saturation"); got%8 != 7 { // the last of one of them
		t.Errorf("in the end %d", got)
	}
}

func TestSizesAreThoseOfV4L2Ctl(t *testing.T) {
	for _, device := range []string{raw(), loopback()} {
		got, err := Sizes(device)
		if err != nil {
			t.Fatal(err)
		}
		want := parseSizes(t, v4l2ctl(t, device, "--list-formats-ext"))
		if device == raw() && len(want) < 10 {
			t.Fatalf("v4l2-ctl lists %d sizes", len(want))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-v4l2-ctl +Sizes):\n%s", device, diff)
		}
	}
	n, err := openNode(raw())
	if err != nil {
		t.Fatal(err)
	}
	defer n.close()
	// The bound must be far from what an honest driver needs.
	counter := &bounded{driver: n, left: mostQuestions}
	sizes(counter, bufVideoCapture)
	if asked := mostQuestions - counter.left; asked > mostQuestions/3 {
		t.Errorf("%d questions for the sizes of vivid", asked)
	} else {
		t.Logf("%d questions", asked)
	}
}

func TestListOfDevices(t *testing.T) {
	devices, err := List()
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{raw(), loopback()} {
		i := slices.IndexFunc(devices, func(d Device) bool { return d.Path == path })
		if i < 0 {
			t.Fatalf("%s is not in %+v", path, devices)
		}
		d, info := devices[i], v4l2ctl(t, path, "-D")
		for label, value := range map[string]string{"Driver name": d.Driver, "Card type": d.Card, "Bus info": d.Bus} {
			if !slices.ContainsFunc(strings.Split(info, "\n"), func(line string) bool {
				name, text, _ := strings.Cut(line, ":")
				return strings.TrimSpace(name) == label && strings.TrimSpace(text) == value
			}) {
				t.Errorf("%s: %s is not %q:\n%s", path, label, value, info)
			}
		}
		if d.Err != nil || d.Capture != strings.Contains(strings.Split(info, "Device Caps")[1], "Video Capture") || d.Capture != (len(d.Formats) > 0) {
			t.Errorf("%+v\n%s", d, info)
		}
	}
}

// askAsNobody prints what List says about a device, for a process that may not open it.
func askAsNobody(path string) {
	devices, err := List()
	for _, d := range devices {
		if d.Path == path {
			println(d.Card + "|" + d.Driver + "|" + d.Err.Error())
		}
	}
	if err != nil {
		println(err.Error())
	}
}

func TestListSaysWhyADeviceCannotBeOpened(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("NOT TESTED: a device without permission; only root can become somebody else")
	}
	info, err := os.Stat(raw())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(raw(), info.Mode().Perm()) })
	if err := os.Chmod(raw(), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe")
	cmd.Env = append(os.Environ(), "LENSBUS_V4L2_ASK="+raw())
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.CombinedOutput()
	if want := "vivid-000-vid-cap|vivid|permission denied: add yourself to the group video"; err != nil || !strings.HasPrefix(string(out), want) {
		t.Errorf("%s: %v, want %s", out, err, want)
	}
}
