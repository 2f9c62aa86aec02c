package worker

import (
	"slices"
	"testing"
)

func TestEnvironmentOfACaptureProcess(t *testing.T) {
	own := []string{
		"PATH=/bin", "NATS_PASSWORD=hunter2", "LENSBUS_CREDS=/etc/x.creds", "LENSBUS_CAMERA=a=http://u:hunter2@h/", "LENSBUS_LOG_LEVEL=debug", "OPENCV_FFMPEG_LOGLEVEL=32", "EMPTY=",
		"LENSBUS_KEY=/etc/x.key", "LENSBUS_METRICS_TOKEN_FILE=/etc/token", "LENSBUS_METRICS_CERTIFICATE=/etc/m.crt", "LENSBUS_METRICS_KEY=/etc/m.key", "CREDENTIALS_DIRECTORY=/run/credentials/lensbus.service",
	}
	before := slices.Clone(own)
	got := environment(own)
	want := []string{"PATH=/bin", "LENSBUS_LOG_LEVEL=debug", "OPENCV_FFMPEG_LOGLEVEL=32", "EMPTY=", "OPENCV_LOG_LEVEL=ERROR", "OPENCV_IO_MAX_IMAGE_PIXELS=134217728"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if !slices.Equal(own, before) {
		t.Errorf("the caller's was changed: %q", own)
	}
}
