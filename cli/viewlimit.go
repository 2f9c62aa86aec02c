package cli

import (
	"os"
	"strconv"

	"github.com/lensbus/lensbus/frame"
)

// openCVPixels is the variable by which OpenCV bounds what it decodes. OpenCV reads it when it is loaded, before
// any code here runs.
const openCVPixels = "OPENCV_IO_MAX_IMAGE_PIXELS"

// limitOpenCV starts this program anew, as the same process, with a bound for what OpenCV decodes: no more than a
// frame may have. That is checked before anything is decoded; this holds where OpenCV reads a picture's
// header otherwise. Who has set a bound has set it. It returns only where nothing is to be done or it cannot
// be, which is no reason to show nothing.
func (s *session) limitOpenCV() {
	if os.Getenv(openCVPixels) != "" {
		return
	}
	program, err := os.Executable()
	if err == nil {
		err = replaceProcess(program, os.Args, append(os.Environ(), openCVPixels+"="+strconv.Itoa(frame.DefaultLimits().Pixels)))
	}
	s.log.Debug("OpenCV decodes pictures of any size", "error", err)
}
