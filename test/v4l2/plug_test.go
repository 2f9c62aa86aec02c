//go:build v4l2 && opencv

package v4l2

import (
	"os"
	"testing"
)

func loopback() string { return os.Getenv(envLoopback) }

// unplug takes all raw cameras away. They are back at the end of the test.
func unplug(t *testing.T) {
	t.Helper()
	plug(t, "unbind")
	t.Cleanup(func() {
		if !plugged() {
			replug(t)
		}
	})
	eventually(t, "the raw camera is gone", func() bool { return !plugged() })
}

func replug(t *testing.T) {
	t.Helper()
	plug(t, "bind")
	eventually(t, "the raw camera is back", plugged)
}

func plugged() bool {
	_, err := os.Stat(rawDevice())
	return err == nil
}

// plug tells the driver, as the bus does when somebody pulls the cable.
func plug(t *testing.T, what string) {
	t.Helper()
	if err := os.WriteFile("/sys/bus/platform/drivers/vivid/"+what, []byte("vivid.0"), 0); err != nil {
		t.Fatal(err)
	}
}
