// Package opencv is where lensbus meets OpenCV for capture and encoding: V4L2 cameras, video files,
// RTSP streams and whatever else OpenCV's VideoCapture opens, as [source.Source]s.
//
// It needs the build tag opencv and OpenCV's development files. Without the tag the same names exist
// and every opener returns [ErrNotBuilt], so that callers need no tags of their own.
//
// Every source here works the same way. One goroutine owns the native capture: it opens it, reads
// it and releases it, and leaves each picture in a slot in which the newest wins, so reading never
// waits for encoding. Next takes it from there and encodes it, or hands the camera's own JPEG on.
//
// Native code can block without end and can abort the process. The first is bounded here: openers
// return after Env.OpenTimeout and Next after Env.ReadTimeout, but a native call that hangs keeps
// its goroutine and the device until it returns. Neither can be cured inside the process: run a
// source in a process of its own (package worker) where that matters.
//
// No OpenCV type leaves this package. What does not belong here: retrying, NATS, windows.
package opencv

import "errors"

// ErrNotBuilt is what every opener of this package returns in a program that was built without the
// tag opencv. It is for people as it stands.
var ErrNotBuilt = errors.New("this lensbus was built without OpenCV: build it with `make build` (needs the package libopencv-dev)")
