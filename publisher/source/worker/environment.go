package worker

import "strings"

// environment is what a child is started with: this process's own, and what keeps native libraries
// from writing more than errors, unless somebody who looks for a fault has set it otherwise.
func environment(own []string) []string {
	env := append([]string(nil), own...)
	for _, setting := range []string{
		"OPENCV_LOG_LEVEL=ERROR",
		"OPENCV_FFMPEG_LOGLEVEL=16", // AV_LOG_ERROR
	} {
		name, _, _ := strings.Cut(setting, "=")
		set := false
		for _, have := range env {
			set = set || strings.HasPrefix(have, name+"=")
		}
		if !set {
			env = append(env, setting)
		}
	}
	return env
}
