//go:build opencv

package opencv

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"gocv.io/x/gocv"

	"github.com/lensbus/lensbus/publisher/source"
	"github.com/lensbus/lensbus/publisher/source/v4l2"
)

// OpenFile opens a video file with OpenCV's FFmpeg. Its pictures come at the pace of the file's own
// time stamps and count as captured when they are due; a file that loops begins again one picture's
// time after its last, another ends with [io.EOF].
//
// It is an [source.Opener]. A path that is missing, a folder, or not a video is an error that says so.
func OpenFile(ctx context.Context, spec source.Spec, env source.Env) (source.Source, error) {
	env = env.OrDefaults()
	name := spec.Redacted()
	// A whole path: a name such as "1" would be a camera to OpenCV, and "http:x" an URL to FFmpeg.
	path, err := filepath.Abs(spec.Address)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if err := checkFile(path); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	open := func() (*gocv.VideoCapture, error) {
		native, err := gocv.OpenVideoCaptureWithAPI(path, gocv.VideoCaptureFFmpeg)
		if err != nil {
			_ = native.Close() // never fails
			return nil, fmt.Errorf("%s: not a video that OpenCV can read", name)
		}
		return native, nil
	}
	return newCapture(ctx, name, env, func() (device, error) {
		native, err := open()
		if err != nil {
			return device{}, err
		}
		dev := device{native: native, info: describe(native), ended: io.EOF}
		dev.pace = paced(dev.info.FPS, env)
		if spec.Loop {
			dev.again = open
		}
		return dev, nil
	})
}

// checkFile says in plain words why path cannot be a video file, before FFmpeg says nothing.
func checkFile(path string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return errors.New("no such file")
	case err != nil:
		return errors.Unwrap(err) // the path is named already
	case info.IsDir():
		return errors.New("is a folder: use images:DIR for a folder of pictures")
	case !info.Mode().IsRegular():
		return errors.New("is not a file: use v4l2:DEVICE for a camera")
	case info.Size() == 0:
		return errors.New("is empty")
	}
	file, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("cannot be read: %w", errors.Unwrap(err))
	}
	return file.Close()
}

// describe reads what an open capture says about itself.
func describe(native *gocv.VideoCapture) source.Info {
	info := source.Info{Format: fourccName(native.Get(gocv.VideoCaptureFOURCC))}
	if fps := native.Get(gocv.VideoCaptureFPS); fps > 0 && fps <= 1000 {
		info.FPS = fps
	}
	return info
}

// fourccName is a format's four characters, or "" where they are none.
func fourccName(value float64) string {
	if !(value > 0 && value <= 0xFFFFFFFF) { // written so that NaN fails
		return ""
	}
	return v4l2.FourCC(uint32(value))
}
