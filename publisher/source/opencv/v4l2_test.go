//go:build opencv && linux

package opencv

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lensbus/lensbus/publisher/source"
)

func TestV4L2ThatIsNoneIsAClearError(t *testing.T) {
	plain := filepath.Join(t.TempDir(), "video0")
	if err := os.WriteFile(plain, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct{ name, path, want string }{
		{"missing", "/dev/video63", "no such device: is the camera plugged in?"},
		{"below a file", filepath.Join(plain, "video0"), "no such device"},
		{"folder", t.TempDir(), "is a folder"},
		{"file", plain, "is not a camera"},
		{"other device", os.DevNull, "is not a camera"},
		{"an index", "0", "no such device"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := OpenV4L2(t.Context(), source.Spec{Kind: source.KindV4L2, Address: test.path}, source.Env{})
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), "v4l2:"+test.path) {
				t.Errorf("error %q, want the device and %q", err, test.want)
			}
		})
	}
}

func TestChooseFormat(t *testing.T) {
	for _, test := range []struct {
		asked   string
		offered []string
		want    string
	}{
		{"", []string{"YUYV", "MJPG"}, "MJPG"},
		{"", []string{"YUYV", "JPEG"}, "JPEG"},
		{"", []string{"YUYV"}, ""},
		{"", nil, ""},
		{"YUYV", []string{"YUYV", "MJPG"}, "YUYV"},
		{"NV12", []string{"YUYV", "MJPG"}, "NV12"},
		{"MJPG", []string{"JPEG"}, "JPEG"},
		{"JPEG", []string{"MJPG"}, "MJPG"},
		{"JPEG", []string{"MJPG", "JPEG"}, "JPEG"},
		{"MJPG", []string{"YUYV"}, "MJPG"},
	} {
		if got := chooseFormat(test.asked, test.offered); got != test.want {
			t.Errorf("chooseFormat(%q, %q) = %q, want %q", test.asked, test.offered, got, test.want)
		}
	}
}

func TestUnhonouredRequestsAreWarnings(t *testing.T) {
	spec := source.Spec{PixelFormat: "NV12", Width: 1920, Height: 1080, FPS: 60}
	got := unhonoured(spec, source.Info{Format: "YUYV", FPS: 30}, 1280, 720, []string{"YUYV", "MJPG"})
	want := []string{
		"asked for format NV12, the camera gives YUYV (it offers YUYV, MJPG)",
		"asked for 1920x1080, the camera gives 1280x720",
		"asked for 60 fps, the camera says 30",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
	for _, honoured := range []struct {
		spec source.Spec
		info source.Info
	}{
		{source.Spec{}, source.Info{Format: "YUYV", FPS: 30}},
		{source.Spec{PixelFormat: "JPEG"}, source.Info{Format: "MJPG"}},
		{source.Spec{Width: 640, Height: 480, FPS: 30}, source.Info{FPS: 29.97}},
	} {
		if lines := unhonoured(honoured.spec, honoured.info, 640, 480, nil); slices.Compact(lines) != nil {
			t.Errorf("warnings %q for %+v", lines, honoured.info)
		}
	}
}

func TestFourCCName(t *testing.T) {
	for value, want := range map[float64]string{
		0x47504A4D: "MJPG", 0x20303159: "Y10", 0: "", -1: "", 1e30: "", 0x01020304: "",
	} {
		if got := fourccName(value); got != want {
			t.Errorf("fourccName(%v) = %q, want %q", value, got, want)
		}
	}
}
