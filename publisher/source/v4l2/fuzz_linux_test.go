package v4l2

import (
	"encoding/json"
	"math"
	"regexp"
	"testing"
	"unicode"
	"unicode/utf8"
)

// FuzzDriver is asked by everything that asks a driver, and answers with any bytes.
func FuzzDriver(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{0, 1, 2, 3, 4, 5, 6, 7})
	f.Add([]byte("\x00Brightness\x00\x00\x01\x00\x00\x00\x7f"))
	f.Add([]byte{'M', 'J', 'P', 'G', 0, 2, 0, 0, 0, 2, 0, 0})
	f.Add([]byte{1, 0, 0, 0, 1, 0, 0, 0, 128, 2, 0, 0, 224, 1, 0, 0, 'Y', 'U', 'Y', 'V', 255})
	f.Add([]byte{0, 'a', 253})
	name := regexp.MustCompile(`^[a-z0-9]+(_[a-z0-9]+)*$`)
	const enough = 8 << 10 // bytes, some 80 controls
	f.Fuzz(func(t *testing.T, data []byte) {
		check := func(s string) {
			if len(s) > 32*utf8.UTFMax || !utf8.ValidString(s) {
				t.Errorf("text %q", s)
			}
			for _, r := range s {
				if !unicode.IsPrint(r) {
					t.Errorf("text %q is not fit to be shown", s)
				}
			}
		}
		d := &endless{bytes: data, limit: enough}
		if device, _, err := describe(d, "/dev/video0"); err == nil {
			check(device.Card)
			check(device.Driver)
			check(device.Bus)
			for _, format := range device.Formats {
				check(format)
			}
		}

		d = &endless{bytes: data, limit: enough}
		all, _ := controls(d)
		seen := make(map[string]bool)
		for _, c := range all {
			if !name.MatchString(c.Name) || seen[c.Name] || len(c.Menu) > mostMenuItems {
				t.Errorf("control %+v", c)
			}
			seen[c.Name] = true
			for _, item := range c.Menu {
				check(item)
			}
			for _, value := range []int64{c.Min, c.Max, c.Value, 0, 1, math.MinInt64, math.MaxInt64} {
				_ = checkValue(c.Control, value)
				_ = checkFree(c.Control, value, plain(all))
			}
		}
		sized := &endless{bytes: data, limit: enough}
		list := sizes(sized, bufVideoCapture)
		for _, s := range list {
			if s.Width < 1 || s.Height < 1 || s.Width > mostSide || s.Height > mostSide || len(s.Format) > 4 || len(s.FPS) > mostRates {
				t.Errorf("size %+v", s)
			}
		}
		for what, v := range map[string]any{"controls": plain(all), "sizes": list} {
			if _, err := json.Marshal(v); err != nil {
				t.Errorf("%s as JSON: %v", what, err)
			}
		}
		if d.asked > mostQuestions || sized.asked > mostQuestions || len(list) > mostSizes {
			t.Errorf("%d and %d questions, %d sizes", d.asked, sized.asked, len(list))
		}

		if len(all) > 0 {
			d = &endless{bytes: data, limit: enough}
			_, _, _ = setControls(d, map[string]int64{all[0].Name: all[0].Value, all[len(all)-1].Name: 1})
		}
	})
}
