package v4l2

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lensbus/lensbus/frame"
)

func TestControlNamesAreThoseOfV4L2Ctl(t *testing.T) {
	for label, want := range map[string]string{
		"Brightness":                 "brightness",
		"White Balance, Automatic":   "white_balance_automatic",
		"Exposure Time, Absolute":    "exposure_time_absolute",
		"Y'CbCr Encoding":            "y_cbcr_encoding",
		"U32 1 Element Array":        "u32_1_element_array",
		"  Pan (Speed)!":             "pan_speed",
		"LED1 Mode":                  "led1_mode",
		"__x--y__":                   "x_y",
		"":                           "",
		"Größe":                      "gr_e",
		"\x1b[31mred\x1b[0m":         "31mred_0m",
		"Fill Percentage of Frame  ": "fill_percentage_of_frame",
	} {
		if got := controlName(label); got != want {
			t.Errorf("controlName(%q) = %q, want %q", label, got, want)
		}
	}
}

func TestCheckValue(t *testing.T) {
	brightness := frame.Control{Name: "brightness", Type: typeInt, Min: 0, Max: 255, Step: 1}
	zoom := frame.Control{Name: "zoom", Type: typeInt, Min: 10, Max: 100, Step: 20}
	odd := frame.Control{Name: "odd", Type: typeInt, Min: -7, Max: 8, Step: 0}
	whole := frame.Control{Name: "whole", Type: typeInt, Min: math.MinInt64, Max: math.MaxInt64, Step: math.MaxInt64}
	exposure := frame.Control{Name: "auto_exposure", Type: typeMenu, Max: 3, Menu: map[int64]string{1: "Manual Mode", 3: "Aperture Priority Mode"}}
	one := frame.Control{Name: "one", Type: typeMenu, Menu: map[int64]string{4: "Only"}}
	bare := frame.Control{Name: "bare", Type: typeMenu, Min: 1, Max: 2, Step: 1}
	backwards := frame.Control{Name: "backwards", Type: typeInt, Min: 5, Max: 3, Step: 1}
	mute := frame.Control{Name: "mute", Type: typeBool, Max: 1, Step: 1}
	reset := frame.Control{Name: "reset", Type: typeButton}
	for _, test := range []struct {
		control frame.Control
		value   int64
		refused string // "" for taken
	}{
		{brightness, 0, ""},
		{brightness, 255, ""},
		{brightness, 300, "brightness 300: want 0 to 255"},
		{brightness, -1, "brightness -1: want 0 to 255"},
		{brightness, math.MinInt64, "brightness -9223372036854775808: want 0 to 255"},
		{zoom, 10, ""},
		{zoom, 90, ""},
		{zoom, 35, "zoom 35: want 10 to 100 in steps of 20, such as 30 or 50"},
		{zoom, 100, "zoom 100: want 10 to 100 in steps of 20"},
		{zoom, 110, "zoom 110: want 10 to 100 in steps of 20"},
		{odd, -7, ""},
		{odd, -6, ""},
		{whole, math.MaxInt64, "whole 9223372036854775807: want -9223372036854775808 to 9223372036854775807 in steps of 9223372036854775807"},
		{whole, math.MaxInt64 - 1, ""},
		{whole, -1, ""},
		{exposure, 3, ""},
		{exposure, 2, "auto_exposure 2: want 1 (Manual Mode) or 3 (Aperture Priority Mode)"},
		{one, 0, "one 0: want 4 (Only)"},
		{bare, 2, ""},
		{bare, 3, "bare 3: want 1 to 2"},
		{backwards, 4, "backwards 4: want 5 to 3"},
		{mute, 1, ""},
		{mute, 2, "mute 2: want 0 or 1"},
		{reset, 1, ""},
		{reset, 0, "reset 0: want 1, which presses it"},
	} {
		err := checkValue(test.control, test.value)
		if got := fmt.Sprint(err); err != nil && (got != test.refused || !errors.Is(err, ErrRefused)) || err == nil && test.refused != "" {
			t.Errorf("checkValue(%s, %d) = %v, want %q", test.control.Name, test.value, err, test.refused)
		}
	}
}

func TestLongMenusAreCut(t *testing.T) {
	menu := make(map[int64]string)
	for i := range int64(256) {
		menu[i] = strings.Repeat("x", 31)
	}
	if got := choices(menu); len(got) > 2000 || !strings.HasSuffix(got, " or one of 226 more") {
		t.Errorf("%d characters: %s", len(got), got)
	}
}

