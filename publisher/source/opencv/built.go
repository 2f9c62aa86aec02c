//go:build opencv

package opencv

import "gocv.io/x/gocv"

// Built says whether OpenCV is in this program.
const Built = true

// Version is the version of the OpenCV that runs, such as "4.6.0".
func Version() string { return gocv.OpenCVVersion() }

// Backends are the names of the ways in which this OpenCV can capture: "FFMPEG", "V4L2", "GSTREAMER", …
func Backends() []string {
	var names []string
	for _, api := range gocv.VideoRegistry.GetBackends() {
		names = append(names, gocv.VideoRegistry.GetBackendName(api))
	}
	return names
}
