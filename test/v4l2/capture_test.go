//go:build v4l2 && opencv

package v4l2

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lensbus/lensbus/publisher/source"
	"github.com/lensbus/lensbus/publisher/source/opencv"
	"github.com/lensbus/lensbus/publisher/source/worker"
)

func TestRawCamera(t *testing.T) {
	for _, format := range []string{"YUYV", "NV12"} {
		for _, want := range []struct{ width, height int }{{320, 180}, {640, 360}, {1280, 720}} {
			t.Run(fmt.Sprintf("%s %dx%d", format, want.width, want.height), func(t *testing.T) {
				src := open(t, fmt.Sprintf("v4l2:%s?width=%d&height=%d&format=%s&fps=5", rawDevice(), want.width, want.height, format))
				info := src.Info()
				if info.Width != want.width || info.Height != want.height || info.Format != format || info.Untouched || len(info.Warnings) != 0 {
					t.Errorf("Info %+v", info)
				}
				var last source.Picture
				for range 3 {
					picture := next(t, src)
					if width, height := size(t, picture.Data); width != want.width || height != want.height {
						t.Fatalf("picture of %dx%d", width, height)
					}
					if bytes.Equal(picture.Data, last.Data) {
						t.Error("the same picture twice: vivid's moves")
					}
					if !picture.Captured.After(last.Captured) || time.Since(picture.Captured) > patience {
						t.Errorf("captured at %v, now is %v, the one before was captured at %v", picture.Captured, time.Now(), last.Captured)
					}
					last = picture
				}
			})
		}
	}
}

func TestCaptureTimeIsTheDrivers(t *testing.T) {
	// v4l2loopback stamps a picture while it is being written to it. It arrives here later.
	camera := plugIn(t)
	src := open(t, "v4l2:"+loopback())
	for range 2 * webcamPictures {
		picture := next(t, src)
		if !camera.wrote(picture) {
			t.Errorf("captured at %v, when the camera was not at it", picture.Captured)
		}
	}
	for _, warning := range src.Info().Warnings {
		t.Errorf("warning %q", warning)
	}
}

func TestRequestsThatAreNotHonouredAreWarnings(t *testing.T) {
	src := open(t, "v4l2:"+rawDevice()+"?width=1000&height=700&format=MJPG&fps=997")
	info := src.Info()
	all := strings.Join(info.Warnings, "\n")
	for _, want := range []string{"asked for format MJPG, the camera gives " + info.Format, "asked for 1000x700, the camera gives ", "asked for 997 fps, the camera says "} {
		if !strings.Contains(all, want) {
			t.Errorf("warnings %q, want %q", info.Warnings, want)
		}
	}
	if info.Untouched || !strings.Contains(all, fmt.Sprintf("gives %dx%d", info.Width, info.Height)) {
		t.Errorf("Info %+v", info)
	}
	if width, height := size(t, next(t, src).Data); width != info.Width || height != info.Height {
		t.Errorf("picture of %dx%d, Info says %dx%d", width, height, info.Width, info.Height)
	}
}

func TestSignalsDoNotEndACapture(t *testing.T) {
	// OpenCV takes a wait that a signal ended for the end of the device, and Go's scheduler sends
	// signals.
	src := open(t, "v4l2:"+rawDevice()+"?width=320&height=180&fps=5")
	stop := make(chan struct{})
	var disturbing sync.WaitGroup
	disturbing.Go(func() {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				threads, _ := os.ReadDir("/proc/self/task")
				for _, thread := range threads {
					if id, err := strconv.Atoi(thread.Name()); err == nil {
						_ = unix.Tgkill(os.Getpid(), id, unix.SIGURG)
					}
				}
			case <-stop:
				return
			}
		}
	})
	defer disturbing.Wait()
	defer close(stop)
	for range 10 {
		next(t, src)
	}
}

func TestMJPGCameraIsPassedThroughByteForByte(t *testing.T) {
	camera := plugIn(t)
	for _, query := range []string{"", "?format=MJPG", "?width=640&height=480"} {
		t.Run(query, func(t *testing.T) {
			src := open(t, "v4l2:"+loopback()+query)
			if info := src.Info(); !info.Untouched || info.Format != "MJPG" || info.Width != webcamWidth || info.Height != webcamHeight || len(info.Warnings) != 0 {
				t.Errorf("Info %+v", info)
			}
			checkUntouched(t, camera, src)
		})
	}
	t.Run("in a process of its own", func(t *testing.T) {
		src, err := worker.Opener(workerCommand(t))(t.Context(), parse(t, "v4l2:"+loopback()), env())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = src.Close() }()
		if !src.Info().Untouched {
			t.Errorf("Info %+v", src.Info())
		}
		checkUntouched(t, camera, src)
	})
}

func checkUntouched(t *testing.T, camera *webcam, src source.Source) {
	t.Helper()
	seen := map[int]bool{}
	for range 2 * webcamPictures {
		picture := next(t, src)
		n := camera.number(picture.Data)
		if n < 0 {
			t.Fatalf("a picture of %d bytes that the camera did not send", len(picture.Data))
		}
		seen[n] = true
		if age := time.Since(picture.Captured); age < -time.Millisecond || age > patience {
			t.Errorf("captured %v ago", age)
		}
	}
	if len(seen) < webcamPictures/2 {
		t.Errorf("only %d different pictures of %d", len(seen), webcamPictures)
	}
}

func TestBusyCameraIsAClearError(t *testing.T) {
	first := open(t, "v4l2:"+rawDevice()+"?width=320&height=180&fps=5")
	next(t, first)
	_, err := opencv.OpenV4L2(t.Context(), parse(t, "v4l2:"+rawDevice()), env())
	if err == nil || !strings.Contains(err.Error(), "in use by another program") || !strings.Contains(err.Error(), rawDevice()) {
		t.Errorf("error %v, want that %s is in use", err, rawDevice())
	}
	next(t, first) // and the one who has it keeps it
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	next(t, open(t, "v4l2:"+rawDevice()+"?width=320&height=180&fps=5"))
}

func TestOutputDeviceIsAClearError(t *testing.T) {
	// Nobody writes to v4l2loopback: it is an output only.
	_, err := opencv.OpenV4L2(t.Context(), parse(t, "v4l2:"+loopback()), env())
	if err == nil || !strings.Contains(err.Error(), "captures no video") {
		t.Errorf("error %v", err)
	}
}

func TestUnpluggedCameraIsAnErrorAtOnce(t *testing.T) {
	src := open(t, "v4l2:"+rawDevice()+"?width=320&height=180&fps=5")
	next(t, src)
	unplug(t)
	for {
		_, err := src.Next(t.Context())
		if err == nil {
			continue // was under way
		}
		if errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "unplugged") {
			t.Errorf("error %v", err)
		}
		break
	}
	_, err := opencv.OpenV4L2(t.Context(), parse(t, "v4l2:"+rawDevice()), env())
	if err == nil || !strings.Contains(err.Error(), "no such device") || !strings.Contains(err.Error(), loopback()) {
		t.Errorf("error %v, want what devices there are", err)
	}
	replug(t)
	next(t, open(t, "v4l2:"+rawDevice()+"?width=320&height=180&fps=5"))
}
