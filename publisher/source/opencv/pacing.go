//go:build opencv

package opencv

import (
	"time"

	"gocv.io/x/gocv"

	"github.com/lensbus/lensbus/publisher/source"
)

// paced makes a device's pictures come when they are due by their own time stamps.
func paced(fps float64, env source.Env) func(*gocv.VideoCapture, <-chan struct{}) {
	// Half of the time after which Next gives up, so that a file with pauses is not a broken one.
	p := newPacer(fps, env.ReadTimeout/2)
	return func(native *gocv.VideoCapture, stop <-chan struct{}) {
		wait := time.Until(p.next(native.Get(gocv.VideoCapturePosMsec), time.Now()))
		if wait <= 0 {
			return
		}
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-stop:
		}
	}
}
