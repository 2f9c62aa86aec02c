package worker

import (
	"slices"
	"strings"
)

// environment is what a capture process gets of this one's: without what tells of the server and how to
// get in, which is none of its business should a picture take it over, and with bounds for OpenCV. What
// somebody has set himself stays.
func environment(own []string) []string {
	env := slices.DeleteFunc(slices.Clone(own), func(setting string) bool {
		name, _, _ := strings.Cut(setting, "=")
		return strings.HasPrefix(name, "NATS_") || slices.Contains(secretSettings(), name)
	})
	for _, setting := range []string{
		"OPENCV_LOG_LEVEL=ERROR",
		"OPENCV_FFMPEG_LOGLEVEL=16", // AV_LOG_ERROR
		// OpenCV's own bound is 1 Gpixel, 3 GB, and a file of 200 KB can claim that.
		"OPENCV_IO_MAX_IMAGE_PIXELS=134217728",
	} {
		name, _, _ := strings.Cut(setting, "=")
		if !slices.ContainsFunc(env, func(have string) bool { return strings.HasPrefix(have, name+"=") }) {
			env = append(env, setting)
		}
	}
	return env
}

func secretSettings() []string {
	return []string{
		"LENSBUS_SERVER", "LENSBUS_CONTEXT", "LENSBUS_CREDS", "LENSBUS_AUTH", "LENSBUS_CAMERA", "LENSBUS_CONFIG",
		"LENSBUS_KEY", "LENSBUS_METRICS_TOKEN_FILE", "LENSBUS_METRICS_CERTIFICATE", "LENSBUS_METRICS_KEY",
		"CREDENTIALS_DIRECTORY",
	}
}
