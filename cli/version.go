package cli

import (
	"fmt"
	"runtime"

	"github.com/lensbus/lensbus/publisher/source/opencv"
)

type versionCommand struct{}

func (versionCommand) Run(s *session) error {
	with := "without OpenCV: no v4l2:, file:, rtsp: and opencv: sources, no window"
	if opencv.Built {
		with = "OpenCV " + opencv.Version()
	}
	_, err := fmt.Fprintf(s.Stdout, "lensbus %s (%s, %s/%s, %s)\n", s.Version, runtime.Version(), runtime.GOOS, runtime.GOARCH, with)
	return err
}
