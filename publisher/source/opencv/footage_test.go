//go:build opencv

package opencv

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/publisher/source"
)

// footage is a real recording of 560x320 at 30 fps, H.264, 5.5 s, which gocv's module ships.
func footage(t testing.TB) string {
	t.Helper()
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "gocv.io/x/gocv").Output()
	if err != nil {
		t.Fatalf("find gocv's module: %v", err)
	}
	path := filepath.Join(strings.TrimSpace(string(dir)), "images", "small.mp4")
	if _, err := os.Stat(path); err != nil {
		t.Fatal(err)
	}
	return path
}

// made is a video that ffmpeg writes for this test, called name, from a test pattern and args.
func made(t testing.TB, name string, args ...string) string {
	t.Helper()
	ffmpeg, err := exec.LookPath("ffmpeg")
	if err != nil {
		t.Skip("SKIPPED: needs the program ffmpeg to make a video (package ffmpeg)")
	}
	path := filepath.Join(t.TempDir(), name)
	args = append([]string{"-v", "error", "-nostdin", "-f", "lavfi"}, append(args, path)...)
	if out, err := exec.Command(ffmpeg, args...).CombinedOutput(); err != nil {
		t.Fatalf("ffmpeg: %v: %s", err, out)
	}
	return path
}

// opened opens a source and closes it at the end of the test, after which nothing of it may be left.
func opened(t testing.TB, open source.Opener, spec source.Spec, env source.Env) source.Source {
	t.Helper()
	leaks := goleak.IgnoreCurrent()
	src, err := open(t.Context(), spec, env)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := src.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		if err := src.Close(); err != nil {
			t.Errorf("Close again: %v", err)
		}
		goleak.VerifyNone(t, leaks)
	})
	return src
}

// next takes a picture and checks that it is one.
func next(t testing.TB, src source.Source) (source.Picture, frame.JPEGInfo) {
	t.Helper()
	picture, err := src.Next(t.Context())
	if err != nil {
		t.Fatalf("Next: %v", err)
	}
	info, err := frame.ScanJPEG(picture.Data, frame.Limits{})
	if err != nil {
		t.Fatalf("Next: %v", err)
	}
	if age := time.Since(picture.Captured); age < -time.Millisecond || age > time.Minute {
		t.Fatalf("captured %v ago", age)
	}
	return picture, info
}
