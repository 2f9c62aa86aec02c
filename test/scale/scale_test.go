package main

import (
	"bytes"
	"context"
	"fmt"
	"image/jpeg"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// TestMain makes this process a viewer where it is started as one.
func TestMain(m *testing.M) {
	if target := os.Getenv(viewerTarget); target != "" {
		os.Exit(viewerMain(target))
	}
	goleak.VerifyTestMain(m)
}

// What comes out of a measurement is what is known without it: so many frames a second, none of them lost
// on a way that they cannot fill. How much that costs is no matter of a test.
func TestMeasures(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("SKIPPED: processor time and memory are read from Linux's /proc")
	}
	if raceDetector {
		t.Skip("SKIPPED: a measurement, which the race detector would make one of itself. Without it it is run.")
	}
	p, err := parse([]string{"-cameras", "2", "-viewers", "2", "-fps", "5", "-bytes", "30000", "-window", "1s", "-dir", t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	// A machine that stands still for the second that is measured has done nothing in it: then once more.
	for attempt := 1; ; attempt++ {
		results := make(map[watching]result)
		if err := p.run(t.Context(), func(r result) { results[r.Watch] = r }); err != nil {
			t.Fatal(err)
		}
		var wrong []string
		for _, w := range []watching{nobody, grid, every} {
			wrong = append(wrong, implausible(p, w, results[w])...)
		}
		if len(wrong) == 0 {
			return
		}
		t.Logf("attempt %d: %s", attempt, strings.Join(wrong, "\n"))
		if attempt == 5 {
			t.Fatal("no measurement makes sense")
		}
	}
}

// implausible is what cannot be in a measurement of two cameras and two viewers.
func implausible(p plan, w watching, r result) (wrong []string) {
	expect := func(holds bool, what string) {
		if !holds {
			wrong = append(wrong, fmt.Sprintf("%s: not so: %s: %+v", w, what, r))
		}
	}
	expect(r.Cameras == 2 && r.Watch == w && r.Took >= p.Window, "it is the measurement that was asked for")
	expect(r.Sent > 0 && r.Sent <= 2*p.FPS, "the cameras send about as many frames as they are to")
	expect(r.Recorded > 0 && r.Recorded <= 4*p.FPS, "frames are recorded")
	expect(r.Others > -0.5, "the machine is at least as busy as our processes")
	for _, part := range []float64{r.Dropped, r.Unstored, r.Missed} {
		expect(part >= 0 && part <= 1, "a part is not more than all")
	}
	for _, u := range []use{r.Publisher, r.Broker, r.Recorder} {
		expect(u.Peak > 5<<20 && u.CPU >= 0, "a role has memory")
	}
	watched := w != nobody
	expect((r.Viewers.Peak > 0) == watched && (r.Seen > 0) == watched, "there are viewers where there shall be")
	expect((r.Page.Peak > 0) == (w == grid), "the page is for the grid")
	return wrong
}

// A measurement that is interrupted leaves no process behind, which goleak would notice.
func TestEndsWhenItIsTold(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	p, err := parse([]string{"-cameras", "1", "-dir", t.TempDir(), "-program", "/bin/true"})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.run(ctx, func(r result) { t.Errorf("%+v", r) }); err == nil {
		t.Error("nothing was started, and something measured")
	}
}

func TestPicturesAreOfTheSize(t *testing.T) {
	for _, size := range []int{30_000, 400_000} {
		data, _, err := picture(3, size, 100)
		if err != nil {
			t.Fatal(err)
		}
		img, err := jpeg.Decode(bytes.NewReader(data))
		if err != nil || img.Bounds().Dx() != 1280 || img.Bounds().Dy() != 720 {
			t.Fatalf("%d bytes: %v", size, err)
		}
		if len(data) > size || len(data) < size-3 {
			t.Errorf("%d bytes were wanted and %d came", size, len(data))
		}
	}
	if _, _, err := picture(1, 5000, 5); err == nil {
		t.Error("1280x720 in 5000 bytes")
	}
}

func TestWrongPlans(t *testing.T) {
	for _, args := range [][]string{{"-cameras", "0"}, {"-cameras", "8,x"}, {"-watch", "all"}, {"-viewers", "0"}, {"-window", "0s"}, {"-bytes", "10"}} {
		if p, err := parse(args); err == nil {
			t.Errorf("%q is %+v", args, p)
		}
	}
}

func TestAgesAndLosses(t *testing.T) {
	ages := make([]uint64, oldest+1)
	ages[2], ages[5], ages[oldest] = 90, 9, 1
	r := result{Took: 10 * time.Second}
	r.look([]seen{{Received: 100, AgesMS: ages, Missed: 60, Fetching: true}, {AgesMS: make([]uint64, oldest+1), Missed: 40}})
	if r.Seen != 5 || r.Missed != 0.5 || r.Fetching != 1 || r.AgeP50 != 2 || r.AgeP99 != 5 {
		t.Errorf("%+v", r)
	}
}
