//go:build opencv

package opencv

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/lensbus/lensbus/publisher/source"
)

func TestAnyOpensAFileAndPacesIt(t *testing.T) {
	path := made(t, "any.avi", "-i", "testsrc2=size=160x120:rate=10:duration=0.5", "-c:v", "mjpeg")
	src := opened(t, OpenAny, source.Spec{Kind: source.KindOpenCV, Address: path}, source.Env{})
	first, _ := next(t, src)
	last := first
	for {
		picture, err := src.Next(t.Context())
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		last = picture
	}
	if took := last.Captured.Sub(first.Captured); took.Milliseconds() < 350 {
		t.Errorf("5 pictures at 10 a second took %v", took)
	}
}

func TestAnyOpensAPipeline(t *testing.T) {
	if !slices.Contains(Backends(), "GSTREAMER") {
		t.Skip("SKIPPED: this OpenCV has no GStreamer")
	}
	spec := source.Spec{Kind: source.KindOpenCV, Address: "videotestsrc is-live=true ! video/x-raw,width=320,height=240,framerate=20/1 ! videoconvert ! appsink"}
	src, err := OpenAny(t.Context(), spec, source.Env{})
	if err != nil {
		t.Skipf("SKIPPED: needs GStreamer's videotestsrc (package gstreamer1.0-plugins-base): %v", err)
	}
	defer func() { _ = src.Close() }()
	if _, info := next(t, src); info.Width != 320 || info.Height != 240 {
		t.Errorf("picture of %dx%d, want 320x240", info.Width, info.Height)
	}
}

func TestAnyThatCannotBeOpenedShowsNoCredentials(t *testing.T) {
	for name, address := range map[string]string{
		"nonsense": "certainly not a video",
		"pipeline": "nosuchelement user-pw=hunter2 ! appsink",
		"url":      "http://admin:hunter2@127.0.0.1:1/video?token=hunter2",
		"index":    "63",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := OpenAny(t.Context(), source.Spec{Kind: source.KindOpenCV, Address: address}, source.Env{})
			if err == nil {
				t.Fatal("opened")
			}
			if strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %q", err)
			}
		})
	}
}

func TestVersionAndBackends(t *testing.T) {
	if !Built || Version() == "" || !slices.Contains(Backends(), "FFMPEG") {
		t.Errorf("Built %v, Version %q, Backends %v", Built, Version(), Backends())
	}
}