func TestCheckFreeSaysWhatIsInTheWay(t *testing.T) {
	all := []frame.Control{
		{Name: "auto_exposure", Type: typeMenu, Value: 3},
		{Name: "white_balance_automatic", Type: typeBool, Value: 1},
		{Name: "exposure_time_absolute", Type: typeInt, Inactive: inactive},
		{Name: "gain", Type: typeInt, Inactive: busy},
		{Name: "serial", Type: typeInt, Inactive: readOnly},
		{Name: "tint", Type: typeInt, Inactive: inactive},
		{Name: "hue", Type: typeInt},
	}
	for i, want := range map[int]string{
		2: "exposure_time_absolute 5: exposure_time_absolute has no effect now, because of auto_exposure=3",
		3: "gain 5: gain cannot be changed while the camera is in use",
		4: "serial 5: serial can only be read",
		5: "tint 5: tint has no effect now",
	} {
		if err := checkFree(all[i], 5, all); err == nil || err.Error() != want || !errors.Is(err, ErrRefused) {
			t.Errorf("checkFree = %v, want %s", err, want)
		}
	}
	if err := checkFree(all[6], 5, all); err != nil {
		t.Errorf("checkFree(hue) = %v", err)
	}
}

func TestUnknownListsWhatThereIs(t *testing.T) {
	all := []frame.Control{{Name: "brightness"}, {Name: "contrast"}}
	for _, test := range []struct {
		name string
		all  []frame.Control
		want string
	}{
		{"brighness", all, `no control "brighness": this camera has brightness, contrast`},
		{"a\nb", all, `no control "a\nb": this camera has brightness, contrast`},
		{"x", nil, `no control "x": this camera has none`},
	} {
		if err := unknown(test.name, test.all); err.Error() != test.want || !errors.Is(err, ErrRefused) {
			t.Errorf("unknown = %v, want %s", err, test.want)
		}
	}
	if err := unknown(strings.Repeat("x", 1<<20), make([]frame.Control, 1000)); len(err.Error()) > 500 {
		t.Errorf("an error of %d characters", len(err.Error()))
	}
}

func TestSwitchesAreSetBeforeWhatTheyRule(t *testing.T) {
	kinds := map[string]string{"focus_absolute": typeInt, "focus_auto": typeBool, "auto_exposure": typeMenu, "reset": typeButton, "zoom": typeInt}
	got := inOrder(map[string]int64{"focus_absolute": 1, "zoom": 2, "focus_auto": 0, "reset": 1, "auto_exposure": 1}, func(name string) string { return kinds[name] })
	if want := []string{"auto_exposure", "focus_auto", "focus_absolute", "zoom", "reset"}; !slices.Equal(got, want) {
		t.Errorf("order %q, want %q", got, want)
	}
}

func TestFourCC(t *testing.T) {
	for code, want := range map[uint32]string{0x47504A4D: "MJPG", 0x56595559: "YUYV", 0x20303159: "Y10", 0: "", 0xFFFFFFFF: "", 0x01020304: "", 0x20202020: ""} {
		if got := FourCC(code); got != want {
			t.Errorf("FourCC(%#x) = %q, want %q", code, got, want)
		}
	}
}

func TestRangesOfSizesGiveTheirEndsAndTheUsualOnes(t *testing.T) {
	for _, test := range []struct {
		widths, heights [3]uint32
		want            []size
	}{
		{[3]uint32{48, 1920, 1}, [3]uint32{32, 1080, 1}, []size{{48, 32}, {320, 240}, {640, 360}, {640, 480}, {1280, 720}, {1920, 1080}}},
		{[3]uint32{64, 4096, 128}, [3]uint32{16, 2304, 16}, []size{{64, 16}, {320, 240}, {4096, 2304}}},
		{[3]uint32{640, 640, 0}, [3]uint32{480, 480, 0}, []size{{640, 480}}},
		{[3]uint32{2, 1, 1}, [3]uint32{1, 2, 1}, nil},
		{[3]uint32{0, math.MaxUint32, 7}, [3]uint32{0, math.MaxUint32, 0}, []size{{0, 0}, {math.MaxUint32, math.MaxUint32}}},
	} {
		if diff := cmp.Diff(test.want, within(test.widths, test.heights), cmp.AllowUnexported(size{})); diff != "" {
			t.Errorf("within(%v, %v) (-want +got):\n%s", test.widths, test.heights, diff)
		}
	}
}

func TestRates(t *testing.T) {
	for _, test := range []struct {
		numerator, denominator uint32
		want                   float64
		ok                     bool
	}{
		{1, 30, 30, true}, {1001, 30000, 29.97, true}, {2, 15, 7.5, true}, {333333, 10_000_000, 30, true},
		{0, 30, 0, false}, {1, 0, 0, false}, {1, 5000, 5000, false}, {math.MaxUint32, 1, 0, false},
	} {
		if got, ok := rate(test.numerator, test.denominator); got != test.want || ok != test.ok {
			t.Errorf("rate(%d/%d) = %v, %v; want %v, %v", test.numerator, test.denominator, got, ok, test.want, test.ok)
		}
	}
	if got, want := ratesWithin(7.5, 30), []float64{7.5, 10, 15, 20, 25, 30}; !slices.Equal(got, want) {
		t.Errorf("ratesWithin = %v, want %v", got, want)
	}
}
