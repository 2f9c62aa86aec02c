//go:build opencv

package opencv

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"gocv.io/x/gocv"

	"github.com/lensbus/lensbus/publisher/source"
	"github.com/lensbus/lensbus/publisher/source/v4l2"
)

// OpenV4L2 opens a camera of this (Linux) machine. With format=MJPG, or where no format is asked for and
// the camera has MJPG, the camera's own JPEGs are handed on undecoded; otherwise raw pictures are
// encoded here. Without width and height OpenCV asks for 640x480. The driver chooses what is nearest
// to what is asked, which is a line in Info's Warnings and never an error. Captured is the driver's
// buffer time where the driver gives one.
//
// It is an [source.Opener]. A device that is missing, in use, forbidden or no camera is an error
// that says so and what to do.
func OpenV4L2(ctx context.Context, spec source.Spec, env source.Env) (source.Source, error) {
	env = env.OrDefaults()
	name := spec.Redacted()
	path, err := filepath.Abs(spec.Address) // a bare number would be an index to OpenCV
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	camera, err := v4l2.Probe(path) // OpenCV only says no
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	offered := camera.Formats
	return newCapture(ctx, name, env, func() (device, error) {
		native, err := gocv.OpenVideoCaptureWithAPI(path, gocv.VideoCaptureV4L2)
		if err != nil {
			_ = native.Close() // never fails
			return device{}, fmt.Errorf("%s: OpenCV cannot capture from it (it offers %s)", name, listing(offered))
		}
		dev := device{native: native, captured: newDriverClock(env.Now).captured}
		dev.info = configure(native, spec, offered)
		dev.ended = fmt.Errorf("%s: the camera stopped: unplugged, or no picture for some time", name)
		return dev, nil
	})
}

// configure asks the device for what spec wants and reads back what it gives.
func configure(native *gocv.VideoCapture, spec source.Spec, offered []string) source.Info {
	// Each Set makes OpenCV set the device up anew. The size counts once both sides are set.
	if format := chooseFormat(spec.PixelFormat, offered); format != "" {
		native.Set(gocv.VideoCaptureFOURCC, native.ToCodec(format))
	}
	if spec.Width > 0 && spec.Height > 0 {
		native.Set(gocv.VideoCaptureFrameWidth, float64(spec.Width))
		native.Set(gocv.VideoCaptureFrameHeight, float64(spec.Height))
	}
	if spec.FPS > 0 {
		// OpenCV asks for whole numbers only: of 7.5 it would make 7, to which 5 is as near.
		native.Set(gocv.VideoCaptureFPS, math.Ceil(spec.FPS))
	}
	info := describe(native)
	if isJPEG(info.Format) {
		// Only now: setting anything else sets this back in some versions of OpenCV.
		native.Set(gocv.VideoCaptureConvertRGB, 0)
		info.Untouched = native.Get(gocv.VideoCaptureConvertRGB) == 0
	}
	width, height := int(native.Get(gocv.VideoCaptureFrameWidth)), int(native.Get(gocv.VideoCaptureFrameHeight))
	info.Warnings = unhonoured(spec, info, width, height, offered)
	return info
}

func isJPEG(format string) bool { return format == "MJPG" || format == "JPEG" }

// chooseFormat is the FOURCC to ask for: what was asked, or MJPG where the camera has it. "" leaves
// the choice to OpenCV. JPEG and MJPG are two names for one thing, and cameras have one of them.
func chooseFormat(asked string, offered []string) string {
	if asked != "" && !isJPEG(asked) || slices.Contains(offered, asked) {
		return asked
	}
	for _, format := range []string{"MJPG", "JPEG"} {
		if slices.Contains(offered, format) {
			return format
		}
	}
	return asked
}

// unhonoured lists the requests that the device did not honour, one line each.
func unhonoured(spec source.Spec, info source.Info, width, height int, offered []string) []string {
	var lines []string
	if asked := spec.PixelFormat; asked != "" && asked != info.Format && !(isJPEG(asked) && isJPEG(info.Format)) {
		lines = append(lines, fmt.Sprintf("asked for format %s, the camera gives %s (it offers %s)", asked, info.Format, listing(offered)))
	}
	if spec.Width > 0 && (spec.Width != width || spec.Height != height) {
		lines = append(lines, fmt.Sprintf("asked for %dx%d, the camera gives %dx%d", spec.Width, spec.Height, width, height))
	}
	if spec.FPS > 0 && math.Abs(spec.FPS-info.FPS) > 0.05+0.01*spec.FPS {
		lines = append(lines, fmt.Sprintf("asked for %.4g fps, the camera says %.4g", spec.FPS, info.FPS))
	}
	return lines
}

func listing(formats []string) string {
	if len(formats) == 0 {
		return "no format"
	}
	return strings.Join(formats, ", ")
}

// driverClock makes wall-clock time of the time stamps that the driver puts on its buffers.
type driverClock struct {
	now    func() time.Time // the wall clock
	warned bool
}

func newDriverClock(now func() time.Time) *driverClock { return &driverClock{now: now} }

func (d *driverClock) captured(native *gocv.VideoCapture) (time.Time, string) {
	ms := native.Get(gocv.VideoCapturePosMsec)
	// One pair of readings for each picture: what a step of the wall clock spoils is one picture.
	mono, wall := clocks(d.now)
	at, ok := bufferTime(ms, mono, wall)
	if ok || d.warned {
		return at, ""
	}
	d.warned = true
	return at, "the driver's time stamps are of no use: pictures carry the time of their arrival"
}

// clocks reads CLOCK_MONOTONIC (0: there is none) and the wall clock at the same moment: again where
// this thread was put aside between the two.
func clocks(now func() time.Time) (mono time.Duration, wall time.Time) {
	for range 4 {
		before := monotonic()
		wall = now()
		mono = monotonic()
		if mono-before < 200*time.Microsecond {
			break
		}
	}
	return mono, wall
}
