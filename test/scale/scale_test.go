package main

import (
	"bytes"
	"context"
	"image/jpeg"
	"os"
	"runtime"
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
	p, err := parse([]string{"-cameras", "2", "-viewers", "2", "-fps", "5", "-bytes", "30000", "-window", "2s", "-dir", t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	results := make(map[watching]result)
	if err := p.run(t.Context(), func(r result) { results[r.Watch] = r }); err != nil {
		t.Fatal(err)
	}
	for _, w := range []watching{nobody, grid, every} {
		r := results[w]
		t.Logf("%+v", r)
		if r.Cameras != 2 || r.Took < p.Window || r.Sent <= 0 || r.Sent > 2*p.FPS || r.Recorded <= 0 || r.Others < -0.5 {
			t.Errorf("%s: %+v", w, r)
		}
		for _, part := range []float64{r.Dropped, r.Unstored, r.Missed} {
			if part < 0 || part > 1 {
				t.Errorf("%s: a part of all is %g", w, part)
			}
		}
		for role, use := range map[string]use{"publisher": r.Publisher, "broker": r.Broker, "recorder": r.Recorder} {
			if use.Peak < 5<<20 || use.CPU < 0 {
				t.Errorf("%s: the %s used %+v", w, role, use)
			}
		}
		if watched := w != nobody; (r.Viewers.Peak > 0) != watched || (r.Seen > 0) != watched || (r.Page.Peak > 0) != (w == grid) {
			t.Errorf("%s: the page used %+v and the viewers %+v, who saw %g pictures a second", w, r.Page, r.Viewers, r.Seen)
		}
	}
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
	for _, size := range []int{30_000, 60_000, 400_000} {
		data, err := picture(3, size)
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
	if _, err := picture(1, 5000); err == nil {
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
