//go:build opencv

package opencv

import (
	"context"
	"fmt"
	"io"
	"math"
	"runtime"
	"strconv"
	"strings"

	"gocv.io/x/gocv"

	"github.com/lensbus/lensbus/publisher/source"
)

// OpenAny opens whatever OpenCV's VideoCapture does: a number is a camera (on Linux as v4l2:/dev/videoN),
// a text with '!' is a GStreamer pipeline that ends in appsink, an URL goes to FFmpeg, and anything
// else to the first backend that takes it. What has a known number of pictures is paced like a file
// and ends with [io.EOF]; the rest is taken as it comes.
//
// It is an [source.Opener].
func OpenAny(ctx context.Context, spec source.Spec, env source.Env) (source.Source, error) {
	env = env.OrDefaults()
	name := spec.Redacted()
	var open func() (*gocv.VideoCapture, error)
	switch index, err := strconv.Atoi(spec.Address); {
	case err == nil && index >= 0:
		if runtime.GOOS == "linux" {
			return OpenV4L2(ctx, source.Spec{Kind: source.KindV4L2, Address: "/dev/video" + strconv.Itoa(index)}, env)
		}
		open = func() (*gocv.VideoCapture, error) {
			return gocv.VideoCaptureDeviceWithAPI(index, gocv.VideoCaptureAny)
		}
	case strings.Contains(spec.Address, "!"):
		open = func() (*gocv.VideoCapture, error) {
			return gocv.VideoCaptureFileWithAPI(spec.Address, gocv.VideoCaptureGstreamer)
		}
	case strings.Contains(spec.Address, "://"):
		open = func() (*gocv.VideoCapture, error) { return openFFmpeg(spec.Address, env) }
	default:
		open = func() (*gocv.VideoCapture, error) {
			return gocv.VideoCaptureFileWithAPI(spec.Address, gocv.VideoCaptureAny)
		}
	}
	return newCapture(ctx, name, env, func() (device, error) {
		native, err := open()
		if err != nil {
			if native != nil {
				_ = native.Close() // never fails
			}
			return device{}, fmt.Errorf("%s: OpenCV cannot open it (backends here: %s)", name, strings.Join(Backends(), ", "))
		}
		dev := device{native: native, info: describe(native), ended: fmt.Errorf("%s: the stream ended", name)}
		if count := native.Get(gocv.VideoCaptureFrameCount); count >= 1 && !math.IsInf(count, 0) {
			dev.ended = io.EOF
			dev.pace = paced(dev.info.FPS, env)
		}
		return dev, nil
	})
}
