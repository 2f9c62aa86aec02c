//go:build v4l2 && linux

package v4l2

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/lensbus/lensbus/frame"
)

// stream captures from a raw camera until the end of the test. Each picture's mean byte, which follows
// its brightness, is offered and lost where nobody takes it. It is closed after an error.
func stream(t *testing.T, device string) <-chan int {
	t.Helper()
	camera, err := os.Open(device)
	if err != nil {
		t.Fatal(err)
	}
	means, done := make(chan int), make(chan struct{})
	end := make(chan struct{})
	go func() {
		defer close(done)
		defer close(means)
		picture := make([]byte, 64<<20)
		for {
			n, err := camera.Read(picture)
			select {
			case <-end:
				return
			default:
			}
			if err != nil || n == 0 {
				t.Errorf("capture: %d bytes: %v", n, err)
				return
			}
			sum := 0
			for _, b := range picture[:n] {
				sum += int(b)
			}
			select {
			case means <- sum / n:
			case <-end:
				return
			}
		}
	}()
	t.Cleanup(func() {
		close(end)
		<-done
		_ = camera.Close()
	})
	next(t, means)
	return means
}

func next(t *testing.T, means <-chan int) int {
	t.Helper()
	select {
	case mean, ok := <-means:
		if !ok {
			t.FailNow()
		}
		return mean
	case <-time.After(patience):
		t.Fatalf("no picture for %v", patience)
		return 0
	}
}

func TestControlsWhileTheDeviceStreams(t *testing.T) {
	device := raw()
	keep(t, device, "brightness")
	before, err := Sizes(device)
	if err != nil {
		t.Fatal(err)
	}
	means := stream(t, device)
	if _, err := Probe(device); err == nil || !strings.Contains(err.Error(), "in use by another program") {
		t.Fatalf("Probe: %v: it does not stream", err)
	}

	for _, bright := range []int64{0, 255, 0} {
		start := next(t, means)
		got, err := SetControl(device, "brightness", bright)
		if err != nil || got.Value != bright || ctl(t, device, "brightness") != bright {
			t.Fatalf("brightness %d: %+v: %v", bright, got, err)
		}
		// The pictures under way when it was set are the old ones.
		mean, deadline := next(t, means), time.Now().Add(patience)
		for (bright == 0) != (mean < 100) && time.Now().Before(deadline) {
			mean = next(t, means)
		}
		t.Logf("brightness %d: mean of the picture's bytes %d before, %d after", bright, start, mean)
		if (bright == 0) != (mean < 100) {
			t.Errorf("brightness %d is not seen in the pictures: mean %d", bright, mean)
		}
	}

	during, err := Sizes(device)
	if err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff(before, during, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("sizes (-before +while it streams):\n%s", diff)
	}
	if all, err := Controls(device); err != nil || len(all) < 10 {
		t.Errorf("%d controls: %v", len(all), err)
	}
	devices, err := List()
	if err != nil || len(devices) == 0 {
		t.Errorf("List: %v", err)
	}
	for _, d := range devices {
		if d.Err != nil {
			t.Errorf("%s, while a camera streams: %v", d.Path, d.Err)
		}
	}
	for range 5 { // and still it streams
		next(t, means)
	}
}

func TestUnpluggedDevice(t *testing.T) {
	device := raw()
	plug := func(what string) {
		t.Helper()
		if err := os.WriteFile("/sys/bus/platform/drivers/vivid/"+what, []byte("vivid.0"), 0); err != nil {
			t.Fatal(err)
		}
	}
	n, err := openNode(device)
	if err != nil {
		t.Fatal(err)
	}
	plug("unbind")
	defer func() {
		n.close() // or the device would come back with another number
		plug("bind")
		for deadline := time.Now().Add(patience); ; {
			if _, err := Controls(device); err == nil {
				break
			} else if time.Now().After(deadline) {
				t.Fatal(err)
			}
		}
	}()
	want := func(what string, err error) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), "no such device: is the camera plugged in?") {
			t.Errorf("%s: %v", what, err)
		}
	}
	// Pulled out between opening and asking.
	_, _, err = describe(n, device)
	want("describe", err)
	_, err = controls(n)
	want("controls", err)
	_, _, err = setControls(n, map[string]int64{"brightness": 1})
	want("setControls", err)

	_, err = Controls(device)
	want("Controls", err)
	_, err = Sizes(device)
	want("Sizes", err)
	var c frame.Control
	c, err = SetControl(device, "brightness", 1)
	want("SetControl", err)
	if c.Name != "" {
		t.Errorf("SetControl: %+v", c)
	}
	devices, err := List()
	if err != nil {
		t.Error(err)
	}
	for _, d := range devices {
		if d.Path == device {
			t.Errorf("List has it still: %+v", d)
		}
	}
}
