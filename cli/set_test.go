package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lensbus/lensbus/broker"
	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
)

// webcam is a camera on the bus with controls, which takes every change and remembers the last.
type webcam struct {
	mu      sync.Mutex
	changes []frame.Change
}

func (w *webcam) detail() frame.Detail {
	return frame.Detail{
		Status:   frame.Status{ID: "front", State: frame.StateLive, Time: time.Now(), Width: 1280, Height: 720, FPS: 14.96, Sent: 100, Warnings: []string{"asked for \x1b[2Jmore"}},
		Settings: frame.Settings{Width: 1280, Height: 720, FPS: 15, Quality: 70},
		Controls: []frame.Control{
			{Name: "brightness", Type: "int", Min: -64, Max: 64, Step: 1, Value: 10},
			{Name: "exposure", Type: "menu", Max: 3, Step: 1, Default: 3, Value: 3, Menu: map[int64]string{1: "Manual Mode", 3: "Aperture Priority Mode"}},
			{Name: "autofocus", Type: "bool", Max: 1, Step: 1, Default: 1, Value: 1},
			{Name: "focus", Type: "int", Max: 250, Step: 5, Inactive: "inactive"},
			{Name: "reset", Type: "button", Max: 1},
		},
		Sizes: []frame.Size{{Width: 1280, Height: 720, Format: "MJPG", FPS: []float64{30, 15}}, {Width: 640, Height: 480, Format: "YUYV"}},
	}
}

func (w *webcam) serve(t *testing.T, conn *bus.Conn) {
	t.Helper()
	stop, err := conn.ServeCamera(t.Context(), "front", "1.0.0", func() frame.Status { return w.detail().Status }, nil, map[string]bus.Verb{
		frame.VerbGet: func(context.Context, []byte) (bus.Reply, error) { return bus.JSONReply(w.detail()) },
		frame.VerbSet: func(_ context.Context, request []byte) (bus.Reply, error) {
			var change frame.Change
			if err := json.Unmarshal(request, &change); err != nil {
				return bus.Reply{}, err
			}
			w.mu.Lock()
			defer w.mu.Unlock()
			w.changes = append(w.changes, change)
			return bus.JSONReply(w.detail())
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	if err := conn.NATS().Flush(); err != nil {
		t.Fatal(err)
	}
}

// asked returns the changes that were asked for since it was called last.
func (w *webcam) asked() []frame.Change {
	w.mu.Lock()
	defer w.mu.Unlock()
	changes := w.changes
	w.changes = nil
	return changes
}

func ptr[T any](v T) *T { return &v }

func TestSetAsksForWhatIsMeant(t *testing.T) {
	conn, url := newBus(t, broker.Config{})
	var cam webcam
	cam.serve(t, dial(t, url))
	for _, test := range []struct {
		words   string
		save    bool
		forget  bool
		want    frame.Change
		refused string
		usage   bool
	}{
		{words: "width=1280,height=720,fps=12.5,quality=70", want: frame.Change{Width: ptr(1280), Height: ptr(720), FPS: ptr(12.5), Quality: ptr(70)}},
		{words: "brightness=-5,focus=0x10", want: frame.Change{Controls: map[string]int64{"brightness": -5, "focus": 16}}},
		{words: "EXPOSURE=manual mode,autofocus=off", want: frame.Change{Controls: map[string]int64{"exposure": 1, "autofocus": 0}}},
		{words: "exposure=3,autofocus=true,quality=9", want: frame.Change{Quality: ptr(9), Controls: map[string]int64{"exposure": 3, "autofocus": 1}}},
		{save: true, want: frame.Change{Save: true}},
		{forget: true, want: frame.Change{Forget: true}},
		{words: "fps=0", forget: true, want: frame.Change{FPS: ptr(0.0), Forget: true}},
		{words: "brightness=999", want: frame.Change{Controls: map[string]int64{"brightness": 999}}}, // the camera's to refuse

		{words: "exposure=sunny", refused: "exposure=sunny: want 1 (Manual Mode), 3 (Aperture Priority Mode)"},
		{words: "autofocus=maybe", refused: "autofocus=maybe: want 0 or 1"},
		{words: "brightness=high", refused: "brightness=high: want -64 to 64"},
		{words: "focus=on", refused: "focus=on: want 0 to 250 in steps of 5"},
		{words: "reset=on", refused: "reset=on: want 1 presses it"},
		{words: "zoom=near", refused: "there are width, height, fps, quality, brightness, exposure, autofocus, focus, reset"},
		{words: "fps=1e999", refused: "want a number", usage: true},
		{words: "quality=7.5", refused: "want a whole number", usage: true},
		{words: "width=99999999999999999999,height=1", refused: "want a whole number", usage: true},
	} {
		var words []string
		if test.words != "" {
			words = strings.Split(test.words, ",")
		}
		wishes, err := parseWishes(words)
		if err != nil {
			t.Errorf("%s: %v", test.words, err)
			continue
		}
		command := setCommand{ID: "front", Save: test.save, Forget: test.forget}
		_, err = command.change(t.Context(), conn, wishes)
		asked := cam.asked()
		var wrong *usageError
		if test.refused != "" {
			if err == nil || !strings.Contains(err.Error(), test.refused) || errors.As(err, &wrong) != test.usage || len(asked) > 0 {
				t.Errorf("%s: %v, want %q (usage: %v), changes %v", test.words, err, test.refused, test.usage, asked)
			}
			continue
		}
		if diff := cmp.Diff([]frame.Change{test.want}, asked); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", test.words, err, diff)
		}
	}
}

func TestWishes(t *testing.T) {
	for _, words := range [][]string{{"quality"}, {"=5"}, {"quality="}, {"a=1", "A=2"}, {""}} {
		if wishes, err := parseWishes(words); err == nil {
			t.Errorf("%q: taken as %v", words, wishes)
		}
	}
	if got, err := parseWishes([]string{" Exposure = Manual Mode ", "a=b=c"}); err != nil || got[0] != (wish{"exposure", "Manual Mode"}) || got[1] != (wish{"a", "b=c"}) {
		t.Errorf("%v, %v", got, err)
	}
}

func TestPrintDetail(t *testing.T) {
	print := func(changed ...string) string {
		var out bytes.Buffer
		if err := printDetail(&out, new(webcam).detail(), changed); err != nil {
			t.Fatal(err)
		}
		var lines []string
		for line := range strings.Lines(out.String()) {
			lines = append(lines, strings.Join(strings.Fields(line), " "))
		}
		return strings.Join(lines, "\n")
	}
	settings := `SETTING ASKED REAL
size 1280x720 1280x720
fps 15 15.0
quality 70
saved no
state live
warning asked for ?[2Jmore`
	want := settings + `

CONTROL VALUE DEFAULT RANGE
brightness 10 0 -64 to 64
exposure 3 (Aperture Priority Mode) 3 (Aperture Priority Mode) 1 (Manual Mode), 3 (Aperture Priority Mode)
autofocus 1 1 0 or 1
focus 0 0 0 to 250 in steps of 5 inactive
reset - - 1 presses it

FORMAT SIZE FPS
MJPG 1280x720 30 15
YUYV 640x480`
	if diff := cmp.Diff(want, print()); diff != "" {
		t.Errorf("all (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(settings+"\n\nCONTROL VALUE DEFAULT RANGE\nbrightness 10 0 -64 to 64", print("quality", "brightness")); diff != "" {
		t.Errorf("what has changed (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(settings, print("quality")); diff != "" {
		t.Errorf("a setting (-want +got):\n%s", diff)
	}
}
