//go:build v4l2 && opencv

package v4l2

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/lensbus/lensbus/frame"
)

// brightness is the raw camera's, as v4l2-ctl has it.
func brightness(t *testing.T) int {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "v4l2-ctl", "-d", rawDevice(), "--get-ctrl", "brightness").CombinedOutput()
	if err != nil {
		t.Fatalf("v4l2-ctl: %v: %s", err, out)
	}
	_, text, _ := strings.Cut(strings.TrimSpace(string(out)), ": ")
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("v4l2-ctl: %v: %s", err, out)
	}
	return n
}

// lensbus runs the program and returns what it prints and says, and how it ends.
func lensbus(t *testing.T, args ...string) (out, said string, err error) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, append([]string{asLensbus}, args...)...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err = cmd.Run()
	return stdout.String(), stderr.String(), err
}

// A control of the device is changed while the camera is published, by lensbus set and by any NATS
// client, and is the driver's: v4l2-ctl reads it. What the device does not take is refused with what it
// takes. It holds when the camera was plugged in anew, and the pictures have no gap.
func TestControlOfAPublishedCamera(t *testing.T) {
	before := brightness(t)
	t.Cleanup(func() {
		if out, err := exec.Command("v4l2-ctl", "-d", rawDevice(), "--set-ctrl", fmt.Sprintf("brightness=%d", before)).CombinedOutput(); err != nil {
			t.Errorf("v4l2-ctl: %v: %s", err, out)
		}
	})
	views, url := publishAt(t, false, map[frame.CameraID]string{"raw": "v4l2:" + rawDevice() + "?width=320&height=180&fps=5"})
	coming := func() {
		t.Helper()
		since := time.Now()
		eventually(t, "pictures come", func() bool { return views["raw"].since(since) >= 3 })
	}
	coming()
	out, said, err := lensbus(t, "set", "raw", "brightness=200", "--server", url)
	if err != nil || !strings.Contains(strings.Join(strings.Fields(out), " "), "brightness 200 ") {
		t.Fatalf("lensbus set: %v: %s%s", err, out, said)
	}
	if got := brightness(t); got != 200 {
		t.Errorf("brightness %d after lensbus set brightness=200", got)
	}
	if _, said, err = lensbus(t, "set", "raw", "brightness=256", "--server", url); err == nil || !strings.Contains(said, "want 0 to 255") {
		t.Errorf("lensbus set brightness=256: %v: %s", err, said)
	}
	coming()

	nc, err := nats.Connect(url)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	set := func(change string) *nats.Msg {
		t.Helper()
		answer, err := nc.Request("cam.raw.control.set", []byte(change), patience)
		if err != nil {
			t.Fatal(err)
		}
		return answer
	}
	if answer := set(`{"controls":{"brightness":90}}`); answer.Header.Get("Nats-Service-Error") != "" || brightness(t) != 90 {
		t.Errorf("brightness %d after a request of 90: %v", brightness(t), answer.Header)
	}
	for _, change := range []string{`{"controls":{"brightness":-1}}`, `{"controls":{"brightness":10,"warmth":1}}`} {
		if answer := set(change); answer.Header.Get("Nats-Service-Error-Code") != "409" {
			t.Errorf("%s: %v", change, answer.Header)
		}
	}
	if got := brightness(t); got != 90 {
		t.Errorf("brightness %d after refusals", got)
	}
	coming()

	unplug(t)
	eventually(t, "the publisher lets go of it", func() bool { // it would else have another name afterwards
		answer, err := nc.Request("cam.raw.control.get", nil, patience)
		return err == nil && bytes.Contains(answer.Data, []byte(`"state":"lost"`))
	})
	replug(t)
	eventually(t, "the brightness is set again", func() bool { return brightness(t) == 90 })
	coming()
	noGap(t, "raw", views["raw"])
}
