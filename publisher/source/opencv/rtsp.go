//go:build opencv

package opencv

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"time"

	"gocv.io/x/gocv"

	"github.com/lensbus/lensbus/publisher/source"
)

// Open-only properties of OpenCV's FFmpeg that gocv has no names for, in milliseconds.
const (
	openTimeoutMsec gocv.VideoCaptureProperties = 53
	readTimeoutMsec gocv.VideoCaptureProperties = 54
)

// OpenRTSP opens a network camera with OpenCV's FFmpeg, over TCP. Its pictures are decoded and
// encoded as JPEG; they count as captured when they arrive.
//
// It is an [source.Opener]. A host that does not answer, or answers and then sends nothing, is an
// error when env.OpenTimeout or env.ReadTimeout is over. Errors show no credentials; what FFmpeg
// itself writes to standard error may (see package worker, which catches it).
func OpenRTSP(ctx context.Context, spec source.Spec, env source.Env) (source.Source, error) {
	env = env.OrDefaults()
	name := spec.Redacted()
	started := time.Now()
	if err := dial(ctx, spec, env.OpenTimeout); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	env.OpenTimeout = max(env.OpenTimeout-time.Since(started), time.Millisecond)
	return newCapture(ctx, name, env, func() (device, error) {
		native, err := openFFmpeg(spec.Address, env)
		if err != nil {
			return device{}, fmt.Errorf("%s: the host answers, but there is no video: check the path, the user and the password", name)
		}
		return device{
			native: native, info: describe(native),
			ended: fmt.Errorf("%s: the stream ended, or sent nothing for %v", name, env.ReadTimeout),
		}, nil
	})
}

// openFFmpeg opens an URL with time-outs a little inside env's, so that FFmpeg gives up by itself
// rather than being left behind.
func openFFmpeg(address string, env source.Env) (*gocv.VideoCapture, error) {
	inside := func(d time.Duration) gocv.VideoCaptureProperties {
		return gocv.VideoCaptureProperties(min(max(d*9/10, time.Millisecond), time.Hour) / time.Millisecond)
	}
	native, err := gocv.OpenVideoCaptureWithAPIParams(address, gocv.VideoCaptureFFmpeg, []gocv.VideoCaptureProperties{
		openTimeoutMsec, inside(env.OpenTimeout), readTimeoutMsec, inside(env.ReadTimeout),
	})
	if err != nil {
		_ = native.Close() // never fails
		return nil, errors.New("cannot be opened")
	}
	return native, nil
}

// dial tries the camera's port, because FFmpeg does not tell why an opening failed.
func dial(ctx context.Context, spec source.Spec, timeout time.Duration) error {
	u, err := url.Parse(spec.Address)
	if err != nil || u.Hostname() == "" {
		return errors.New("not an URL with a host") // url.Parse's error would show all of it
	}
	port := u.Port()
	if port == "" {
		port = "554"
		if spec.Kind == source.KindRTSPS {
			port = "322"
		}
	}
	dialer := net.Dialer{Timeout: timeout}
	conn, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(u.Hostname(), port))
	if err == nil {
		return conn.Close()
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var noName *net.DNSError
	switch {
	case errors.As(err, &noName):
		return errors.New("the host's name is not known")
	case os.IsTimeout(err):
		return fmt.Errorf("the host does not answer on port %s within %v", port, timeout)
	}
	var op *net.OpError
	if errors.As(err, &op) {
		err = op.Err
	}
	return fmt.Errorf("the host does not answer on port %s: %w", port, err)
}
