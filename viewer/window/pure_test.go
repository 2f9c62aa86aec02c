package window

import (
	"errors"
	"image"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/viewer"
)

func TestGridFillsAndStaysInside(t *testing.T) {
	for _, area := range []image.Point{{1280, 720}, {400, 900}, {3840, 2160}, {300, 200}, {40, 30}} {
		for _, aspect := range []float64{16.0 / 9, 4.0 / 3, 1, 0.5} {
			for n := 1; n <= MostCameras; n++ {
				tiles := grid(n, area, aspect)
				if len(tiles) != n {
					t.Fatalf("%d tiles in %v: got %d", n, area, len(tiles))
				}
				if area.X < 300 && n > 4 {
					continue // tiles of a few pixels
				}
				for i, a := range tiles {
					if !a.In(image.Rectangle{Max: area}) || a.Empty() || a.Size() != tiles[0].Size() {
						t.Fatalf("%d tiles in %v: tile %d is %v", n, area, i, a)
					}
					for _, b := range tiles[:i] {
						if a.Overlaps(b) {
							t.Fatalf("%d tiles in %v: %v and %v overlap", n, area, a, b)
						}
					}
				}
			}
		}
	}
	if grid(0, image.Pt(10, 10), 1) != nil || grid(3, image.Point{}, 1) != nil {
		t.Error("tiles where there is nothing")
	}
}

func TestGridRows(t *testing.T) {
	tests := []struct {
		n    int
		area image.Point
		want []int // tiles in each row
	}{
		{1, image.Pt(1280, 720), []int{1}},
		{2, image.Pt(1280, 400), []int{2}},
		{2, image.Pt(500, 900), []int{1, 1}},
		{4, image.Pt(1280, 720), []int{2, 2}},
		{5, image.Pt(1280, 720), []int{3, 2}},
		{7, image.Pt(1280, 720), []int{3, 2, 2}},
		{9, image.Pt(1280, 720), []int{3, 3, 3}},
	}
	for _, tt := range tests {
		var rows []int
		top := -1
		for _, r := range grid(tt.n, tt.area, wideScreen) {
			if r.Min.Y != top {
				top = r.Min.Y
				rows = append(rows, 0)
			}
			rows[len(rows)-1]++
		}
		if len(rows) != len(tt.want) {
			t.Errorf("%d in %v: rows of %v, want %v", tt.n, tt.area, rows, tt.want)
			continue
		}
		for i := range rows {
			if rows[i] != tt.want[i] {
				t.Errorf("%d in %v: rows of %v, want %v", tt.n, tt.area, rows, tt.want)
			}
		}
	}
}

func TestFitKeepsShape(t *testing.T) {
	tile := image.Rect(10, 20, 650, 380)
	for size, want := range map[image.Point]image.Rectangle{
		{1920, 1080}: tile,
		{640, 480}:   image.Rect(90, 20, 570, 380),
		{4000, 10}:   image.Rect(10, 199, 650, 201),
		{1, 65000}:   image.Rect(329, 20, 330, 380),
	} {
		if got := fit(size, tile); got != want {
			t.Errorf("%v: %v, want %v", size, got, want)
		}
	}
	if !fit(image.Point{}, tile).Empty() {
		t.Error("nothing has a place")
	}
}

func TestFirstSize(t *testing.T) {
	for want, of := range map[image.Point]struct {
		n      int
		aspect float64
	}{
		{1280, 720}: {1, wideScreen}, {960, 720}: {1, 4.0 / 3}, {405, 720}: {1, 9.0 / 16},
	} {
		if got := firstSize(of.n, of.aspect); got != want {
			t.Errorf("%+v: %v, want %v", of, got, want)
		}
	}
	if got := firstSize(0, wideScreen); got != (image.Point{1280, 720}) {
		t.Errorf("no camera: %v", got)
	}
}

