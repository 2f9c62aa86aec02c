package cli

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/lensbus/lensbus/frame"
)

var escapes = regexp.MustCompile(`\x1b\[[0-9;?]*[A-Za-z]`)

// screen is what a terminal shows of a view: its lines without colours.
func screen(t *testing.T, v *topView) []string {
	t.Helper()
	text, began := strings.CutPrefix(v.render(), "\x1b[H")
	if !began {
		t.Error("the screen is not written from its beginning")
	}
	lines := strings.Split(escapes.ReplaceAllString(text, ""), "\r\n")
	if len(lines) != v.height {
		t.Errorf("%d lines on a terminal of %d", len(lines), v.height)
	}
	for _, line := range lines {
		if displayWidth(line) > v.width || strings.ContainsAny(line, "\x1b\r\n\t") {
			t.Errorf("does not fit %d columns: %q", v.width, line)
		}
	}
	return lines
}

func fleet(n int) []camera {
	var cameras []camera
	for i := range n {
		c := camera{Status: frame.Status{
			ID: frame.CameraID(fmt.Sprintf("cam%02d", i)), State: frame.StateLive, Width: 1280, Height: 720,
			FPS: 15, FPSAsked: 15, BitRate: 4e6, Sent: uint64(1000 + i), Host: "shed", Kind: "v4l2",
			Dropped: map[string]uint64{"network": uint64(i)},
		}, Age: seconds(0.02), AgeUncertainty: seconds(0.0005)}
		cameras = append(cameras, c)
	}
	return cameras
}

func TestTopShowsWhatThereIs(t *testing.T) {
	v := newTopView(false)
	v.server, v.connected = "nats://127.0.0.1:4222", true
	cameras := fleet(3)
	cameras[1].State, cameras[1].Reason = frame.StateLost, "no such device"
	cameras[2].Silent, cameras[2].quiet = true, 12*time.Second
	v.update(cameras, time.Now())
	lines := screen(t, v)
	for i, want := range []string{
		"3 cameras: 1 silent, 1 lost, 1 live  nats://127.0.0.1:4222",
		"30.0 frames/s  8.0 Mbit/s  dropped: network 1",
		"ID ", "cam00", "cam01", "cam02",
	} {
		if !strings.Contains(lines[i], want) {
			t.Errorf("line %d: %q, want %q", i+1, lines[i], want)
		}
	}
	for _, want := range []string{"1280x720", "15.0/15", "4000", "1000", "20 ms ±1", "live"} {
		if !strings.Contains(lines[3], want) {
			t.Errorf("%q does not say %s", lines[3], want)
		}
	}
	if last := lines[len(lines)-1]; !strings.HasPrefix(last, "q quit") {
		t.Errorf("the last line: %q", last)
	}
	v.width = 200
	if wide := screen(t, v); !strings.Contains(wide[4], "no such device") || !strings.Contains(wide[4], "network 1") || !strings.Contains(wide[5], "not heard for 12s") {
		t.Errorf("a wide terminal shows less than there is:\n%s", strings.Join(wide[:6], "\n"))
	}
	v.connected, v.note = false, "level=WARN msg=\"connection lost\""
	if lines := screen(t, v); !strings.Contains(lines[0], "NOT CONNECTED") || !strings.Contains(lines[23], "connection lost") {
		t.Errorf("without a server: %q … %q", lines[0], lines[23])
	}
}

func TestTopScrollsAndSorts(t *testing.T) {
	v := newTopView(true)
	v.update(fleet(50), time.Now())
	shown := func() (first, last string) {
		lines := screen(t, v)
		id := func(line string) string { name, _, _ := strings.Cut(line, " "); return name }
		return id(lines[3]), id(lines[v.height-2])
	}
	for _, step := range []struct {
		keys        []key
		first, last string
	}{
		{nil, "cam00", "cam19"},
		{[]key{keyDown, keyDown}, "cam02", "cam21"},
		{[]key{keyUp}, "cam01", "cam20"},
		{[]key{keyPageDown}, "cam21", "cam40"},
		{[]key{keyPageDown, keyPageDown}, "cam30", "cam49"},
		{[]key{keyHome, keyUp}, "cam00", "cam19"},
		{[]key{keyEnd}, "cam30", "cam49"},
		{[]key{keyReverse, keyHome}, "cam49", "cam30"},
		{[]key{keyReverse, keySort, keySort, keySort, keySort, keySort}, "cam49", "cam30"}, // by frames sent, most first
		{[]key{keyReverse}, "cam00", "cam19"},
	} {
		for _, k := range step.keys {
			if v.press(k) {
				t.Fatal("ends")
			}
		}
		if first, last := shown(); first != step.first || last != step.last {
			t.Errorf("after %v: %s to %s, want %s to %s", step.keys, first, last, step.first, step.last)
		}
	}
	// Fewer cameras than before, and a larger terminal: no empty screen.
	v.press(keyEnd)
	v.update(fleet(5), time.Now())
	if first, _ := shown(); first != "cam00" {
		t.Errorf("the first camera shown of five is %s", first)
	}
	for range v.columns {
		v.press(keySort)
		shown()
	}
	if !v.press(keyQuit) {
		t.Error("q does not end")
	}
}

func TestTopFitsEveryTerminal(t *testing.T) {
	v := newTopView(true)
	for _, n := range []int{0, 1, 30} {
		v.update(fleet(n), time.Now())
		for _, v.width = range []int{1, 10, 40, 79, 80, 81, 132, 300} {
			for _, v.height = range []int{2, 3, 5, 24, 60} {
				v.arrange()
				screen(t, v)
			}
		}
	}
}

func TestTopWithoutColour(t *testing.T) {
	colours := regexp.MustCompile(`\x1b\[[0-9;]*[3-4][0-9]m`)
	v := newTopView(false)
	v.update(fleet(3), time.Now())
	if found := colours.FindString(v.render()); found != "" {
		t.Errorf("a colour where there is to be none: %q", found)
	}
	v.colour = true
	if !colours.MatchString(v.render()) {
		t.Error("no colour where there is to be one")
	}
}
