package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// checkOpenCV looks at what is built into this program.
func checkOpenCV(_ context.Context, p *patient) []finding {
	const build = "build the full program: make deps && make build"
	if !p.opencv.built {
		var needed []string
		for _, kind := range []string{"v4l2", "file", "rtsp", "rtsps", "opencv"} {
			if len(p.used(kind)) > 0 {
				needed = append(needed, kind+":")
			}
		}
		if len(needed) > 0 {
			return []finding{{Status: fail, Text: fmt.Sprintf("this lensbus is built without OpenCV, and the file has cameras of %s", strings.Join(needed, ", ")), Do: build}}
		}
		return []finding{{Status: warn, Text: "this lensbus is built without OpenCV: no v4l2:, file:, rtsp: and opencv: sources, no window", Do: build}}
	}
	found := []finding{{Status: ok, Text: fmt.Sprintf("OpenCV %s, captures with %s", p.opencv.version, strings.Join(p.opencv.backends, ", "))}}
	for _, want := range []struct{ backend, without string }{
		{"V4L2", "v4l2: cameras cannot be opened"},
		{"FFMPEG", "files and RTSP streams cannot be opened"},
	} {
		if !slices.Contains(p.opencv.backends, want.backend) {
			found = append(found, finding{Status: warn, Text: fmt.Sprintf("this OpenCV has no %s: %s", want.backend, want.without),
				Do: "use your system's package of OpenCV (libopencv-dev), which has it"})
		}
	}
	return found
}
