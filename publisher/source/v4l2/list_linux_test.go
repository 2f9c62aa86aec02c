package v4l2

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// tree makes files and links (text that begins with ->) below a new folder.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, content := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		if target, isLink := strings.CutPrefix(content, "->"); isLink {
			err = os.Symlink(target, path)
		} else {
			err = os.WriteFile(path, []byte(content), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestListOfDevicesThatCannotBeAsked(t *testing.T) {
	root := tree(t, map[string]string{
		"sys/video10/name":                     "Tenth \x1b[31mcamera\n",
		"sys/video2/name":                      "Second camera\n",
		"sys/video2/device/driver":             "->../../../bus/usb/drivers/uvcvideo",
		"sys/radio0/name":                      "a radio",
		"sys/videoX/name":                      "no number",
		"sys/v4l-subdev0/name":                 "a part",
		"dev/video10":                          "", // a file, which answers no ioctl
		"dev/v4l/by-id/usb-Tenth-video-index0": "->../../video10",
		"dev/v4l/by-id/usb-Also-video-index0":  "->../../video10",
		"dev/v4l/by-id/usb-Gone-video-index0":  "->../../video11",
	})
	devices, err := listIn(filepath.Join(root, "sys"), filepath.Join(root, "dev"))
	if err != nil || len(devices) != 2 {
		t.Fatalf("%d devices: %v", len(devices), err)
	}
	second, tenth := devices[0], devices[1]
	if second.Path != filepath.Join(root, "dev/video2") || second.Card != "Second camera" || second.Driver != "uvcvideo" || second.Links != nil {
		t.Errorf("second %+v", second)
	}
	if second.Err == nil || !strings.Contains(second.Err.Error(), "--device "+second.Path) {
		t.Errorf("second's error %v, want how to give it to a container", second.Err)
	}
	if tenth.Card != "Tenth ?[31mcamera" || tenth.Capture || tenth.Err == nil || tenth.Err.Error() != "is not a camera (V4L2 device)" {
		t.Errorf("tenth %+v", tenth)
	}
	if len(tenth.Links) != 2 || !strings.HasSuffix(tenth.Links[0], "/by-id/usb-Also-video-index0") || !strings.HasSuffix(tenth.Links[1], "/by-id/usb-Tenth-video-index0") {
		t.Errorf("tenth's links %q", tenth.Links)
	}
}

func TestListWithoutV4L2IsEmpty(t *testing.T) {
	devices, err := listIn(filepath.Join(t.TempDir(), "none"), "/dev")
	if err != nil || len(devices) != 0 {
		t.Errorf("%v: %v", devices, err)
	}
	file := filepath.Join(tree(t, map[string]string{"x": ""}), "x")
	if _, err := listIn(file, "/dev"); err == nil || !strings.Contains(err.Error(), "list the video devices") {
		t.Errorf("error %v", err)
	}
}