func TestReductionNeverBelowWhatIsShown(t *testing.T) {
	for _, tt := range []struct {
		picture, shown image.Point
		want           int
	}{
		{image.Pt(1920, 1080), image.Pt(1920, 1080), 1},
		{image.Pt(1920, 1080), image.Pt(961, 540), 1},
		{image.Pt(1920, 1080), image.Pt(960, 540), 2},
		{image.Pt(1920, 1080), image.Pt(480, 270), 4},
		{image.Pt(7680, 4320), image.Pt(200, 100), 8},
		{image.Pt(100, 100), image.Pt(1000, 1000), 1},
	} {
		if got := reduction(tt.picture, tt.shown); got != tt.want {
			t.Errorf("%v shown as %v: %d, want %d", tt.picture, tt.shown, got, tt.want)
		}
	}
}

func TestKeys(t *testing.T) {
	for key, want := range map[int]action{
		'q': doQuit, 'Q': doQuit, 27: doQuit, 'f': doFullScreen, 's': doSave, 'h': doHelp, '0': doAll,
		-1: doNothing, 'x': doNothing, 0xFF51: doNothing /* arrow left, whose last byte is Q */, 0xFF1B: doNothing,
	} {
		if got, _ := keyAction(key); got != want {
			t.Errorf("key %#x: %v, want %v", key, got, want)
		}
	}
	for n := 1; n <= 9; n++ {
		if do, number := keyAction('0' + n); do != doZoom || number != n {
			t.Errorf("key %d: %v %d", n, do, number)
		}
	}
}

func TestAgeText(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Hour: "0 ms", 34 * time.Millisecond: "34 ms", 1290 * time.Millisecond: "1.2 s",
		12 * time.Second: "12 s", 150 * time.Second: "2 min", 5 * time.Hour: "5 h", 100 * time.Hour: "4 days",
	} {
		if got := ageText(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}

func TestLabelSaysWhatIsWrong(t *testing.T) {
	text := func(f facts) string {
		var all []string
		for _, w := range f.label() {
			all = append(all, w.text)
		}
		return strings.Join(all, ", ")
	}
	if got, want := text(facts{fps: 24.97, age: 34 * time.Millisecond}), "25 fps, 34 ms"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	for within, want := range map[time.Duration]string{
		300 * time.Microsecond: "25 fps, 34 ms ±1", 1200 * time.Microsecond: "25 fps, 34 ms ±2", 90 * time.Millisecond: "25 fps, 34 ms ±90",
	} {
		if got := text(facts{fps: 25, age: 34 * time.Millisecond, within: within}); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if got, want := text(facts{fps: 25, age: 2500 * time.Millisecond, within: 120 * time.Millisecond}), "25 fps, 2.5 s ±0.2"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	got := text(facts{fps: 0.5, age: 2 * time.Second, missed: 7, damaged: 2, slow: true})
	if want := "0.5 fps, 2.0 s, slow link: newest only, 7 missed, 2 damaged"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestWhy(t *testing.T) {
	lost := viewer.Camera{Status: frame.Status{State: frame.StateLost, Reason: "no\x1b[31m such\ndevice"}}
	silent := viewer.Camera{Status: frame.Status{State: frame.StateLive}, Silent: true}
	long := viewer.Camera{Status: frame.Status{State: frame.StateFrozen, Reason: strings.Repeat("ä", 5000)}}
	for _, tt := range []struct {
		offline string
		camera  *viewer.Camera
		want    string
	}{
		{offline(nil), &lost, "no connection to the server"},
		{offline(errors.New("the server does not let this user in: it does not know the key")), &lost, "the server does not let this user in: it does not know the key"},
		{"", nil, "nobody publishes it"},
		{"", &silent, "its publisher is silent"},
		{"", &lost, "lost: no [31m such device"},
		{"", &long, "frozen: " + strings.Repeat("ä", mostReason) + "…"},
	} {
		if got := why(tt.offline, tt.camera); got != tt.want {
			t.Errorf("%q, want %q", got, tt.want)
		}
	}
}

func TestLongReasonsHaveTwoLines(t *testing.T) {
	for reason, want := range map[string]int{
		"": 0, "lost: no such device": 1,
		"the server does not let this user in: it does not know the key, or no longer, or no credentials were given": 2,
		strings.Repeat("x", 100): 1,
	} {
		if got := reasonLines(reason); len(got) != want {
			t.Errorf("%q: %q, want %d lines", reason, got, want)
		}
	}
}

func TestSnapshotNeverOverwrites(t *testing.T) {
	dir := t.TempDir()
	at := time.Date(2026, 3, 1, 12, 30, 5, 78e6, time.FixedZone("", 3600))
	f := frame.Frame{Camera: "front", Captured: at, Data: []byte("one")}
	for i, want := range []string{"front-20260301T113005.078Z.jpg", "front-20260301T113005.078Z-2.jpg", "front-20260301T113005.078Z-3.jpg"} {
		f.Data = []byte{byte(i)}
		path, err := saveSnapshot(dir, &f)
		if err != nil || path != filepath.Join(dir, want) {
			t.Fatalf("%s, %v, want %s", path, err, want)
		}
	}
	for i, name := range []string{"front-20260301T113005.078Z.jpg", "front-20260301T113005.078Z-3.jpg"} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || len(data) != 1 || int(data[0]) != 2*i {
			t.Errorf("%s holds %v, %v", name, data, err)
		}
	}
	if _, err := saveSnapshot(filepath.Join(dir, "none"), &f); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "front") {
		t.Errorf("a folder that does not exist: %v", err)
	}
}

func TestConfig(t *testing.T) {
	for text, c := range map[string]Config{
		"max_fps":     {MaxFPS: -1},
		"max_fps 999": {MaxFPS: 999},
		"A.b":         {Cameras: []frame.CameraID{"A.b"}},
		"given twice": {Cameras: []frame.CameraID{"a", "a"}},
		"at most 64":  {Cameras: make([]frame.CameraID, 65)},
	} {
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%+v: %v, want %q in it", c, err, text)
		}
	}
	if err := (Config{}).Validate(); err != nil {
		t.Error(err)
	}
}

