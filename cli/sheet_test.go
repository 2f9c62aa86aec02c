package cli

import (
	"bytes"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
)

func seconds(v float64) *float64 { return &v }

func TestSheetFitsItsWidth(t *testing.T) {
	cameras := []camera{
		{Status: frame.Status{ID: "front", State: frame.StateLive, Width: 1920, Height: 1080, FPS: 29.97, FPSAsked: 30, BitRate: 9e6, Sent: 1e6, Host: "shed", Dropped: map[string]uint64{"network": 3}, Recorded: true, Unstored: map[string]uint64{"window": 2}}, Age: seconds(0.034), AgeUncertainty: seconds(0.0004)},
		{Status: frame.Status{ID: "a-camera-with-quite-a-long-name", State: frame.StateLost, Host: "車庫のマシン", Reason: strings.Repeat("no such device ", 9)}},
	}
	all := append(cameraColumns(), append(wideColumns(), reasonColumn())...)
	full := lay(all, cameras, 0)
	if len(full.columns) != len(all) {
		t.Errorf("without a width %d columns of %d", len(full.columns), len(all))
	}
	for width := 60; width <= 300; width++ {
		s := lay(all, cameras, width)
		lines := []string{s.head(nil), s.line(cameras[0], nil), s.line(cameras[1], nil)}
		for _, line := range lines {
			if displayWidth(line) > width {
				t.Fatalf("width %d: %d columns: %s", width, displayWidth(line), line)
			}
		}
		for _, need := range []string{"ID ", "STATE", "FPS", "AGE"} {
			if !strings.Contains(lines[0], need) {
				t.Fatalf("width %d goes without %s: %s", width, need, lines[0])
			}
		}
		if !strings.Contains(lines[1], "34 ms ±1") || !strings.Contains(lines[1], "30.0/30") {
			t.Fatalf("width %d: %s", width, lines[1])
		}
	}
	// Why a camera is not live is said as far as there is room, and goes where there is nothing to say.
	if line := lay(all, cameras, 130).line(cameras[1], nil); !strings.HasSuffix(line, "…") || !strings.Contains(line, "no such device") {
		t.Errorf("width 130: %s", line)
	}
	if head := lay(all, cameras[:1], 0).head(nil); strings.Contains(head, "REASON") {
		t.Errorf("a column with nothing in it: %s", head)
	}
	// Columns stand below each other, whatever the texts are made of.
	head, long := full.head(nil), full.line(cameras[1], nil)
	at := strings.Index(head, "KIND")
	before, _, _ := strings.Cut(long, "  "+strings.Repeat(" ", len("KIND")))
	if at < 0 || displayWidth(before) > at {
		t.Errorf("the columns do not stand below each other:\n%s\n%s", head, long)
	}
}

func TestPlain(t *testing.T) {
	for text, want := range map[string]string{
		"shed":                      "shed",
		"\x1b[2Jgone\r\nroot\u009b": "?[2Jgone??root?",
		"a\u202eb\u200bc":           "a?b?c",
		"Küche 車庫":                  "Küche 車庫",
		strings.Repeat("x", 99):     strings.Repeat("x", 79) + "…",
		strings.Repeat("車", 60):     strings.Repeat("車", 39) + "…",
	} {
		if got := plain(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestAgeAsPreciseAsItIsKnown(t *testing.T) {
	for _, test := range []struct {
		age, wrong *float64
		want       string
	}{
		{nil, nil, "-"},
		{seconds(0.0344), seconds(0.0002), "34 ms ±1"},
		{seconds(0.0344), seconds(0.0102), "34 ms ±11"},
		{seconds(0.0344), nil, "~34 ms"},
		{seconds(2.5), seconds(0.0001), "2500 ms ±1"},
		{seconds(2.5), seconds(0.25), "2500 ms ±0.2s"},
		{seconds(75), seconds(0.0001), "75s"},
		{seconds(7500), seconds(0.0001), "2h05m"},
		{seconds(1e6), seconds(0.0001), "11d13h"},
		{seconds(math.MaxFloat64), seconds(0.0001), "11574d01h"},
	} {
		if got := ageText(camera{Age: test.age, AgeUncertainty: test.wrong}); got != test.want {
			t.Errorf("%q, want %q", got, test.want)
		}
	}
}

// Whatever the two clocks say: the age is the one at the moment when the camera told it.
func TestNewCameraWorksOutAges(t *testing.T) {
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	const ahead = 5 * time.Minute
	status := frame.Status{
		ID: "front", State: frame.StateLive, Time: now.Add(ahead - 100*time.Millisecond),
		Started: now.Add(ahead - time.Hour), LastFrame: now.Add(ahead - 130*time.Millisecond),
	}
	offset := bus.Offset{Offset: ahead, Uncertainty: time.Millisecond}
	near := func(got *float64, want float64) bool { return got != nil && math.Abs(*got-want) < 1e-6 }

	// It has told this a tenth of a second ago, when the frame was 30 ms old.
	c := newCamera(status, 100*time.Millisecond, now, offset, true)
	if !near(c.Age, 0.030) || !near(c.AgeUncertainty, 0.001) || !near(c.ClockOffset, 300) || c.Silent {
		t.Errorf("with a known clock: age %v ± %v, clock %v, silent %v", c.Age, c.AgeUncertainty, c.ClockOffset, c.Silent)
	}
	if math.Abs(c.Uptime-3599.9) > 1e-6 {
		t.Errorf("uptime %v", c.Uptime)
	}
	if c = newCamera(status, 100*time.Millisecond, now, bus.Offset{}, false); !near(c.Age, 0.030) || c.AgeUncertainty != nil {
		t.Errorf("by its own word: age %v ± %v", c.Age, c.AgeUncertainty)
	}
	// Ten seconds later nothing more has come: the frame is as old as that.
	later := now.Add(10 * time.Second)
	if c = newCamera(status, 10100*time.Millisecond, later, offset, true); !near(c.Age, 10.130) || !c.Silent {
		t.Errorf("silent for ten seconds: age %v, silent %v", c.Age, c.Silent)
	}
	if c = newCamera(status, 10100*time.Millisecond, later, bus.Offset{}, false); !near(c.Age, 10.130) {
		t.Errorf("silent for ten seconds, by its own word: age %v", c.Age)
	}
	if c = newCamera(frame.Status{ID: "front"}, 0, now, offset, true); c.Age != nil || c.Uptime != 0 {
		t.Errorf("before the first frame: age %v, uptime %v", c.Age, c.Uptime)
	}
}

func TestDroppedDoesNotOverflow(t *testing.T) {
	if got := dropped(frame.Status{Dropped: map[string]uint64{"a": math.MaxUint64, "b": 5}}); got != math.MaxUint64 {
		t.Errorf("%d", got)
	}
	counts := map[string]uint64{"network": 3, "rate": 40, "encode": 0, "a": 3}
	if got := reasonsText(counts, 2); got != "rate 40, a 3, 1 more" {
		t.Errorf("reasons in short: %q", got)
	}
	if got := reasonsText(counts, 0); got != "rate 40, a 3, network 3" {
		t.Errorf("%q", got)
	}
}

// A list says why frames were dropped without being asked to, in short.
func TestListSaysWhyFramesWereDropped(t *testing.T) {
	cameras := []camera{
		{Status: frame.Status{ID: "front", State: frame.StateLive, Dropped: map[string]uint64{"rate": 310, "network": 2, "encode": 1}}},
		{Status: frame.Status{ID: "yard", State: frame.StateLive}},
	}
	var out bytes.Buffer
	if err := (&camerasCommand{}).print(&out, cameras, 0); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(out.String(), "\n")
	if !strings.HasSuffix(lines[0], " DROPPED FOR") || !strings.HasSuffix(lines[1], " rate 310, network 2, 1 more") || !strings.Contains(lines[1], " 313 ") {
		t.Errorf("\n%s", &out)
	}
	out.Reset()
	if err := (&camerasCommand{Wide: true}).print(&out, cameras, 0); err != nil || !strings.Contains(out.String(), " rate 310, network 2, encode 1") {
		t.Errorf("%v\n%s", err, &out)
	}
}