func TestDisplay(t *testing.T) {
	environment := func(vars ...string) func(string) string {
		return func(name string) string {
			for _, v := range vars {
				if n, value, _ := strings.Cut(v, "="); n == name {
					return value
				}
			}
			return ""
		}
	}
	if err := checkDisplay(t.Context(), environment()); !errors.Is(err, errNoDisplay) {
		t.Errorf("no display: %v", err)
	}
	if err := checkDisplay(t.Context(), environment("DISPLAY=:64998")); err == nil || !strings.Contains(err.Error(), `":64998"`) || strings.Contains(err.Error(), "\n") {
		t.Errorf("a display that is not there: %v", err)
	}
	for _, vars := range [][]string{{"QT_QPA_PLATFORM=offscreen"}, {"WAYLAND_DISPLAY=wayland-0"}, {"DISPLAY=/tmp/launch/org.xquartz:0"}, {"DISPLAY=what"}} {
		if err := checkDisplay(t.Context(), environment(vars...)); err != nil {
			t.Errorf("%v: %v", vars, err)
		}
	}
	for display, want := range map[string]string{":1.0": "@/tmp/.X11-unix/X1", "unix:0": "@/tmp/.X11-unix/X0", "localhost:10.0": "localhost:6010", "host:70000": ""} {
		_, addresses := displayAddresses(display)
		if got := strings.Join(append(addresses, ""), ""); !strings.HasPrefix(got, want) || want == "" && got != "" {
			t.Errorf("%s: %v, want %s", display, addresses, want)
		}
	}
}

func TestTooManyScans(t *testing.T) {
	picture := strings.Repeat("\xFF\xDA\x00\x0C", mostScans)
	if tooManyScans([]byte(picture)) {
		t.Error("a picture of as many scans as are allowed is refused")
	}
	if !tooManyScans([]byte(picture + "\xFF\xDA")) {
		t.Error("a picture of endless scans is taken")
	}
}
